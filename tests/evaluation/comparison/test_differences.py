"""Differences of two sides of one run, by the paired bootstrap as it is written in books."""

import numpy as np
import pandas as pd
import pytest

from vqatune.evaluation.comparison.differences import Resampling, metric_differences, slice_differences
from vqatune.evaluation.scoring.bootstrap import interval, resampled_means
from vqatune.evaluation.scoring.score import Scores, mean_sums, score


def _two(images: bool) -> list[Scores]:
    """Two predictions of the same 120 pairs, three an image where they have images."""
    generator = np.random.default_rng(5)
    pairs = pd.DataFrame({"references": ["red"] * 120, "kind": ["color", "count", "use"] * 40})
    if images:
        pairs["image_id"] = [f"i{number // 3:02}" for number in range(120)]
    said = [np.where(generator.random(120) < share, "red", "reed") for share in (0.4, 0.7)]
    return [score(pairs.assign(prediction=texts), ["exact_match", "fuzzy"]) for texts in said]


def _paired(first: pd.DataFrame, second: pd.DataFrame, names: list[str]) -> list[np.ndarray]:
    """Return the ends of the intervals, of both sides' metrics beside each other in the same resamples."""
    both = [
        np.concatenate(two, 1) for two in zip(*(mean_sums(x, names) for x in (first, second)), strict=True)
    ]
    before, after = np.split(resampled_means(*both, 300, 13), 2, axis=1)
    return list(interval(after - before))


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("images", [True, False])
def test_the_intervals_of_one_run_each_are_those_of_the_paired_bootstrap(images, paired):
    first, second = _two(images)
    found = metric_differences([first], [second], Resampling(300, 13, paired))
    names = list(found["metric"])
    assert set(names) == {"exact_match", "fuzzy"}
    np.testing.assert_array_equal(found[["low", "high"]].T, _paired(first.pairs, second.pairs, names))

    slices = slice_differences([first], [second], Resampling(300, 13, paired), ["kind"], "exact_match")
    assert list(slices["images"]) == [40] * 3 == list(slices["pairs"])
    for row in slices.itertuples():
        parts = [scores.pairs[scores.pairs["kind"] == row.value] for scores in (first, second)]
        assert [row.low, row.high] == [end[0] for end in _paired(*parts, ["exact_match"])]
        assert [row.first, row.second] == [part["exact_match"].mean() for part in parts]
