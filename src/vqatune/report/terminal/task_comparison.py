"""Two versions by a benchmark task, in the terminal."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vqatune.report.terminal.tables import widest

OF_SLICES = ("exact_match", "choice_accuracy")
"""The metrics that are shown by slice, where there are others, too."""


def show_task_comparison(table: pd.DataFrame, task: str, first: str, second: str, console: Console) -> None:
    """Print the differences of a task's metrics (comparison.tasks.COLUMNS), then those by slice."""
    whole, slices = table[table["slice"] == ""], table[table["slice"] != ""]
    if slices["metric"].isin(OF_SLICES).any():
        slices = slices[slices["metric"].isin(OF_SLICES)]
    for title, rows, named in ((task, whole, ["metric"]), (f"{task}, by value", slices, ["value", "metric"])):
        if rows.empty:
            continue
        columns = ["difference", "95 % interval", second, first, "pairs"]
        make = partial(_table, title, rows, named, first, second)
        console.print(widest(make, columns, console))
    line = f"{second} − {first}; bold where the interval leaves 0 out"
    console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)


def _table(
    title: str, rows: pd.DataFrame, named: list[str], first: str, second: str, shown: Sequence[str]
) -> Table:
    table = Table(title=title)
    for name in named:
        table.add_column(name, no_wrap=True)
    order = [name for name in (first, second, "difference", "95 % interval", "pairs") if name in shown]
    for name in order:
        table.add_column(escape(name), no_wrap=True, justify="right")
    for row in rows.to_dict("records"):
        texts = {
            first: f"{row['first']:.4f}",
            second: f"{row['second']:.4f}",
            "difference": f"{row['difference']:+.4f}",
            "95 % interval": f"{row['low']:+.4f} … {row['high']:+.4f}",
            "pairs": f"{row['pairs']:,}",
        }
        outside = row["low"] > 0 or row["high"] < 0
        table.add_row(
            *(escape(str(row[name])) for name in named),
            *(texts[name] for name in order),
            style="bold" if outside else None,
        )
    return table
