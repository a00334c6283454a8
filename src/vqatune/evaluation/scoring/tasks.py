"""Scores of one version by benchmark task: its answers to data/tasks.parquet, and to the test set beside them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics.text import plain
from vqatune.evaluation.scoring.bootstrap import image_sums, interval, resampled_means
from vqatune.evaluation.scoring.knowing import knowing
from vqatune.evaluation.scoring.score import Scores, score
from vqatune.params import Params, TaskName
from vqatune.tables import PAIRS, PREDICTIONS, TASKS, read_table

METRICS = (
    *("exact_match", "bleu1", "precision_complete", "recall_complete", "precision_partial", "recall_partial"),
)
"""Of the answers to open questions."""
COLUMNS = ["task", "slice", "value", "metric", "score", "low", "high", "pairs", "images"]


@dataclass(frozen=True)
class Answered:
    """The pairs of a version's evaluation with its answers."""

    general: pd.DataFrame
    """tables.PAIRS of the test set, prediction, log_probability and grounding."""
    tasks: pd.DataFrame
    """tables.TASKS, prediction and log_probability."""


def read_answered(root: Path, version: str, predictions: str = "data/predictions") -> Answered:
    """Read a version's evaluation in a checkout; raises DataError where answers are missing, or those of other pairs.

    `predictions` is the folder of its answers to the test set, and of a folder `tasks` with those to the tasks.
    """
    joined = []
    for pairs, folder in (
        (read_table(root / "data/test.parquet", PAIRS), root / predictions),
        (read_table(root / "data/tasks.parquet", TASKS), root / predictions / "tasks"),
    ):
        path = folder / f"{version}.parquet"
        answers = read_table(path, PREDICTIONS).set_index("qa_id")
        if set(answers.index) != set(pairs["qa_id"]):
            raise DataError(
                f"{path} does not have the answers to these questions: run the stage that writes it, predict of {version}"
            )
        # Column by column, as pandas cannot join a table without rows, which that of no task is.
        joined.append(pairs.assign(**{name: pairs["qa_id"].map(answers[name]) for name in answers}))
    return Answered(*joined)


def score_tasks(answered: Answered, params: Params, store: Path | None = None) -> pd.DataFrame:
    """Return the scores of the tasks in `tasks.use`: COLUMNS, a row a task, slice, value and metric.

    `slice` and `value` are empty for the whole task. Intervals are those of the bootstrap over images, of multi_angle over
    listings (low and high are missing where there is none). docs/metrics.md defines the metrics.

    Raises as `score` does.
    """
    rows = [row for name in params.tasks.use for row in SCORED[name](answered, params, store)]
    return pd.DataFrame(rows, columns=COLUMNS)


def headline(scores: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the scores of whole tasks: task → metric → score; a metric without a value is left out."""
    whole = scores[(scores["slice"] == "") & scores["score"].notna()]
    return {
        task: dict(zip(own["metric"], own["score"], strict=True))
        for task, own in whole.groupby("task", sort=False)
    }


Rows = Iterator[tuple]


def _category_wise(answered: Answered, params: Params, store: Path | None) -> Rows:
    yield from _by("category_wise", answered.general, "attribute", params, store)


def _unanswerable(answered: Answered, params: Params, store: Path | None) -> Rows:
    pairs = of_task(answered, "unanswerable")
    yield from _whole("unanswerable", pairs, params, store)
    yield from _by("unanswerable", pairs, "attribute", params, store)
    yield from knowing(answered.general, pairs, params)


def _multi_language(answered: Answered, params: Params, store: Path | None) -> Rows:
    pairs = with_code(of_task(answered, "multi_language"))
    yield from _whole("multi_language", pairs, params, store)
    yield from _by("multi_language", pairs, "code", params, store, "language")
    for code in sorted(set(pairs["code"]) - {"en"}):
        same = pairs.loc[pairs["code"] == code, "group"]
        english = pairs[(pairs["code"] == "en") & pairs["group"].isin(same)]
        # The English score of the same questions about the same pictures.
        yield from _scored("multi_language", "english_beside", code, english, params, store)


def _multi_angle(answered: Answered, params: Params, store: Path | None) -> Rows:
    pairs = of_task(answered, "multi_angle")
    yield from _whole("multi_angle", pairs, params, store)
    if pairs.empty:
        return
    groups = agreement(pairs)
    for metric in ("view_consistency", "pooled_match"):
        low, high = _interval(groups["item_id"], groups[metric], params)
        images = int(pairs["image_id"].nunique())
        yield "multi_angle", "", "", metric, float(groups[metric].mean()), low, high, len(groups), images


def with_code(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return pairs with `code`, the language of their `language` tag: en of en_US."""
    return pairs.assign(code=pairs["language"].str.split("[_-]", n=1).str[0].str.lower())


def agreement(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return a row a group of views of multi_angle, sorted by group: item_id, view_consistency and pooled_match."""
    return pd.DataFrame(
        [(own["item_id"].iloc[0], *_agreement(own)) for _, own in pairs.groupby("group", sort=True)],
        columns=["item_id", "view_consistency", "pooled_match"],
    )


def _agreement(views: pd.DataFrame) -> tuple[float, float]:
    """Return the share of pairs of views with the same answer, and whether the answer that most views give is right."""
    answers = views["prediction"].map(plain)
    counts = answers.value_counts()
    same, pairs = int((counts * (counts - 1)).sum()), len(views) * (len(views) - 1)
    most = counts[counts == counts.max()].index
    sure = views["log_probability"].fillna(0.0).groupby(answers).mean()
    pooled = min(most, key=lambda answer: (-sure[answer], answer))
    return same / pairs, float(pooled == plain(views["answer"].iloc[0]))


def _multiple_choice(answered: Answered, params: Params, store: Path | None) -> Rows:
    scored = chosen(answered)
    grounded = scored.dropna(subset="grounding")
    for metric, column, own in (("choice_accuracy", "right", scored), ("grounding", "grounding", grounded)):
        yield "multiple_choice", "", "", metric, *_mean(own, column, params)
    for kind, own in scored.groupby("question_type"):
        yield "multiple_choice", "question_type", kind, "choice_accuracy", *_mean(own, "right", params)


def chosen(answered: Answered) -> pd.DataFrame:
    """Return the pairs of multiple_choice with `right` (0 or 1), and `grounding` of the pair that each was made from."""
    pairs = of_task(answered, "multiple_choice")
    right = pairs["prediction"].map(plain) == pairs["answer"].map(plain)
    grounding = answered.general.set_index("qa_id")["grounding"].astype("float64")
    return pairs.assign(right=right.astype(float), grounding=pairs["group"].map(grounding))


SCORED: dict[TaskName, Callable[[Answered, Params, Path | None], Rows]] = {
    "category_wise": _category_wise,
    "multi_angle": _multi_angle,
    "unanswerable": _unanswerable,
    "multi_language": _multi_language,
    "multiple_choice": _multiple_choice,
}
"""Task → the rows of its scores."""


def of_task(answered: Answered, task: str) -> pd.DataFrame:
    """Return the pairs of one task that has pairs of its own."""
    return answered.tasks[answered.tasks["task"] == task].reset_index(drop=True)


def _whole(task: str, pairs: pd.DataFrame, params: Params, store: Path | None) -> Rows:
    yield from _scored(task, "", "", pairs, params, store)


def _by(
    task: str, pairs: pd.DataFrame, column: str, params: Params, store: Path | None, name: str | None = None
) -> Rows:
    """Yield the scores by each value of a column, called `name` in the table."""
    for value, own in pairs.groupby(column, sort=True):
        yield from _scored(task, name or column, str(value), own, params, store)


def score_pairs(pairs: pd.DataFrame, params: Params, store: Path | None) -> Scores:
    """Return the METRICS of pairs with their predictions, by image_id; raises as `score` does."""
    frame = pairs[["qa_id", "image_id", "prediction"]].assign(references=pairs["answer"])
    return score(frame, METRICS, params=params.eval, compute=params.compute, store=store, seed=params.seed)


def _scored(
    task: str, slice_: str, value: str, pairs: pd.DataFrame, params: Params, store: Path | None
) -> Rows:
    if pairs.empty:
        return
    scores = score_pairs(pairs, params, store)
    images = int(pairs["image_id"].nunique())
    for row in scores.totals.itertuples(index=False):
        yield task, slice_, value, row.metric, row.value, row.low, row.high, row.pairs, images


def _mean(pairs: pd.DataFrame, column: str, params: Params) -> tuple[float, float, float, int, int]:
    """Return score, low, high, pairs and images of a column's mean."""
    if pairs.empty:
        return np.nan, np.nan, np.nan, 0, 0
    low, high = _interval(pairs["image_id"], pairs[column], params)
    return float(pairs[column].mean()), low, high, len(pairs), int(pairs["image_id"].nunique())


def _interval(units: pd.Series, values: pd.Series, params: Params) -> tuple[float, float]:
    """Return the 95 % interval of a mean, by the bootstrap over units such as images."""
    codes, _ = pd.factorize(units, sort=True)
    column = values.to_numpy(dtype=np.float64)[:, None]
    sums = image_sums(codes, column, np.ones_like(column))
    low, high = interval(resampled_means(*sums, params.eval.resamples, params.seed))
    return float(low[0]), float(high[0])
