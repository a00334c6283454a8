"""The values in a file of predictions: predictions, references, difficulties and images.

A cell is text, True or False, a number, None, or a list or object of these.
"""

import ast
import json
import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.prediction_files.columns import DIFFICULTY, IMAGE_ID, OPTIONS, shortened

At = Callable[[int], str]
"""Describes the place of a row: the file and the line."""

DECODER = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=lambda name: None if name == "NaN" else name
)
"""Reads JSON with its numbers as the text that they are; NaN, which Python writes for a missing value, is None."""

_LITERAL = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
# As Python writes it: with a comma between any two, as two literals without one would be read as one text.
_PYTHON_LIST = re.compile(rf"\[{_LITERAL}(?:, ?{_LITERAL})*\]", re.DOTALL)
_LONGEST_PYTHON_LIST = 100_000


def as_texts(cells: Sequence[Any]) -> list[str]:
    """Return any cells as text: nothing as '', lists and objects as JSON."""
    if set(map(type, cells)) == {str}:
        return list(cells)
    return [
        json.dumps(cell, ensure_ascii=False, default=str)
        if isinstance(cell, (list, dict))
        else _text(cell) or ""
        for cell in cells
    ]


def prediction_texts(name: str, cells: Sequence[Any], at: At) -> list[str]:
    """Return the predictions in a column, a missing one as ''. Raises DataError for a list or an object."""
    return _single(name, cells, at)


def reference_lists(columns: dict[str, Sequence[Any]], at: At) -> tuple[list[list[str]], list[str]]:
    """Return the references of every row, as many in each, from one column or several (name → cells), and notes.

    Lists as Python writes them are read where one column has no other texts that start with `[` and are not JSON.

    Raises DataError where a row has none, one that is no text, or more or fewer than the others.
    """
    if len(columns) == 1:
        [(name, cells)] = columns.items()
        lists, notes = _written_lists(name, cells)
        found = []
        for row, cell in enumerate(cells):
            several = _alternatives(cell, lists)
            if not several:
                fault = "no reference" if cell is None or several == [] else "a reference that is no text"
                raise DataError(f"{at(row)} has {fault} in column {name!r}: write it, or leave the row out")
            found.append(several)
    else:
        single = [_single(name, cells, at) for name, cells in columns.items()]
        notes = _unread_lists([text for texts in single for text in texts])
        found = [[text for text in row if text] for row in zip(*single, strict=True)]
    counts = Counter(map(len, found))
    usual, rows = counts.most_common(1)[0]
    if len(counts) > 1:
        row = next(row for row, several in enumerate(found) if len(several) != usual)
        raise DataError(
            f"{at(row)}: unequal numbers of references: {len(found[row])} here and {usual} in most rows "
            f"({len(found) - rows} of {len(found)} differ): give every row as many"
        )
    if not usual:
        raise DataError(f"{at(0)} has no reference, and nor has any other row: name other columns")
    return found, notes


def difficulty_numbers(name: str, cells: Sequence[Any], at: At) -> pd.Series:
    """Return the difficulties in a column as Int64, missing where a cell is empty. Raises DataError for others."""
    written = as_texts(cells)
    values: dict[str, int | None] = {}
    for text in dict.fromkeys(written):
        whole = re.fullmatch(r"\s*([+-]?[0-9]{1,9})(\.0*)?\s*", text)
        if text.strip() and not whole:
            raise DataError(
                f"{at(written.index(text))}: the difficulty in column {name!r} is {shortened(text)!r}, not a "
                f"whole number: name another column with {OPTIONS[DIFFICULTY]} NAME, or '' for none"
            )
        values[text] = int(whole[1]) if whole else None
    return pd.Series([values[text] for text in written], dtype="Int64")


def image_texts(name: str, cells: Sequence[Any], at: At) -> list[str]:
    """Return the images in a column. Raises DataError where a cell is empty."""
    written = _single(name, cells, at)
    if "" in written:
        raise DataError(
            f"{at(written.index(''))} has no image in column {name!r}: "
            f"name another column with {OPTIONS[IMAGE_ID]} NAME, or '' for none"
        )
    return written


def _written_lists(name: str, cells: Sequence[Any]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the references in the cells of a column that are text with a list in it, by their text, and notes."""
    counts = Counter(cell for cell in cells if isinstance(cell, str) and cell.startswith("["))
    lists, others = {}, []
    for cell in counts:
        try:
            items = _items(DECODER.decode(cell))
            # An escape may stand for half a character, which is no text.
            "".join(items or ()).encode()
        except (ValueError, RecursionError):
            others.append(cell)
            continue
        # A list of something else is an answer that happens to look like one.
        if items is not None:
            lists[cell] = items
    python = {cell: items for cell in others if (items := _python_list(cell))}
    if len(python) < len(others):
        return lists, _unread_lists([cell for cell in others for _ in range(counts[cell])])
    count = sum(counts[cell] for cell in python)
    note = f"{count} Python lists in column {name!r} are read as lists of references"
    return lists | python, [note] if count else []


def _python_list(cell: str) -> list[str] | None:
    """Return the texts of a Python list of texts, as Python writes it; None for another text."""
    if len(cell) > _LONGEST_PYTHON_LIST or not _PYTHON_LIST.fullmatch(cell):
        return None
    try:
        with warnings.catch_warnings():
            # Of an escape that Python does not have, and so did not write.
            warnings.simplefilter("error")
            items = ast.literal_eval(cell)
        "".join(items).encode()
    except (ValueError, SyntaxError, RecursionError, MemoryError, Warning):
        return None
    return items


def _unread_lists(texts: Sequence[str]) -> list[str]:
    """Return a note where texts look like Python lists, and not like JSON."""
    count = sum(text[:2] + text[-2:] in ("['']", "['\"]", "[\"']") for text in texts)
    note = f"{count} references look like Python lists and count as one text each: write JSON"
    return [note] if count else []


def _alternatives(cell: Any, lists: dict[str, list[str]]) -> list[str] | None:
    """Return the references in a cell, none for an empty list; None where there is nothing, or no text."""
    if isinstance(cell, list):
        return _items(cell)
    text = _text(cell)
    return None if text is None else lists.get(text, [text])


def _items(cells: list) -> list[str] | None:
    found = [_text(cell.get("answer") if isinstance(cell, dict) else cell) for cell in cells]
    texts = [text for text in found if text is not None]
    return texts if len(texts) == len(found) else None


def _single(name: str, cells: Sequence[Any], at: At) -> list[str]:
    for row, cell in enumerate(cells):
        if isinstance(cell, (list, dict)):
            kind = "a list" if isinstance(cell, list) else "an object"
            raise DataError(
                f"{at(row)} has {kind} in column {name!r}, where one text is wanted: name another"
            )
    return as_texts(cells)


def _text(cell: Any) -> str | None:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if cell is None or isinstance(cell, (list, dict)) or (isinstance(cell, float) and math.isnan(cell)):
        return None
    return str(cell)
