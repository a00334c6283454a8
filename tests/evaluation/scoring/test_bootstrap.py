"""Intervals by the bootstrap over images."""

import json
import subprocess
import sys
from itertools import product

import numpy as np
import pandas as pd
import pytest

from vqatune.evaluation import score
from vqatune.evaluation.scoring.bootstrap import (
    image_sums,
    interval,
    resampled_means,
    resampled_means_over_runs,
)


def _interval(images, values, weights=None, resamples=1000, seed=3) -> tuple[float, float]:
    values = np.asarray(values, dtype=np.float64)[:, None]
    weights = np.ones_like(values) if weights is None else np.asarray(weights, dtype=np.float64)[:, None]
    sums = image_sums(np.asarray(images), values * weights, weights)
    low, high = interval(resampled_means(*sums, resamples, seed))
    return low.item(), high.item()


def _clustered(generator, images: int, questions: int) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong answers, 0.6 of them right in all, much alike within an image."""
    easy = generator.beta(1.2, 0.8, images)
    right = generator.random((images, questions)) < easy[:, None]
    return np.repeat(np.arange(images), questions), right.astype(np.float64).ravel()


def test_the_interval_holds_the_true_mean_nineteen_times_in_twenty():
    generator = np.random.default_rng(5)
    by_image, by_question = [], []
    for number in range(200):
        images, right = _clustered(generator, 60, 6)
        for found, clusters in ((by_image, images), (by_question, np.arange(len(right)))):
            low, high = _interval(clusters, right, resamples=300, seed=number)
            found.append(low <= 0.6 <= high)
    assert 0.91 <= np.mean(by_image) <= 0.98
    # As if an image's questions were independent, which they are not.
    assert np.mean(by_question) < 0.85


def test_questions_that_share_an_image_make_the_interval_wider():
    images, right = _clustered(np.random.default_rng(1), 100, 10)
    alone, together = _interval(np.arange(1000), right), _interval(images, right)
    assert together[1] - together[0] > 1.5 * (alone[1] - alone[0])


def test_more_images_make_the_interval_narrower():
    images, right = _clustered(np.random.default_rng(1), 400, 5)
    few, many = _interval(images[:500], right[:500]), _interval(images, right)
    # By the square root of 4.
    assert (few[1] - few[0]) / (many[1] - many[0]) == pytest.approx(2, rel=0.25)


def test_resamples_are_those_of_counting_every_possible_draw():
    images, earned, possible = [0, 0, 1, 2], [2.0, 0.0, 0.0, 1.0], [2.0, 1.0, 0.0, 4.0]
    sums, totals = image_sums(np.array(images), np.array(earned)[:, None], np.array(possible)[:, None])
    assert sums.ravel().tolist() == [2.0, 0.0, 1.0] and totals.ravel().tolist() == [3.0, 0.0, 4.0]
    drawn = resampled_means(sums, totals, 40_000, 2).ravel()
    possible = []
    for images in product(range(3), repeat=3):
        top, bottom = sums[list(images)].sum(), totals[list(images)].sum()
        possible.append(top / bottom if bottom else np.nan)
    assert np.isnan(drawn).mean() == pytest.approx(1 / 27, abs=0.005)
    for mean in set(np.round([mean for mean in possible if not np.isnan(mean)], 9)):
        wanted = np.isclose(possible, mean).mean()
        assert np.isclose(drawn, mean).mean() == pytest.approx(wanted, abs=0.01)


def test_the_ends_are_the_percentiles_that_leave_out_one_in_twenty():
    means = np.random.default_rng(0).permutation(np.arange(1001.0))[:, None]
    low, high = interval(means)
    assert (low.item(), high.item()) == (25.0, 975.0)


def test_a_value_that_weighs_nothing_does_not_count():
    images, values = np.repeat(np.arange(40), 2), np.tile([1.0, 0.0, 0.5, 0.25], 20)
    spoiled = np.concatenate([values, [0.75, 0.0, 1.0]])
    weights = np.concatenate([np.ones(80), [0.0, 0.0, 0.0]])
    assert _interval(np.concatenate([images, [0, 7, 39]]), spoiled, weights) == _interval(images, values)


def test_a_pair_that_weighs_twice_counts_as_two():
    images, values = np.arange(50), np.random.default_rng(0).integers(0, 8, 50) / 8
    weights = np.where(images % 3 == 0, 2.0, 1.0)
    twice = np.concatenate([images, images[::3]])
    assert _interval(images, values, weights) == _interval(twice, values[twice])


def test_all_that_is_known_of_one_image_is_its_mean():
    assert _interval([0, 0, 0, 0], [1.0, 0.0, 0.0, 0.0]) == (0.25, 0.25)


def test_a_column_without_a_value_has_no_interval():
    assert np.isnan(_interval([0, 1], [0.0, 0.0], weights=[0.0, 0.0])).all()
    both, counted = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    low, high = interval(resampled_means(*image_sums(np.array([0, 1]), both, counted), 100, 0))
    assert (low[0], high[0]) == (0.0, 1.0) and np.isnan([low[1], high[1]]).all()


def test_columns_are_drawn_together_whatever_their_number():
    values = np.random.default_rng(4).random((30, 3))
    ones = np.ones((30, 3))
    together = resampled_means(*image_sums(np.arange(30), values, ones), 50, 9)
    alone = resampled_means(*image_sums(np.arange(30), values[:, 1:2], ones[:, :1]), 50, 9)
    np.testing.assert_allclose(together[:, 1], alone[:, 0], rtol=1e-12)
    # Two columns of the same values differ in no resample.
    same = resampled_means(*image_sums(np.arange(30), values[:, [0, 0]], ones[:, :2]), 50, 9)
    assert (same[:, 0] == same[:, 1]).all()


def _frame() -> pd.DataFrame:
    answers = np.random.default_rng(8).choice(["red", "dark red", "blue"], 60)
    return pd.DataFrame(
        {"prediction": answers, "references": "red", "image_id": [f"i{n * 7 % 12}" for n in range(60)]}
    )


def test_the_seed_decides_the_draws_and_the_order_of_images_does_not():
    frame = _frame()
    first = score(frame, ["exact_match", "jaccard"], seed=1).totals
    turned = score(frame.iloc[::-1], ["exact_match", "jaccard"], seed=1).totals
    pd.testing.assert_frame_equal(first, turned, check_exact=True)
    other = score(frame, ["exact_match", "jaccard"], seed=2).totals
    assert first["value"].equals(other["value"]) and not first[["low", "high"]].equals(other[["low", "high"]])


def test_another_process_draws_the_same():
    frame = _frame()
    code = """
import json, sys, pandas
from vqatune.evaluation import score
frame = pandas.DataFrame(json.load(sys.stdin))
print(json.dumps(score(frame, ["exact_match", "jaccard"]).totals.to_dict("list")))
"""
    text = json.dumps(frame.to_dict("list"))
    done = subprocess.run(
        [sys.executable, "-c", code], input=text, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == score(frame, ["exact_match", "jaccard"]).totals.to_dict("list")


def _trained(
    generator, runs: int, effect: float, noise: float, images: int = 80
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sums and totals of runs whose true score differs by `noise` from run to run, and by image."""
    hard = generator.normal(0, 0.2, images)
    return [
        (
            (effect + generator.normal(0, noise) + hard + generator.normal(0, 0.1, images))[:, None],
            np.ones((images, 1)),
        )
        for _ in range(runs)
    ]


def test_of_one_run_the_resamples_are_those_of_its_images():
    sums, totals = image_sums(
        *_clustered(np.random.default_rng(2), 40, 5)[:1], np.ones((200, 1)), np.ones((200, 1))
    )
    alone = resampled_means(sums, totals, 50, 3)
    assert np.array_equal(resampled_means_over_runs([sums], [totals], 50, 3, "v1"), alone)


def test_the_interval_over_runs_holds_the_true_mean_where_that_of_one_run_does_not():
    generator = np.random.default_rng(8)
    over_runs, of_one = [], []
    for number in range(40):
        sums, totals = zip(*_trained(generator, 8, 0.5, 0.05), strict=True)
        low, high = interval(resampled_means_over_runs(sums, totals, 150, number, "v1"))
        over_runs.append(low <= 0.5 <= high)
        low, high = interval(resampled_means(sums[0], totals[0], 300, number))
        of_one.append(low <= 0.5 <= high)
    assert np.mean(over_runs) > 0.9
    assert np.mean(of_one) < 0.75


def test_runs_that_are_all_the_same_add_nothing_to_the_interval_of_the_images():
    sums, totals = _trained(np.random.default_rng(1), 1, 0.5, 0.0)[0]
    same = resampled_means_over_runs([sums] * 5, [totals] * 5, 200, 3, "v1")
    np.testing.assert_allclose(same, resampled_means(sums, totals, 200, 3), rtol=1e-12)
