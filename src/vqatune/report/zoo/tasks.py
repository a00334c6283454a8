"""The zoo's section on the benchmark tasks: a table of each, a row a model."""

from collections.abc import Callable, Sequence

import pandas as pd

from vqatune.evaluation.task_metrics import MAIN_METRICS
from vqatune.params import TaskName
from vqatune.report.figures.figure import Figure, Section
from vqatune.report.figures.task_texts import NOTES, TEXT, TITLES
from vqatune.report.zoo.cells import ABSENT, in_brackets, score_cell
from vqatune.zoo.results import ZooModel

_ANSWERS = (
    "All scores are of short answers, cut out of sentences by the rule of docs/zoo.md, which is English; behind each stands its "
    "95\u00a0% interval."
)


def task_section(models: Sequence[ZooModel]) -> Section | None:
    """Return the section on the benchmark tasks, a figure with a table a task; None where no task is used.

    models: the blind guess first. Those that cannot run have no row.
    """
    scored = [model for model in models if not model.tasks.empty]
    figures = [
        _whole(scored, "multi_angle"),
        _whole(scored, "unanswerable"),
        _whole(scored, "multiple_choice"),
        _by(scored, "multi_language", "language", lambda code, count: (code != "en", code)),
        _by(scored, "category_wise", "attribute", lambda name, count: (-count, name)),
    ]
    shown = [figure for figure in figures if figure is not None]
    return Section("tasks", "Benchmark tasks", f"{TEXT} {_ANSWERS}", shown) if shown else None


def _whole(scored: Sequence[ZooModel], task: TaskName) -> Figure | None:
    """Return the main metrics of a task, those that at least one model has."""
    found = {
        metric: {model.name: row for model in scored if (row := model.task_score(task, metric)) is not None}
        for metric in MAIN_METRICS[task]
    }
    texts = {
        metric: {name: score_cell(row["score"], row["low"], row["high"]) for name, row in rows.items()}
        for metric, rows in found.items()
        if rows
    }
    return _figure(scored, task, f"{task}, a row a model", texts)


def _by(
    scored: Sequence[ZooModel], task: TaskName, slice_: str, place: Callable[[str, int], tuple]
) -> Figure | None:
    """Return the exact match by the values of a slice, ordered by `place` of a value and its number of questions."""
    parts = [model.tasks.assign(model=model.name) for model in scored]
    cells = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if cells.empty:
        return None
    own = (cells["task"] == task) & (cells["slice"] == slice_) & (cells["metric"] == "exact_match")
    cells = cells[own & cells["score"].notna()].astype({"value": str})
    counts = cells.groupby("value")["pairs"].max()
    texts = {}
    for value in sorted(counts.index, key=lambda value: place(value, counts[value])):
        rows = cells[cells["value"] == value]
        questions = "question" if counts[value] == 1 else "questions"
        column = f"{value} {in_brackets(f'{counts[value]:,} {questions}')}"
        texts[column] = {
            row.model: score_cell(row.score, row.low, row.high) for row in rows.itertuples(index=False)
        }
    return _figure(scored, task, f"{task}, exact match by {slice_}, a row a model", texts)


def _figure(
    scored: Sequence[ZooModel], task: TaskName, caption: str, texts: dict[str, dict[str, str]]
) -> Figure | None:
    """Return a figure whose table has the texts (column → model → text); None where there are none."""
    if not texts:
        return None
    rows = [
        {"model": model.name} | {column: cells.get(model.name, ABSENT) for column, cells in texts.items()}
        for model in scored
    ]
    return Figure(f"task_{task}", TITLES[task], caption, {}, NOTES[task], pd.DataFrame(rows))
