"""Predictions for the test set and the scores of every version."""
