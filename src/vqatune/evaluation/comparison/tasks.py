"""Two versions by one benchmark task: the differences of its metrics on the same pairs.

The intervals are of the paired bootstrap over images, of multi_angle over listings.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.comparison.differences import Resampling, metric_differences
from vqatune.evaluation.scoring import knowing
from vqatune.evaluation.scoring.bootstrap import image_sums, interval, resampled_means
from vqatune.evaluation.scoring.tasks import Answered, agreement, chosen, of_task, score_pairs, with_code
from vqatune.params import Params, TaskName

COLUMNS = ["slice", "value", "metric", "first", "second", "difference", "low", "high", "pairs"]

Rows = Iterator[tuple]
Pair = tuple[pd.DataFrame, pd.DataFrame]
"""The same pairs, row by row, with the answers of either version."""


def compare_task(
    task: TaskName, first: Answered, second: Answered, params: Params, store: Path | None = None
) -> pd.DataFrame:
    """Return the differences of a task's metrics, second − first: COLUMNS, a row a slice, value and metric.

    `slice` and `value` are empty for the whole task. A metric that one of the versions does not have has no row.

    Args:
        task: its name.
        first: of one version.
        second: of the other one, about the same pairs in the same order.
        params: uses eval, compute and seed.
        store: as for `score`.

    Raises:
        DataError: there are no pairs of the task.
    """
    rows = list(_COMPARED[task](first, second, params, store))
    if not rows:
        raise DataError(
            f"data/tasks.parquet has no pair of {task}: see metrics/data/tasks.json, and tasks.use in params.yaml"
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _category_wise(first: Answered, second: Answered, params: Params, store: Path | None) -> Rows:
    yield from _by("attribute", "attribute", (first.general, second.general), params, store)


def _unanswerable(first: Answered, second: Answered, params: Params, store: Path | None) -> Rows:
    both = of_task(first, "unanswerable"), of_task(second, "unanswerable")
    yield from _text("", "", both, params, store)
    ours, theirs = (
        knowing.measures(answered.general, own) for answered, own in zip((first, second), both, strict=True)
    )
    for (name, before, column, value), (_, after, *_) in zip(ours, theirs, strict=True):
        # A picture that one version could not open has no probability there.
        shared = [
            one[one["qa_id"].isin(other["qa_id"])].reset_index(drop=True)
            for one, other in ((before, after), (after, before))
        ]
        found = [knowing.resampled(own, column, value, params) for own in shared]
        if any(np.isnan(whole) for whole, _ in found):
            continue
        (ours_whole, ours_drawn), (theirs_whole, theirs_drawn) = found
        ends = _ends(theirs_drawn - ours_drawn)
        yield "", "", name, ours_whole, theirs_whole, theirs_whole - ours_whole, *ends, len(shared[0])
    yield from _by("attribute", "attribute", both, params, store)


def _multi_language(first: Answered, second: Answered, params: Params, store: Path | None) -> Rows:
    both = with_code(of_task(first, "multi_language")), with_code(of_task(second, "multi_language"))
    yield from _text("", "", both, params, store)
    yield from _by("language", "code", both, params, store)


def _multi_angle(first: Answered, second: Answered, params: Params, store: Path | None) -> Rows:
    both = of_task(first, "multi_angle"), of_task(second, "multi_angle")
    if both[0].empty:
        return
    # Views of a listing are drawn together.
    of_listings = [pairs.assign(image_id=pairs["item_id"]) for pairs in both]
    yield from _text("", "", (of_listings[0], of_listings[1]), params, store)
    ours, theirs = map(agreement, both)
    for metric in ("view_consistency", "pooled_match"):
        yield "", "", metric, *_means(ours["item_id"], ours[metric], theirs[metric], params)


def _multiple_choice(first: Answered, second: Answered, params: Params, store: Path | None) -> Rows:
    ours, theirs = chosen(first), chosen(second)
    if ours.empty:
        return
    yield "", "", "choice_accuracy", *_means(ours["image_id"], ours["right"], theirs["right"], params)
    known = ours["grounding"].notna() & theirs["grounding"].notna()
    if known.any():
        columns = ours.loc[known, "grounding"], theirs.loc[known, "grounding"]
        yield "", "", "grounding", *_means(ours.loc[known, "image_id"], *columns, params)
    for kind, own in ours.groupby("question_type", sort=True):
        others = theirs.loc[own.index, "right"]
        yield (
            *("question_type", kind, "choice_accuracy"),
            *_means(own["image_id"], own["right"], others, params),
        )


_COMPARED: dict[TaskName, Callable[[Answered, Answered, Params, Path | None], Rows]] = {
    "category_wise": _category_wise,
    "multi_angle": _multi_angle,
    "unanswerable": _unanswerable,
    "multi_language": _multi_language,
    "multiple_choice": _multiple_choice,
}


def _by(slice_: str, column: str, both: Pair, params: Params, store: Path | None) -> Rows:
    """Yield the differences by each value of a column."""
    for value, own in both[0].groupby(column, sort=True):
        yield from _text(slice_, str(value), (own, both[1].loc[own.index]), params, store)


def _text(slice_: str, value: str, both: Pair, params: Params, store: Path | None) -> Rows:
    """Yield the differences of the metrics of open answers, by image_id."""
    if both[0].empty:
        return
    first, second = (score_pairs(pairs, params, store) for pairs in both)
    resampling = Resampling(params.eval.resamples, params.seed, paired=True)
    table = metric_differences([first], [second], resampling)
    for row in table[COLUMNS[2:]].itertuples(index=False):
        yield slice_, value, *row


def _means(
    units: pd.Series, first: pd.Series, second: pd.Series, params: Params
) -> tuple[float, float, float, float, float, int]:
    """Return both means, their difference, its interval over units such as images, and the number of values."""
    codes, _ = pd.factorize(units, sort=True)
    columns = np.column_stack([first.to_numpy(np.float64), second.to_numpy(np.float64)])
    sums = image_sums(codes, columns, np.ones_like(columns))
    drawn = resampled_means(*sums, params.eval.resamples, params.seed)
    before, after = columns.mean(0).tolist()
    return before, after, after - before, *_ends(drawn[:, 1] - drawn[:, 0]), len(columns)


def _ends(differences: np.ndarray) -> tuple[float, float]:
    low, high = interval(differences[:, None])
    return float(low[0]), float(high[0])
