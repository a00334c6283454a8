"""Two versions side by side: what changed, by how much, and where.

Differences are those of the same questions, with an interval by the paired bootstrap over their images.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics import METRICS, aggregate, total_terms
from vqatune.evaluation.scoring.bootstrap import interval, resampled_means
from vqatune.evaluation.scoring.score import mean_sums
from vqatune.evaluation.scoring.slices import SLICES
from vqatune.evaluation.scoring.version import VersionScores

CHANGE = "exact_match"
"""The metric by which a pair is called right or wrong, and slices are compared."""

_Sums = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What differs from a first version to a second.

    metrics: a row a metric that both have: metric, first, second, difference (second − first), low, high (its 95 %
        interval), pairs; all of them of the pairs for which both versions have it.
    changed: the pairs that one version got right and the other wrong: change (gained or lost), qa_id, image_id,
        question, references, first, second (the predictions), and the columns of SLICES as the first version has them.
    slices: a row a slice of two pairs or more: slice, value, pairs, images, first, second, difference, low, high in
        exact match, the largest loss first.
    absent: metric → why one of the versions does not have it.
    """

    metrics: pd.DataFrame
    changed: pd.DataFrame
    slices: pd.DataFrame
    absent: dict[str, str]


def compare(first: VersionScores, second: VersionScores, resamples: int, seed: int) -> Comparison:
    """Compare two versions that answered the same test set, both with exact_match among their metrics.

    Raises DataError where the test sets are not the same.
    """
    ours, theirs = first.scores.pairs, second.scores.pairs
    check_same_test(ours, theirs)
    return Comparison(
        _metrics(first, second, resamples, seed),
        _changed(ours, theirs),
        _slices(ours, theirs, resamples, seed),
        second.scores.absent | first.scores.absent,
    )


def check_same_test(
    first: pd.DataFrame, second: pd.DataFrame, names: tuple[str, str] = ("the first version", "the second")
) -> None:
    """Raise DataError where two versions, called `names`, have different questions or images.

    first, second: qa_id, image_id, question, and answer or references; in any order of rows.
    """
    tests = [frame.rename(columns={"answer": "references"}) for frame in (first, second)]
    columns = ["qa_id", "image_id", "question", "references"]
    ours, theirs = (test[columns].sort_values("qa_id", ignore_index=True) for test in tests)
    if not ours.equals(theirs):
        same = len(ours.merge(theirs, on=columns))
        raise DataError(
            f"{names[0]} and {names[1]} were measured on different test sets (of {len(ours)} and {len(theirs)} pairs, "
            f"{same} are the same): compare versions of one test set"
        )


def _metrics(first: VersionScores, second: VersionScores, resamples: int, seed: int) -> pd.DataFrame:
    names = [name for name in first.scores.totals["metric"] if name in second.values]
    ours, theirs = first.scores.pairs, second.scores.pairs
    # Otherwise a metric that the versions have on different questions would differ for that reason alone.
    in_both = ours[names].notna() & theirs[names].notna()
    ours, theirs = (frame.assign(**frame[names].where(in_both)) for frame in (ours, theirs))
    low, high = _difference(mean_sums(ours, names), mean_sums(theirs, names), resamples, seed)
    before, after = (
        np.array(
            [aggregate(*total_terms(METRICS[name], frame)) for name in names],
            dtype=np.float64,
        )
        for frame in (ours, theirs)
    )
    return pd.DataFrame(
        {
            "metric": names,
            "first": before,
            "second": after,
            "difference": after - before,
            "low": low,
            "high": high,
            "pairs": in_both.sum().to_numpy(),
        }
    )


def _difference(ours: _Sums, theirs: _Sums, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the intervals of the differences, from the images' sums (scoring.mean_sums)."""
    # Side by side, so that both versions have the same draws of images.
    sums, counts = (np.concatenate(both, axis=1) for both in zip(ours, theirs, strict=True))
    before, after = np.split(resampled_means(sums, counts, resamples, seed), 2, axis=1)
    return interval(after - before)


def _changed(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    difference = theirs[CHANGE].to_numpy() - ours[CHANGE].to_numpy()
    columns = ["qa_id", "image_id", "question", "references"]
    table = ours[[*columns, *SLICES]].copy()
    table.insert(4, "first", ours["prediction"])
    table.insert(5, "second", theirs["prediction"])
    table.insert(0, "change", np.where(difference > 0, "gained", "lost"))
    return table[difference != 0].reset_index(drop=True)


def _slices(ours: pd.DataFrame, theirs: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    columns = ["slice", "value", "pairs", "images", "first", "second", "difference", "low", "high"]
    scored = [frame[["image_id", CHANGE]] for frame in (ours, theirs)]
    rows = []
    for slice_ in SLICES:
        codes, values = pd.factorize(ours[slice_], sort=True)
        for code, value in enumerate(values):
            chosen = np.flatnonzero(codes == code)
            if len(chosen) < 2:
                continue
            before, after = (mean_sums(frame.iloc[chosen], [CHANGE]) for frame in scored)
            first, second = (float(sums.sum() / counts.sum()) for sums, counts in (before, after))
            low, high = (float(end[0]) for end in _difference(before, after, resamples, seed))
            images = len(before[0])
            rows.append((slice_, str(value), len(chosen), images, first, second, second - first, low, high))
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["difference", "slice", "value"], ignore_index=True
    )
