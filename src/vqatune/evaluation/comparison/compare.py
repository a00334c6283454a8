"""Two versions, or two files of predictions, side by side: what changed, by how much, and where.

Differences are those of the same questions, with an interval by the paired bootstrap over their images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics import METRICS, aggregate, total_terms
from vqatune.evaluation.scoring.bootstrap import interval, resampled_means
from vqatune.evaluation.scoring.score import Scores, mean_sums
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
    changed: the pairs that one version got right and the other wrong: change (gained or lost), what identifies the
        pair (of a version qa_id, image_id and question), references, first, second (the predictions), and the
        columns of the slices as the first version has them.
    slices: a row a slice of two pairs or more: slice, value, pairs, images, first, second, difference, low, high in
        exact match, the largest loss first.
    absent: metric → why one of the versions does not have it.
    trainings: how many runs each version's values are means over; None for files of predictions. With more than one,
        no pairs are listed as changed.
    """

    metrics: pd.DataFrame
    changed: pd.DataFrame
    slices: pd.DataFrame
    absent: dict[str, str]
    trainings: tuple[int, int] | None = None


def compare(
    first: VersionScores,
    second: VersionScores,
    resamples: int,
    seed: int,
    slices: Sequence[str] = tuple(SLICES),
) -> Comparison:
    """Compare two versions that answered the same test set, both with exact_match among their metrics.

    Raises DataError where the test sets are not the same.
    """
    check_same_test(first.scores.pairs, second.scores.pairs)
    identity = ["qa_id", "image_id", "question"]
    found = compare_pairs(first.scores, second.scores, resamples, seed, slices, identity)
    return replace(found, trainings=(1, 1))


def compare_pairs(
    first: Scores, second: Scores, resamples: int, seed: int, slices: Sequence[str], identity: Sequence[str]
) -> Comparison:
    """Compare the scores of two predictions of the same pairs, row by row, both with exact_match among their metrics.

    Args:
        first: its pairs have the columns of `slices` and `identity`.
        second: in the same order of rows, about the same images.
        resamples: of the images.
        seed: of the resamples.
        slices: columns by whose values exact match is compared.
        identity: columns that tell a pair, for the pairs that changed.
    """
    ours, theirs = first.pairs, second.pairs
    return Comparison(
        _metrics(first, second, resamples, seed),
        _changed(ours, theirs, slices, identity),
        _slices(ours, theirs, resamples, seed, slices),
        second.absent | first.absent,
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


def _metrics(first: Scores, second: Scores, resamples: int, seed: int) -> pd.DataFrame:
    names = [name for name in first.totals["metric"] if name in set(second.totals["metric"])]
    ours, theirs = first.pairs, second.pairs
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


def _changed(
    ours: pd.DataFrame, theirs: pd.DataFrame, slices: Sequence[str], identity: Sequence[str]
) -> pd.DataFrame:
    difference = theirs[CHANGE].to_numpy() - ours[CHANGE].to_numpy()
    added = {"change", "first", "second"}
    columns = [*(name for name in identity if name not in added), "references"]
    others = [name for name in slices if name not in added.union(columns)]
    table = ours[[*columns, *others]].copy()
    table.insert(len(columns), "first", ours["prediction"])
    table.insert(len(columns) + 1, "second", theirs["prediction"])
    table.insert(0, "change", np.where(difference > 0, "gained", "lost"))
    return table[difference != 0].reset_index(drop=True)


def _slices(
    ours: pd.DataFrame, theirs: pd.DataFrame, resamples: int, seed: int, slices: Sequence[str]
) -> pd.DataFrame:
    columns = ["slice", "value", "pairs", "images", "first", "second", "difference", "low", "high"]
    needed = [name for name in ("image_id", CHANGE) if name in ours.columns]
    scored = [frame[needed] for frame in (ours, theirs)]
    rows = []
    for slice_ in slices:
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
