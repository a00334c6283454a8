"""Metrics, scores, comparisons, and files of predictions. `score` scores any predictions."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqatune.evaluation.scoring.score import Scores, score

__all__ = ["Scores", "score"]


def __getattr__(name: str) -> Any:
    # When it is first used: the report imports the table of metrics from here, and scores nothing.
    if name in __all__:
        from vqatune.evaluation.scoring import score as module

        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
