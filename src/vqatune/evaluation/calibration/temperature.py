"""Temperature scaling: probabilities that are shares of right answers.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, with the probability of a whole answer in place of a class's:
exp(log_probability / T).
"""

import math

import numpy as np
from scipy.optimize import minimize_scalar

from vqatune.errors import DataError

_SUREST = -(2.0**-24)
"""float32 has no probability between this one's and 1, so a log-probability of 0 stands for it."""


def fit_temperature(log_probability: np.ndarray, right: np.ndarray) -> float:
    """Return the temperature above 0 with the least cross-entropy of whether answers are right.

    Args:
        log_probability: float64 (answers,), finite, at most 0.
        right: bool (answers,).

    Raises DataError where there is no answer, or all are right or all wrong, so that no finite temperature is the best.
    """
    if not len(right):
        raise DataError("there is no answer with a probability to fit a temperature to")
    if right.all() or not right.any():
        what, end = ("right", "infinity") if right.all() else ("wrong", "0")
        raise DataError(
            f"all {len(right):,} answers are {what}: the best temperature is {end}, so none is fitted; take a set with both"
        )
    surprise = -np.minimum(log_probability, _SUREST)
    wrong = np.count_nonzero(~right)
    # Where the derivative is 0, Σ right a = Σ wrong a/(exp(a/T) - 1), which is at most T and at least T - a/2 each.
    least = surprise[right].sum() / wrong
    most = least + surprise[~right].sum() / wrong / 2
    found = minimize_scalar(
        lambda log_temperature: cross_entropy(log_probability, right, math.exp(log_temperature)),
        bounds=(math.log(least), math.log(most)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return math.exp(found.x)


def cross_entropy(log_probability: np.ndarray, right: np.ndarray, temperature: float = 1.0) -> float:
    """Return the mean binary cross-entropy, in nats, of whether answers are right. Args are as for `fit_temperature`."""
    scaled = np.minimum(log_probability, _SUREST) / temperature
    return float(-np.where(right, scaled, np.log(-np.expm1(scaled))).mean())
