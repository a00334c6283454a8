"""Two versions that were each trained several times, with other seeds: differences of their means over the runs.

The intervals are of a bootstrap over images and runs (scoring.bootstrap.resampled_means_over_runs), so that they cover
the noise of training, too.
"""

from collections.abc import Sequence

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.comparison.compare import CHANGE, Comparison
from vqatune.evaluation.comparison.differences import Resampling, metric_differences, slice_differences
from vqatune.evaluation.scoring.score import Scores


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
    resampling = Resampling(resamples, seed, paired)
    metrics = metric_differences(first, second, resampling)
    table = slice_differences(first, second, resampling, slices, CHANGE)
    absent: dict[str, str] = {}
    for scores in (*second, *first):
        absent |= scores.absent
    changed = pd.DataFrame({"change": pd.Series(dtype="str")})
    return Comparison(metrics, changed, table, absent, trainings=(len(first), len(second)))
