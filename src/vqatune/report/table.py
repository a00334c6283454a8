"""The scores of all versions as a table in the terminal."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from vqatune.errors import DataError
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


def _table(history: pd.DataFrame) -> Table:
    metrics = [name for name in SHOWN if name in history.columns]
    table = Table(title=f"{len(history)} versions on {history['pairs'].iloc[0]:,} test questions")
    table.add_column("version")
    for name in metrics:
        table.add_column(name.replace("_", " "), justify="right")
    best = history[metrics].max()
    for _, row in history.iterrows():
        cells = [
            f"[bold]{row[name]:.3f}[/bold]" if row[name] == best[name] else f"{row[name]:.3f}"
            for name in metrics
        ]
        table.add_row(row["version"], *cells)
    return table
