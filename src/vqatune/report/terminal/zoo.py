"""The zoo in the terminal: what its models score, and what they take."""

from functools import partial
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from vqatune.errors import DataError
from vqatune.evaluation.metrics import ranked
from vqatune.params import BLIND
from vqatune.report.terminal.tables import in_parts, widest
from vqatune.runtime.terminal import Terminal
from vqatune.tables import read_csv
from vqatune.zoo.results import TASK_COLUMNS

_MIB = 2**20


def show_zoo(path: Path, console: Console | None = None) -> None:
    """Print metrics/zoo.csv: a row a model, the highest exact match of short answers first, then what could not run.

    The main metrics of benchmark tasks, where there are any, are a table of their own.

    Raises DataError where there is no zoo yet.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist: run `make zoo`, or `dvc repro zoo/dvc.yaml`")
    console = console or Terminal()
    table = read_csv(path, "model", "answers", "exact_match", "reason")
    answered = table[table["answers"] == "short"].set_index("model")
    whole = table[table["answers"] == "whole"].set_index("model")
    answered = answered.sort_values("exact_match", ascending=False, kind="stable")
    metrics = [
        name for name in ranked("in_table") if name in answered.columns and answered[name].notna().any()
    ]
    console.print(widest(partial(_table, answered, whole), metrics, console))
    line = "short answers, cut out of sentences by one rule; as given: the exact match of the whole answers"
    console.print(line, style="dim", highlight=False, soft_wrap=True)
    of_tasks = [name for name in TASK_COLUMNS if name in answered.columns and answered[name].notna().any()]
    if of_tasks:
        for part in in_parts(partial(_tasks, answered), of_tasks, console):
            console.print(part)
        line = "short answers; lower is better of aurc and ece; docs/tasks.md says what is asked"
        console.print(line, style="dim", highlight=False, soft_wrap=True)
    for row in table[table["reason"].notna()].to_dict("records"):
        console.print(
            f"{row['model']} could not run here: {row['reason']}",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )


def _table(answered: pd.DataFrame, whole: pd.DataFrame, metrics: list[str]) -> Table:
    count = len(answered) - (BLIND in answered.index)
    shown = f"{count} model{'s' * (count != 1)}{' and a blind guess' * (count < len(answered))}"
    table = Table(title=f"{shown} on {answered['pairs'].iloc[0]:,.0f} test questions")
    table.add_column("model", no_wrap=True)
    for name in ("parameters", "weights\nMiB", "peak\nMiB", "answers\na second", "as given"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in metrics:
        table.add_column(name.replace("_", "\n"), justify="right", no_wrap=True)
    for name, row in answered.iterrows():
        given = whole["exact_match"].get(name)
        texts = [
            _number(row["parameters"], 1, ",.0f"),
            _number(row["weight_bytes"], _MIB, ",.1f"),
            _number(row["peak_bytes"], _MIB, ",.0f"),
            _number(row["answers_per_second"], 1, ",.1f"),
            _number(given, 1, ".3f"),
        ]
        table.add_row(str(name), *texts, *(_number(row[metric], 1, ".3f") for metric in metrics))
    return table


def _tasks(answered: pd.DataFrame, columns: list[str]) -> Table:
    table = Table(title="benchmark tasks")
    table.add_column("model", no_wrap=True)
    for header in _task_headers(columns):
        table.add_column(header, justify="right", no_wrap=True)
    for name, row in answered.iterrows():
        table.add_row(str(name), *(_number(row[column], 1, ".3f") for column in columns))
    return table


def _task_headers(columns: list[str]) -> list[str]:
    """Return headers as high as one another: the task on top of its first column, the metric at the bottom of each."""
    tasks = [TASK_COLUMNS[name][0] for name in columns]
    metrics = [TASK_COLUMNS[name][1].split("_") for name in columns]
    tops = [
        task.split("_") if place == 0 or tasks[place - 1] != task else [] for place, task in enumerate(tasks)
    ]
    height = max(len(top) + len(words) for top, words in zip(tops, metrics, strict=True))
    return [
        "\n".join([*top, *[""] * (height - len(top) - len(words)), *words])
        for top, words in zip(tops, metrics, strict=True)
    ]


def _number(value: float | None, unit: int, form: str) -> str:
    return "" if value is None or pd.isna(value) else format(value / unit, form)
