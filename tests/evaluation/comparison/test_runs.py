"""Versions that were trained several times: means over the runs, and intervals that cover them."""

import numpy as np
import pandas as pd
import pytest

from vqatune.errors import DataError
from vqatune.evaluation.comparison.compare import compare_pairs
from vqatune.evaluation.comparison.runs import compare_runs
from vqatune.evaluation.scoring.score import Scores, score

EXACT = ["exact_match"]


def _run(right: np.ndarray) -> Scores:
    """Score a run that answers some questions rightly, two an image, half of them of each kind."""
    pairs = pd.DataFrame({"image_id": [f"i{number // 2:03}" for number in range(len(right))]})
    pairs["kind"] = np.where(np.arange(len(right)) % 2, "color", "count")
    pairs["references"] = "red"
    return score(pairs.assign(prediction=np.where(right, "red", "blue")), EXACT)


def _trainings(share: float, noise: float, runs: int, seed: int, pairs: int = 200) -> list[Scores]:
    """Runs that are right about a share of the questions, which differs from run to run."""
    generator = np.random.default_rng(seed)
    hard = generator.random(pairs)
    return [_run(hard < share + generator.normal(0, noise)) for _ in range(runs)]


def _exact(found) -> pd.Series:
    return found.metrics.iloc[0]


def test_values_are_means_over_the_runs():
    first, second = _trainings(0.5, 0.1, 3, 1), _trainings(0.7, 0.1, 4, 2)
    found = compare_runs(first, second, 200, 13, ["kind"], paired=False)
    shares = [np.mean([run.pairs["exact_match"].mean() for run in side]) for side in (first, second)]
    row = _exact(found)
    assert [row["first"], row["second"]] == pytest.approx(shares, rel=1e-12)
    assert row["difference"] == row["second"] - row["first"] and row["low"] < row["difference"] < row["high"]
    assert found.trainings == (3, 4) and found.changed.empty
    assert found.slices.set_index("value").loc[["color", "count"], "pairs"].tolist() == [100, 100]


def test_one_run_each_is_the_comparison_of_two_versions():
    first, second = _trainings(0.5, 0.0, 1, 1)[0], _trainings(0.7, 0.0, 1, 2)[0]
    ours = compare_runs([first], [second], 200, 13, ["kind"], paired=False)
    theirs = compare_pairs(first, second, 200, 13, ["kind"], ["image_id"])
    pd.testing.assert_frame_equal(ours.metrics, theirs.metrics)
    pd.testing.assert_frame_equal(ours.slices, theirs.slices)


def test_the_noise_of_training_makes_the_interval_wider():
    quiet, noisy = (
        compare_runs(_trainings(0.5, noise, 6, 1), _trainings(0.6, noise, 6, 2), 400, 13, [], paired=False)
        for noise in (0.0, 0.15)
    )
    widths = [_exact(found)["high"] - _exact(found)["low"] for found in (quiet, noisy)]
    assert widths[1] > 1.5 * widths[0]


def test_what_paired_runs_have_in_common_is_no_part_of_their_difference():
    # Every training has another level, and its second version is right about five questions more.
    levels = np.random.default_rng(4).integers(60, 140, 6)
    first, second = ([_run(np.arange(200) < level + more) for level in levels] for more in (0, 5))
    alone, together = (
        _exact(compare_runs(first, second, 400, 13, [], paired=paired)) for paired in (False, True)
    )
    assert alone["low"] < 0 < alone["high"]
    assert 0 <= together["low"] <= together["difference"] == pytest.approx(0.025) and together["high"] < 0.1


def test_paired_runs_of_different_numbers_are_refused():
    runs = _trainings(0.5, 0.0, 3, 1)
    with pytest.raises(DataError, match="3 runs and 2 cannot be paired"):
        compare_runs(runs, runs[:2], 10, 13, [], paired=True)
