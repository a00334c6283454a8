"""Tables in the terminal: the scores of all versions, and the stages' time and memory."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from vqatune.errors import DataError
from vqatune.evaluation.comparison.equal_metrics import equal_metrics, equality_sentences
from vqatune.evaluation.metrics import METRICS, ranked
from vqatune.report.history import Best, best_version, in_chain
from vqatune.report.terminal.tables import widest
from vqatune.runtime.stage import timings
from vqatune.runtime.terminal import Terminal
from vqatune.tables import read_csv


def show_history(path: Path, console: Console | None = None) -> None:
    """Print metrics/history.csv: a row a version, the best by validation in bold, as many scores as there is room for.

    Of scores that are equal in all versions it shows one.

    Raises DataError where there is no history yet.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist: run `dvc repro`")
    console = console or Terminal()
    history = read_csv(path, "version")
    # The ranked ones first, so that of equal scores it shows the one that comes first in the table.
    scores = [name for name in dict.fromkeys([*ranked("in_table"), *METRICS]) if name in history.columns]
    groups = equal_metrics(history.set_index("version")[scores].T)
    columns = [name for name in ranked("in_table") if name in groups]
    best = best_version(history)
    table = widest(partial(_table, history, best), columns, console)
    console.print(table)
    if best is None:
        line = "no version is chosen as the best: there is no validation set (split.validation_fraction)"
    else:
        line = f"in bold: {best.version}, the best by validation ({best.metric} {best.value:.3f} on {best.pairs:,} questions)"
    console.print(line, style="dim", highlight=False, soft_wrap=True)
    shown = {name: groups[name] for name in columns[: len(table.columns) - 1]}
    for line in equality_sentences(shown):
        console.print(line, style="dim", highlight=False, soft_wrap=True)
    more = len(scores) - sum(1 + len(others) for others in shown.values())
    if more:
        found = "scores are" if more > 1 else "score is"
        console.print(f"{more} more {found} in {path}", style="dim", highlight=False, soft_wrap=True)


def show_timings(console: Console | None = None) -> None:
    """Print the seconds and the peak memory of every stage's last run here, longest first.

    Raises DataError where no stage has run here.
    """
    records = timings()
    if not records:
        raise DataError("no stage has run here yet: run `dvc repro`")
    table = Table(title=f"{len(records)} stages, {sum(record['seconds'] for record in records):.0f} s in all")
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    table.add_column("peak MB", justify="right")
    for record in records:
        table.add_row(record["stage"], f"{record['seconds']:.1f}", f"{record['peak_mb']:,}")
    (console or Terminal()).print(table)


def _table(history: pd.DataFrame, best: Best | None, metrics: Sequence[str]) -> Table:
    count = len(in_chain(history["version"]))
    shown = f"{count} version{'s' * (count != 1)}{' and a blind guess' * (count < len(history))}"
    table = Table(title=f"{shown} on {history['pairs'].iloc[0]:,} test questions")
    table.add_column("version", no_wrap=True)
    metrics = [name for name in METRICS if name in metrics]
    for name in metrics:
        table.add_column(name.replace("_", "\n"), justify="right", no_wrap=True)
    for row in history.to_dict("records"):
        chosen = best is not None and row["version"] == best.version
        texts = ("" if pd.isna(row[name]) else f"{row[name]:.3f}" for name in metrics)
        table.add_row(row["version"], *texts, style="bold" if chosen else None)
    return table
