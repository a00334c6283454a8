"""Tables in the terminal: the scores of all versions, and what the stages took."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from vqatune.errors import DataError
from vqatune.evaluation.metrics import METRICS
from vqatune.stage import timings
from vqatune.tables import read_csv

SHOWN = ["exact_match", "vqa_accuracy", "bleu", "rouge_l", "token_overlap", "fuzzy", "average_mark"]
"""What fits beside each other in a terminal of 100 columns; `dvc metrics show` has the rest."""


def show_history(path: Path, console: Console | None = None) -> None:
    """Print metrics/history.csv: a row a version, the best of each score in bold.

    Raises DataError where there is no history yet.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist: run `dvc repro`")
    console = console or Console()
    console.print(_table(read_csv(path)))


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
    (console or Console()).print(table)


def _table(history: pd.DataFrame) -> Table:
    metrics = [name for name in SHOWN if name in history.columns]
    table = Table(title=f"{len(history)} versions on {history['pairs'].iloc[0]:,} test questions")
    table.add_column("version")
    for name in metrics:
        table.add_column(name.replace("_", " "), justify="right")
    best = {
        name: history[name].max() if METRICS[name].higher_is_better else history[name].min()
        for name in metrics
    }
    for _, row in history.iterrows():
        cells = [
            f"[bold]{row[name]:.3f}[/bold]" if row[name] == best[name] else f"{row[name]:.3f}"
            for name in metrics
        ]
        table.add_row(row["version"], *cells)
    return table
