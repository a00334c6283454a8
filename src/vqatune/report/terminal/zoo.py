"""The zoo in the terminal: what its models score, and what they take."""

from functools import partial
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from vqatune.errors import DataError
from vqatune.evaluation.metrics import ranked
from vqatune.params import BLIND
from vqatune.report.terminal.tables import widest
from vqatune.runtime.terminal import Terminal
from vqatune.tables import read_csv

_MIB = 2**20


def show_zoo(path: Path, console: Console | None = None) -> None:
    """Print metrics/zoo.csv: a row a model, the highest exact match of short answers first, then what could not run.

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
    table = Table(title=f"{shown} on {answered['pairs'].iloc[0]:,} test questions")
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


def _number(value: float | None, unit: int, form: str) -> str:
    return "" if value is None or pd.isna(value) else format(value / unit, form)
