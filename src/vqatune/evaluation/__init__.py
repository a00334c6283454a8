"""Predictions for the test set, and the scores of these or of any others."""

from vqatune.evaluation.scoring.score import Scores, score

__all__ = ["Scores", "score"]
