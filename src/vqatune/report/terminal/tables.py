"""Tables that are as wide as the terminal allows, without a cut word or number."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.measure import Measurement, measure_renderables
from rich.table import Table

Make = Callable[[Sequence[str]], Table]
"""Makes a table with some of its columns; those that are not to be broken into lines are `no_wrap`."""

_UNLIMITED = 100_000


def widest(make: Make, columns: Sequence[str], console: Console) -> Table:
    """Return a table with all columns or, where there is no room, without as many of the last as it takes.

    columns: the most important first; there is always that one.
    """
    for count in range(len(columns), 1, -1):
        if _fits(table := make(columns[:count]), console):
            return table
    return make(columns[:1])


def in_parts(make: Make, columns: Sequence[str], console: Console) -> list[Table]:
    """Return tables that have the columns between them, as few as there is room for, with about as many in each."""
    for parts in range(1, len(columns) + 1):
        size = -(-len(columns) // parts)
        tables = [make(columns[start : start + size]) for start in range(0, len(columns), size)]
        if all(_fits(table, console) for table in tables):
            break
    return tables


def _fits(table: Table, console: Console) -> bool:
    # Rich measures nothing as wider than it is allowed to be.
    unlimited = console.options.update(max_width=_UNLIMITED)
    needed = Measurement.get(console, unlimited, table).maximum
    for column in table.columns:
        if not column.no_wrap:
            text = measure_renderables(console, unlimited, [column.header, *column.cells])
            needed -= max(0, text.maximum - max(text.minimum, column.min_width or 0))
    return needed <= console.width
