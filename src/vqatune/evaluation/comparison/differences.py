"""How much metrics differ between two sides on the same pairs, altogether and by slice.

A side is a run or several, and its values are means over them. The intervals are of a bootstrap over images and runs
(scoring.bootstrap.resampled_means_over_runs): of one run each, the paired bootstrap over images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqatune.evaluation.metrics import METRICS, aggregate, total_terms
from vqatune.evaluation.scoring.bootstrap import interval, resampled_means_over_runs
from vqatune.evaluation.scoring.score import Scores, mean_sums

_Sums = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Resampling:
    """How the intervals are made.

    resamples: of images and runs.
    seed: of the resamples.
    paired: the runs of both sides are the same trainings, in the same order, and are resampled together.
    """

    resamples: int
    seed: int
    paired: bool


def metric_differences(
    first: Sequence[Scores], second: Sequence[Scores], resampling: Resampling
) -> pd.DataFrame:
    """Return a row a metric that all runs have, with the columns of Comparison.metrics.

    first, second: the runs of each side; their pairs in the same order of rows.
    """
    runs = (*first, *second)
    names = [
        name
        for name in first[0].totals["metric"]
        if all(name in set(scores.totals["metric"]) for scores in runs)
    ]
    # Otherwise a metric that the runs have on different questions would differ for that reason alone.
    in_all = np.logical_and.reduce([scores.pairs[names].notna() for scores in runs])
    sides = [
        [scores.pairs.assign(**scores.pairs[names].where(in_all)) for scores in side]
        for side in (first, second)
    ]
    before, after, low, high = _differences(sides, names, resampling)
    return pd.DataFrame(
        {
            "metric": names,
            "first": before,
            "second": after,
            "difference": after - before,
            "low": low,
            "high": high,
            "pairs": in_all.sum(0),
        }
    )


def slice_differences(
    first: Sequence[Scores],
    second: Sequence[Scores],
    resampling: Resampling,
    slices: Sequence[str],
    metric: str,
) -> pd.DataFrame:
    """Return a row a slice of two pairs or more, with the columns of Comparison.slices, the largest loss first.

    Args:
        first: the runs of a side; the pairs of the first of them have the columns of `slices`.
        second: the runs of the other side; all pairs in the same order of rows.
        resampling: of the intervals.
        slices: columns by whose values the metric is compared.
        metric: its total is the mean over the pairs, without weights.
    """
    columns = ["slice", "value", "pairs", "images", "first", "second", "difference", "low", "high"]
    pairs = first[0].pairs
    needed = [name for name in ("image_id", metric) if name in pairs.columns]
    sides = [[scores.pairs[needed] for scores in side] for side in (first, second)]
    rows = []
    for slice_ in slices:
        codes, values = pd.factorize(pairs[slice_], sort=True)
        for code, value in enumerate(values):
            chosen = np.flatnonzero(codes == code)
            if len(chosen) < 2:
                continue
            parts = [[frame.iloc[chosen] for frame in side] for side in sides]
            ends = _differences(parts, [metric], resampling)
            before, after, low, high = (float(end[0]) for end in ends)
            images = parts[0][0]["image_id"].nunique() if "image_id" in needed else len(chosen)
            rows.append((slice_, str(value), len(chosen), images, before, after, after - before, low, high))
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["difference", "slice", "value"], ignore_index=True
    )


def _differences(
    sides: Sequence[Sequence[pd.DataFrame]], names: list[str], resampling: Resampling
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return both sides' means of the metrics over their runs, and the ends of the intervals of the differences."""
    means, terms = [], []
    for side in sides:
        values = [[aggregate(*total_terms(METRICS[name], frame)) for name in names] for frame in side]
        means.append(np.mean(np.array(values, dtype=np.float64), axis=0))
        terms.append([mean_sums(frame, names) for frame in side])
    before, after = _resampled(terms[0], terms[1], resampling)
    low, high = interval(after - before)
    return means[0], means[1], low, high


def _resampled(
    first: list[_Sums], second: list[_Sums], resampling: Resampling
) -> tuple[np.ndarray, np.ndarray]:
    """Return both sides' means of the metrics in every resample, from the images' sums (mean_sums) of each run."""

    def means(runs: list[_Sums], name: str) -> np.ndarray:
        sums, totals = zip(*runs, strict=True)
        return resampled_means_over_runs(sums, totals, resampling.resamples, resampling.seed, name)

    if not resampling.paired:
        return means(first, "0"), means(second, "1")
    # Side by side, so that both sides have the same draws of runs, and draws are made once.
    both = [
        (np.concatenate([ours[0], theirs[0]], 1), np.concatenate([ours[1], theirs[1]], 1))
        for ours, theirs in zip(first, second, strict=True)
    ]
    before, after = np.split(means(both, "both"), 2, axis=1)
    return before, after
