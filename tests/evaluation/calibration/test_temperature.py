"""The temperature, against a grid search with scikit-learn's cross-entropy, and its properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from vqatune.errors import DataError
from vqatune.evaluation.calibration.temperature import cross_entropy, fit_temperature

ANSWERS = st.lists(st.tuples(st.floats(-30, -1e-5), st.booleans()), min_size=2, max_size=40).filter(
    lambda answers: len({right for _, right in answers}) == 2
)


def _arrays(answers) -> tuple[np.ndarray, np.ndarray]:
    log_probability, right = zip(*answers, strict=True)
    return np.array(log_probability), np.array(right)


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_it_is_the_best_of_a_fine_grid_and_near_the_one_that_answers_were_drawn_with(true):
    random = np.random.default_rng(0)
    log_probability = -random.exponential(1.0, 4000)
    right = random.random(4000) < np.exp(log_probability / true)
    found = fit_temperature(log_probability, right)
    best, losses = true, []
    # A grid, and a finer one around its best.
    for width, steps in ((1, 201), (0.01, 41)):
        grid = np.exp(np.linspace(np.log(best) - width, np.log(best) + width, steps))
        losses = [log_loss(right, np.exp(log_probability / temperature)) for temperature in grid]
        best = grid[np.argmin(losses)]
    assert found == pytest.approx(best, rel=1e-3)
    assert cross_entropy(log_probability, right, found) == pytest.approx(min(losses), rel=1e-6)
    assert found == pytest.approx(true, rel=0.1)


@given(ANSWERS)
def test_no_temperature_is_better_and_the_derivative_is_zero(answers):
    log_probability, right = _arrays(answers)
    found = fit_temperature(log_probability, right)
    best = cross_entropy(log_probability, right, found)
    for factor in (1e-3, 0.5, 0.99, 1.01, 2, 1e3):
        assert best <= cross_entropy(log_probability, right, found * factor) + 1e-9
    surprise = -log_probability
    pull = (surprise[~right] / np.expm1(np.minimum(surprise[~right] / found, 700))).sum()
    assert pull == pytest.approx(surprise[right].sum(), rel=1e-3)


@given(ANSWERS, st.floats(0.1, 10))
def test_log_probabilities_that_are_scaled_have_a_temperature_that_is_scaled(answers, factor):
    log_probability, right = _arrays(answers)
    found = fit_temperature(log_probability, right)
    assert fit_temperature(log_probability * factor, right) == pytest.approx(found * factor, rel=1e-3)


def test_answers_that_are_certain_and_wrong_have_a_finite_cross_entropy():
    log_probability, right = np.array([0.0, 0.0, -1.0]), np.array([True, False, False])
    assert 0 < fit_temperature(log_probability, right) < 1
    assert np.isfinite(cross_entropy(log_probability, right))


@pytest.mark.parametrize(
    ("right", "said"),
    [([True] * 3, "all 3 answers are right"), ([False] * 3, "all 3 answers are wrong"), ([], "no answer")],
)
def test_where_no_temperature_is_the_best_it_is_said(right, said):
    with pytest.raises(DataError, match=said):
        fit_temperature(np.full(len(right), -0.5), np.array(right, dtype=bool))
