"""Whether a version knows what it knows: its answers' probability against whether they are right.

Over the pairs of the test set, whose answers can be seen, and those of the task unanswerable, whose answers cannot.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from vqatune.evaluation.metrics.selective import (
    accuracy_at,
    aurc,
    auroc,
    calibration_bins,
    expected_calibration_error,
    risk_coverage,
)
from vqatune.evaluation.metrics.text import plain
from vqatune.evaluation.scoring.bootstrap import draws, interval
from vqatune.params import Params

COVERAGE = 0.8
POINTS = ["curve", "x", "y"]
"""The columns of `knowing_curves`."""

Value = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def knowing(general: pd.DataFrame, unanswerable: pd.DataFrame, params: Params) -> Iterator[tuple]:
    """Yield rows of scores (tasks.COLUMNS): answerable_auroc, aurc, accuracy_at_80 and ece.

    The last three are of the test set. Pairs without a probability are left out; where none has one, as of a blind guess, or
    where a metric has no value, there is no row. Args: image_id, prediction, answer and log_probability.
    """
    for name, pairs, column, value in measures(general, unanswerable):
        found = _with_interval(pairs, column, value, params)
        if found is not None:
            yield "unanswerable", "", "", name, *found, len(pairs), int(pairs["image_id"].nunique())


def measures(
    general: pd.DataFrame, unanswerable: pd.DataFrame
) -> Iterator[tuple[str, pd.DataFrame, str, Value]]:
    """Yield each metric of `knowing`: its name, its pairs, the column of them that says what is positive, and its function."""
    seen, unseen = _answers(general), _answers(unanswerable)
    both = pd.concat([seen.assign(of=1.0), unseen.assign(of=0.0)], ignore_index=True)

    def answerable(probability: np.ndarray, of: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return auroc(probability, of == 1.0, weights)

    def at_coverage(probability: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return accuracy_at(COVERAGE, probability, right, weights)

    yield from (
        ("answerable_auroc", both, "of", answerable),
        ("aurc", seen, "right", aurc),
        ("accuracy_at_80", seen, "right", at_coverage),
        ("ece", seen, "right", expected_calibration_error),
    )


def knowing_curves(general: pd.DataFrame) -> pd.DataFrame:
    """Return the points of two curves over the test set: POINTS.

    risk_coverage: x is the share of questions that are answered, the most probable answers first, y the share of wrong ones
    among them. reliability: x is the mean probability of a bin of answers, y the share of right ones in it.
    """
    seen = _answers(general)
    if seen.empty:
        return pd.DataFrame(columns=POINTS)
    probability, right = seen["probability"].to_numpy(), seen["right"].to_numpy()
    risk = pd.DataFrame(risk_coverage(probability, right), columns=["x", "y"]).assign(curve="risk_coverage")
    sure, share = calibration_bins(probability, right, np.ones((1, len(seen))))
    bins = pd.DataFrame({"x": sure[0], "y": share[0]}).assign(curve="reliability")
    return pd.concat([risk, bins.sort_values("x")], ignore_index=True)[POINTS]


def _answers(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return qa_id, image_id, probability and right of the pairs that have a probability, sorted by qa_id."""
    known = pairs.dropna(subset="log_probability").sort_values("qa_id", ignore_index=True)
    right = known["prediction"].map(plain) == known["answer"].map(plain)
    return pd.DataFrame(
        {
            "qa_id": known["qa_id"],
            "image_id": known["image_id"],
            "probability": np.exp(known["log_probability"].astype("float64")),
            "right": right.astype("float64"),
        }
    )


def _with_interval(
    pairs: pd.DataFrame, column: str, value: Value, params: Params
) -> tuple[float, float, float] | None:
    """Return a metric's value over all pairs and the ends of its interval over images; None where it has no value."""
    found, values = resampled(pairs, column, value, params)
    if np.isnan(found):
        return None
    low, high = interval(values[:, None])
    return found, float(low[0]), float(high[0])


def resampled(pairs: pd.DataFrame, column: str, value: Value, params: Params) -> tuple[float, np.ndarray]:
    """Return a metric's value over all pairs, and in each resample of their images (float64); NaN and none where it has none."""
    nothing = np.nan, np.empty(0)
    if pairs.empty:
        return nothing
    probability, of = pairs["probability"].to_numpy(), pairs[column].to_numpy()
    [found] = value(probability, of, np.ones((1, len(pairs))))
    if np.isnan(found):
        return nothing
    images, _ = pd.factorize(pairs["image_id"], sort=True)
    drawn = draws(int(images.max()) + 1, params.eval.resamples, params.seed)
    return float(found), np.concatenate([value(probability, of, counts[:, images]) for counts in drawn])
