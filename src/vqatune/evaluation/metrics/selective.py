"""How well an answer's probability says whether it is right: what a model that may abstain goes by.

Each function takes answers with their weights, a row a resample, and returns a value a row. Answers of the same probability
stand for each other: each counts with the mean of them all.

Geifman & El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017 (risk and coverage); Guo et al., "On
Calibration of Modern Neural Networks", ICML 2017 (expected calibration error).
"""

import numpy as np

BINS = 15
"""Of the expected calibration error; each has as many answers."""


def auroc(probability: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve: how often a positive is more probable than a negative; ties count half.

    Args:
        probability: float64 (answers,).
        positive: bool (answers,).
        weights: float64 (resamples, answers).

    Returns:
        float64 (resamples,), NaN where there is no positive or no negative.
    """
    order, starts = _order(probability)
    weights, positive = weights[:, order], positive[order]
    positives = np.add.reduceat(weights * positive, starts, axis=1)
    negatives = np.add.reduceat(weights * ~positive, starts, axis=1)
    above = np.cumsum(positives, axis=1) - positives
    won = (negatives * (above + positives / 2)).sum(1)
    return _divide(won, positives.sum(1) * negatives.sum(1))


def aurc(probability: np.ndarray, correct: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the area under the risk–coverage curve: the mean share of wrong answers among the k most probable, over all k.

    Args and results are as for `auroc`; `correct` is float64 (answers,), in 0–1.
    """
    weights, covered, right, _ = _cumulated(probability, correct, weights)
    risk = 1 - _divide(right, covered)
    return _divide(np.nansum(weights * risk, axis=1), covered[:, -1])


def accuracy_at(
    coverage: float, probability: np.ndarray, correct: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the share of right ones among the most probable answers, `coverage` (above 0, at most 1) of all.

    Args and results are otherwise as for `aurc`; the last answer counts in part where the coverage ends within it.
    """
    _, covered, right, _ = _cumulated(probability, correct, weights)
    wanted = coverage * covered[:, -1]
    return _divide(_at(wanted[:, None], covered, right)[:, 0], wanted)


def calibration_bins(
    probability: np.ndarray, correct: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean probability and the share of right answers in bins of equal weight, the most probable answers first.

    Both are float64 (resamples, BINS). Args are as for `aurc`; an answer on the border of two bins counts in part in each.
    """
    _, covered, right, sure = _cumulated(probability, correct, weights)
    bounds = covered[:, -1:] * np.linspace(0, 1, BINS + 1)
    size = covered[:, -1:] / BINS
    sure, right = (_divide(np.diff(_at(bounds, covered, sums), axis=1), size) for sums in (sure, right))
    return sure, right


def expected_calibration_error(
    probability: np.ndarray, correct: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return how far probability and share of right answers are apart, over the bins of `calibration_bins`.

    Args and results are as for `aurc`.
    """
    sure, right = calibration_bins(probability, correct, weights)
    return np.abs(sure - right).mean(1)


def risk_coverage(probability: np.ndarray, correct: np.ndarray, points: int = 50) -> np.ndarray:
    """Return the risk–coverage curve of answers: float64 (points, 2), coverage and the share of wrong answers there."""
    _, covered, right, _ = _cumulated(probability, correct, np.ones((1, len(probability))))
    coverage = np.linspace(0, 1, points + 1)[1:]
    wanted = covered[:, -1:] * coverage
    return np.stack([coverage, 1 - (_at(wanted, covered, right) / wanted)[0]], axis=1)


def _order(probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the order of answers, the most probable first, and where in it each distinct probability begins."""
    order = np.argsort(-probability, kind="stable")
    ordered = probability[order]
    return order, np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])


def _cumulated(
    probability: np.ndarray, correct: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return weights in order, and cumulative sums of weights, right answers and probabilities: each (resamples, answers)."""
    order, starts = _order(probability)
    weights, correct = weights[:, order], correct[order]
    sizes = np.diff(np.r_[starts, len(order)])
    means = _divide(
        np.add.reduceat(weights * correct, starts, axis=1), np.add.reduceat(weights, starts, axis=1)
    )
    right = np.cumsum(weights * np.repeat(np.nan_to_num(means), sizes, axis=1), axis=1)
    return weights, np.cumsum(weights, axis=1), right, np.cumsum(weights * probability[order], axis=1)


def _at(wanted: np.ndarray, covered: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Return cumulative sums at the covered weights that are wanted, row by row; between two answers, in proportion."""
    zero = np.zeros((len(covered), 1))
    covered, sums = np.hstack([zero, covered]), np.hstack([zero, sums])
    return np.stack([np.interp(*row) for row in zip(wanted, covered, sums, strict=True)])


def _divide(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    shape = np.broadcast_shapes(numerators.shape, denominators.shape)
    return np.divide(numerators, denominators, out=np.full(shape, np.nan), where=denominators > 0)
