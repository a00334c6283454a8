"""Scores of an answer's probability, against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from vqatune.evaluation.metrics.selective import (
    BINS,
    accuracy_at,
    aurc,
    auroc,
    calibration_bins,
    expected_calibration_error,
    risk_coverage,
)

ANSWERS = st.lists(
    st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9, 1.0]), st.booleans(), st.integers(0, 3)),
    min_size=2,
    max_size=40,
)


def ones(count: int) -> np.ndarray:
    return np.ones((1, count))


@given(ANSWERS)
def test_the_area_under_the_roc_curve_is_scikit_learns_with_ties_and_weights(answers):
    probability, positive, weights = map(np.array, zip(*answers, strict=True))
    [found] = auroc(probability, positive, weights[None].astype(float))
    if weights[positive].sum() and weights[~positive].sum():
        assert found == pytest.approx(roc_auc_score(positive, probability, sample_weight=weights), abs=1e-12)
    else:
        assert np.isnan(found)


@given(ANSWERS)
def test_a_weight_is_as_many_copies_of_an_answer(answers):
    probability, correct, weights = map(np.array, zip(*answers, strict=True))
    if not weights.sum():
        return
    copies = np.repeat(np.arange(len(answers)), weights)
    correct = correct.astype(float)
    for of in (expected_calibration_error, lambda *args: accuracy_at(0.8, *args)):
        [weighted] = of(probability, correct, weights[None].astype(float))
        [copied] = of(probability[copies], correct[copies], ones(len(copies)))
        assert weighted == pytest.approx(copied, abs=1e-9)


def test_the_risk_coverage_curve_by_hand():
    probability, correct = np.array([0.9, 0.2, 0.8, 0.4]), np.array([1.0, 0.0, 0.0, 1.0])
    # The most probable: right, wrong, right, wrong.
    assert aurc(probability, correct, ones(4)) == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)
    assert accuracy_at(0.5, probability, correct, ones(4)) == pytest.approx(0.5)
    assert accuracy_at(1, probability, correct, ones(4)) == pytest.approx(0.5)
    # 3.2 answers: two right ones, and a fifth of the last, which is wrong.
    assert accuracy_at(0.8, probability, correct, ones(4)) == pytest.approx(2 / 3.2)
    assert risk_coverage(probability, correct, points=4).tolist() == [
        [0.25, 0.0],
        [0.5, 0.5],
        [0.75, pytest.approx(1 / 3)],
        [1.0, 0.5],
    ]


def test_answers_of_one_probability_count_with_their_mean_in_any_order():
    probability = np.array([0.5, 0.5, 0.5, 0.5])
    for correct in ([1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]):
        correct = np.array(correct, dtype=float)
        assert aurc(probability, correct, ones(4)) == pytest.approx(0.5)
        assert accuracy_at(0.25, probability, correct, ones(4)) == pytest.approx(0.5)


def test_a_model_that_knows_is_better_than_one_that_does_not():
    correct = np.array([1.0] * 70 + [0.0] * 30)
    knows, not_at_all = np.linspace(1, 0, 100), np.full(100, 0.5)
    assert aurc(knows, correct, ones(100)) < aurc(not_at_all, correct, ones(100)) == pytest.approx(0.3)
    assert accuracy_at(0.7, knows, correct, ones(100)) == pytest.approx(1)


def test_calibration_is_measured_in_bins_of_as_many_answers():
    generator = np.random.default_rng(1)
    probability, correct = generator.random(30 * BINS), (generator.random(30 * BINS) < 0.4).astype(float)
    parts = np.array_split(np.argsort(-probability), BINS)
    gaps = [abs(probability[part].mean() - correct[part].mean()) for part in parts]
    [error] = expected_calibration_error(probability, correct, ones(len(probability)))
    assert error == pytest.approx(np.mean(gaps))
    sure, right = calibration_bins(probability, correct, ones(len(probability)))
    assert sure[0] == pytest.approx([probability[part].mean() for part in parts])
    assert right[0] == pytest.approx([correct[part].mean() for part in parts])


def test_probabilities_that_are_shares_of_right_answers_have_no_error():
    probability = np.repeat([0.8, 0.4], [15 * 5, 15 * 5])
    correct = np.concatenate([np.tile([1, 1, 1, 1, 0], 15), np.tile([1, 0, 0, 1, 0], 15)]).astype(float)
    assert expected_calibration_error(probability, correct, ones(150)) == pytest.approx(0, abs=1e-12)
