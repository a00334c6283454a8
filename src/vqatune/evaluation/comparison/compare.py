"""Two versions, or two files of predictions, side by side: what changed, by how much, and where.

Differences are those of the same questions, with an interval by the paired bootstrap over their images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.comparison.differences import Resampling, metric_differences, slice_differences
from vqatune.evaluation.scoring.score import Scores
from vqatune.evaluation.scoring.slices import SLICES
from vqatune.evaluation.scoring.version import VersionScores

CHANGE = "exact_match"
"""The metric by which a pair is called right or wrong, and slices are compared."""


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
    resampling = Resampling(resamples, seed, paired=True)
    return Comparison(
        metric_differences([first], [second], resampling),
        _changed(first.pairs, second.pairs, slices, identity),
        slice_differences([first], [second], resampling, slices, CHANGE),
        second.absent | first.absent,
    )


def check_same_test(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Raise DataError where two versions have different questions or images.

    first, second: qa_id, image_id, question, and answer or references; in any order of rows.
    """
    tests = [frame.rename(columns={"answer": "references"}) for frame in (first, second)]
    columns = ["qa_id", "image_id", "question", "references"]
    ours, theirs = (test[columns].sort_values("qa_id", ignore_index=True) for test in tests)
    if not ours.equals(theirs):
        same = len(ours.merge(theirs, on=columns))
        raise DataError(
            f"the versions were measured on different test sets (of {len(ours)} and {len(theirs)} pairs, "
            f"{same} are the same): compare versions of one test set"
        )


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
