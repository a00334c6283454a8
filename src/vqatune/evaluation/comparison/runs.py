"""Two versions that were each trained several times, with other seeds: differences of their means over the runs.

The intervals are of a bootstrap over images and runs (scoring.bootstrap.resampled_means_over_runs), so that they cover
the noise of training, too.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.comparison.compare import CHANGE, Comparison
from vqatune.evaluation.metrics import METRICS, aggregate, total_terms
from vqatune.evaluation.scoring.bootstrap import interval, resampled_means_over_runs
from vqatune.evaluation.scoring.score import Scores, mean_sums


def compare_runs(
    first: Sequence[Scores],
    second: Sequence[Scores],
    resamples: int,
    seed: int,
    slices: Sequence[str],
    paired: bool,
) -> Comparison:
    """Compare the runs of two versions that answered the same test set, all with exact_match among their metrics.

    Args:
        first: the scores of each run; its pairs in the same order of rows in all runs of both versions.
        second: those of the other version.
        resamples: of images and runs.
        seed: of the resamples.
        slices: columns by whose values exact match is compared.
        paired: the runs of both are the same trainings, in the same order, and are resampled together.

    Returns:
        A Comparison whose values are means over the runs; it has no changed pairs.

    Raises:
        DataError: paired runs of different numbers.
    """
    if paired and len(first) != len(second):
        raise DataError(
            f"{len(first)} runs and {len(second)} cannot be paired: name the same runs of both versions"
        )
    sides = (first, second)
    names = [
        name
        for name in first[0].totals["metric"]
        if all(name in set(scores.totals["metric"]) for side in sides for scores in side)
    ]
    frames = [[scores.pairs for scores in side] for side in sides]
    # Otherwise a metric that the runs have on different questions would differ for that reason alone.
    in_all = np.logical_and.reduce([frame[names].notna() for side in frames for frame in side])
    masked = [[frame.assign(**frame[names].where(in_all)) for frame in side] for side in frames]
    before, after, low, high = _differences(masked, names, resamples, seed, paired)
    metrics = pd.DataFrame(
        {
            "metric": names,
            "first": before,
            "second": after,
            "difference": after - before,
            "low": low,
            "high": high,
        }
    ).assign(pairs=in_all.sum(0))
    rows = []
    for column in slices:
        codes, values = pd.factorize(frames[0][0][column], sort=True)
        for code, value in enumerate(values):
            chosen = np.flatnonzero(codes == code)
            if len(chosen) < 2:
                continue
            part = [[frame.iloc[chosen] for frame in side] for side in frames]
            ends = _differences(part, [CHANGE], resamples, seed, paired)
            ours, theirs, lower, upper = (float(end[0]) for end in ends)
            images = part[0][0]["image_id"].nunique()
            rows.append((column, str(value), len(chosen), images, ours, theirs, theirs - ours, lower, upper))
    columns = ["slice", "value", "pairs", "images", "first", "second", "difference", "low", "high"]
    table = pd.DataFrame(rows, columns=columns).sort_values(
        ["difference", "slice", "value"], ignore_index=True
    )
    absent: dict[str, str] = {}
    for scores in (*second, *first):
        absent |= scores.absent
    changed = pd.DataFrame({"change": pd.Series(dtype="str")})
    return Comparison(metrics, changed, table, absent, trainings=(len(first), len(second)))


def _differences(
    frames: Sequence[Sequence[pd.DataFrame]], names: list[str], resamples: int, seed: int, paired: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return both means of the metrics over the runs, and the ends of the intervals of their differences."""
    means, resampled = [], []
    for place, side in enumerate(frames):
        values = [[aggregate(*total_terms(METRICS[name], frame)) for name in names] for frame in side]
        means.append(np.mean(np.array(values, dtype=np.float64), axis=0))
        sums, totals = zip(*(mean_sums(frame, names) for frame in side), strict=True)
        label = "both" if paired else str(place)
        resampled.append(resampled_means_over_runs(sums, totals, resamples, seed, label))
    low, high = interval(resampled[1] - resampled[0])
    return means[0], means[1], low, high
