"""Rows of delimited text (CSV and its relatives): strict, with every cell as it is, and errors that name the line."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vqatune.errors import DataError

# The most that C's long holds everywhere: a cell may hold a whole image.
_LONGEST_CELL = 2**31 - 1
_DELIMITERS = ",;\t|"
_RARE_DELIMITERS = "^~:\x01\x1f"


MOST_COLUMNS = 16_384
"""As many as Excel has; what is made of a column takes far longer than reading it."""


class RowError(DataError):
    """A row that cannot be read."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}, line {line}{reason}")
        self.line = line
        """The line that the row starts in, from 1."""


class WidthError(RowError):
    """A row with more or fewer cells than there are column names."""

    def __init__(self, path: Path, line: int, cells: int, names: int) -> None:
        super().__init__(
            path,
            line,
            f" has {cells} cells, and the line of column names {names}: put a cell with a separator in it into quotes",
        )
        self.cells, self.names = cells, names


def find_delimiter(line: str) -> str:
    """Return the delimiter of a file by its first line.

    A line `sep=;`, as Excel understands it, names it. Otherwise it is the most frequent of comma, semicolon, tab and
    bar outside of quotes or, where there is none of these, of signs that are rare in column names.
    """
    if named := re.fullmatch(r"sep=(.)\s*", line, re.IGNORECASE | re.DOTALL):
        return named[1]
    unquoted = re.sub('"[^"]*"', "", line)
    common, rare = (max(signs, key=unquoted.count) for signs in (_DELIMITERS, _RARE_DELIMITERS))
    return rare if rare in unquoted and common not in unquoted else common


def parse_rows(path: Path, lines: Iterable[str], delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the line that each row starts in, and its cells: first the column names, then the rows.

    Empty lines are skipped, and a first line `sep=;` is. A quoted cell may go over several lines.

    Args:
        path: the file, for error messages.
        lines: with their line ends.
        delimiter: what stands between the cells.

    Raises:
        RowError: quotes do not match, or a carriage return is within a line. WidthError: a row has more or fewer cells
            than there are column names.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    width = 0
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        while True:
            number = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise RowError(path, number, _explain(error)) from error
            if not row or (not width and len(row) == 2 and row[0].lower() == "sep=" and not row[1]):
                continue
            width = width or len(row)
            if len(row) != width:
                raise WidthError(path, number, len(row), width)
            yield number, row
    finally:
        csv.field_size_limit(before)


def _explain(error: csv.Error) -> str:
    if "new-line" in str(error):
        return " has a carriage return in it that ends no line: save the file with line ends of today"
    return f": {error}: a cell that starts with a quote ends with one, and quotes in it are doubled"


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raise DataError where two columns have the same name, or there are more than any table has."""
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"{path} has {len(names):,} columns, more than {MOST_COLUMNS:,}: keep those of pictures, questions and answers"
        )
    for name, times in Counter(names).items():
        if name.strip() and times > 1:
            raise DataError(f"{path} has the column {name!r} more than once: rename one of them")
