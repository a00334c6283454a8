"""`vqatune pairs`: checks and distributions of the question-answer pairs, in the terminal."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from rich.columns import Columns
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vqatune.errors import DataError
from vqatune.runtime.terminal import Terminal
from vqatune.tables import read_csv, read_json

_FEW = 10
"""The number of answers and product types shown."""


def show_pairs(folder: Path = Path("metrics/data"), console: Console | None = None) -> None:
    """Print the report of `generate`: the pairs that each check dropped, and the distributions of those kept.

    Raises DataError where the stage has not run.
    """
    console = console or Terminal()
    try:
        report = read_json(folder / "generate.json")
        rates = read_csv(folder / "checks.csv")
    except FileNotFoundError as error:
        raise DataError(f"{error.filename} does not exist: run `dvc repro generate`") from error
    if "type_token_diversity" not in report:
        raise DataError(f"{folder / 'generate.json'} is of another kind: run `dvc repro generate`")
    pairs, kept = report["pairs"], report["kept"]
    console.print(
        f"{pairs:,} pairs for {report['images_with_pairs']:,} of {report['images']:,} images; {kept:,} kept, "
        f"{report['yes_no_share']:.1%} of them answered by yes or no"
    )
    shown = [_counts("check", report["dropped"], pairs, "dropped"), *_sources(rates)]
    shown += [_counts(title, report[name], kept, "pairs") for title, name in _SPREADS.items()]
    answers = {each["answer"]: each["count"] for each in report["answers"][:_FEW]}
    shown.append(_counts("answer", answers, kept, "pairs", empty=True))
    if "replies" in report:
        shown.append(_counts("reply", report["replies"], report["images"], "images"))
        shown.append(_counts("repair", report["repairs"], report["images"], "images"))
    console.print(Columns([table for table in shown if table.row_count], padding=(0, 3)))
    said = f"{report['distinct_answers']:,} distinct answers"
    for name, counts in report["type_token_diversity"].items():
        # Runs with fewer than 1,000 words cannot be compared.
        if counts["in_1000_words"] is not None:
            said += f"; of 1,000 words of {name} {counts['in_1000_words']:.1%} are distinct"
    console.print(said, soft_wrap=True)


_SPREADS = {"question type": "question_types", "difficulty": "difficulties"}


def _counts(title: str, counts: Mapping[str, int], total: int, unit: str, empty: bool = False) -> Table:
    table = Table(title, unit, "share")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, count in counts.items():
        if count or empty:
            table.add_row(escape(str(name)), f"{count:,}", f"{count / max(1, total):.2%}")
    return table


def _sources(rates: pd.DataFrame) -> list[Table]:
    """Return tables of the dropped share by generator, prompt and product type (the worst ones)."""
    tables = []
    for by in ("generator", "prompt", "product_type"):
        rows = rates[rates["by"] == by]
        if by == "product_type":
            rows = rows.sort_values(["share", "pairs", "value"], ascending=[False, False, True]).head(_FEW)
            rows = rows[rows["dropped"] > 0]
        table = Table(by.replace("_", " "), "pairs", "dropped", "share")
        for column in table.columns[1:]:
            column.justify = "right"
        for row in rows.itertuples(index=False):
            table.add_row(escape(str(row.value)), f"{row.pairs:,}", f"{row.dropped:,}", f"{row.share:.2%}")
        tables.append(table)
    return tables
