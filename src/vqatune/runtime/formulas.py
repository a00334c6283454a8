"""Cells of CSV that a spreadsheet would run: what begins as a formula does, and an apostrophe before it, which makes it text.

Such a cell may send what is on the sheet elsewhere, or start a program. A program that reads the CSV gets the apostrophe, too, so
files that programs read back have it only where it was asked for, and a line says what is in them otherwise.
"""

import logging
import re

import pandas as pd

_logger = logging.getLogger(__name__)

# As OWASP lists them, with the wide forms that spreadsheets take for the same signs.
_BEGINS = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d[\d.,]*|\.\d+)([eE][+-]?\d+)?\s*%?|[+-]+")


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet would take a text for a formula; numbers such as -5, and signs alone, are none."""
    return _BEGINS.match(text) is not None and _NUMBER.fullmatch(text) is None


def quoted(text: str) -> str:
    """Return a text as a spreadsheet shows it: with an apostrophe where it would be a formula."""
    return f"'{text}" if is_formula(text) else text


def quoted_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts, and names of columns, are `quoted`."""
    texts = [
        name for name in frame if pd.api.types.is_string_dtype(frame[name]) or frame[name].dtype == object
    ]
    changed = {name: frame[name].map(_quoted_cell) for name in texts}
    return frame.assign(**changed).rename(columns=_quoted_cell)


def formulas_in(frame: pd.DataFrame) -> int:
    """Return how many cells of a table are formulas to a spreadsheet."""
    return sum(isinstance(cell, str) and is_formula(cell) for name in frame for cell in frame[name].unique())


def _quoted_cell(cell: object) -> object:
    return quoted(cell) if isinstance(cell, str) else cell


def warn_of_formulas(count: int, path: object) -> None:
    """Log that a file has cells that a spreadsheet would run, if it has."""
    if count:
        _logger.warning(
            "%s: a spreadsheet would run %s of its texts as formulas: write it with --quote-formulas for one",
            path,
            f"{count:,}",
        )
