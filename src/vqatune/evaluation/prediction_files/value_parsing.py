"""The values in a file of predictions: predictions, references, difficulties and images.

A cell is text, True or False, a number, None, or a list or object of these.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.prediction_files.columns import DIFFICULTY, IMAGE_ID, OPTIONS, shortened
from vqatune.evaluation.prediction_files.written_lists import parse_literal
from vqatune.text_files.cells import DECODER

At = Callable[[int], str]
"""Describes the place of a row: the file and the line."""

_NAMED_CELLS = 3
_LIST_BEGINS = re.compile(r"\s*(?:(?:(?:np\.)?array\()*[\[({]\s*(?:np\.str_\()?['\"]|\[\s*[\[{])")


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


def prediction_texts(name: str, cells: Sequence[Any], at: At) -> tuple[list[str], list[str]]:
    """Return the predictions in a column, a missing one as '', and notes.

    A list of one text is that text, also where lists are within lists. So are lists that are written as text, where
    all cells of the column that are not empty hold one; otherwise they are answers that look like lists, and noted.

    Raises DataError for a list of more or of none, or an object.
    """
    found = [_only_text(cell) for cell in cells]
    written = [cell for cell in found if isinstance(cell, str) and cell.strip()]
    notes: list[str] = []
    if written and all(map(looks_like_list, written)):
        inner = {cell: _only_text(written_list(cell)[0]) for cell in dict.fromkeys(written)}
        if all(isinstance(text, str) for text in inner.values()):
            found = [inner.get(cell, cell) if isinstance(cell, str) else cell for cell in found]
            return _single(name, found, at), [f"lists of one text in column {name!r} are read as that text"]
    listed = [row for row, cell in enumerate(found) if isinstance(cell, str) and looks_like_list(cell)]
    if listed:
        notes = [f"what looks like a list in column {name!r} counts as text: {_counted(listed, found, at)}"]
    return _single(name, found, at), notes


def reference_lists(columns: Mapping[str, Sequence[Any]], at: At) -> tuple[list[list[str]], list[str]]:
    """Return the references of every row, one or more, from one column or several (name → cells), and notes.

    A cell holds a text, a list of texts or of objects with an `answer`, or an object with `answer`, which is one or
    more; also as text that JSON, Python, numpy, pandas or datasets wrote. A cell that looks like such a list and is
    none counts as one text, and a note says where it is. Of several columns an empty cell is none.

    Raises DataError where a row has no reference, or one that is no text.
    """
    found: list[list[str]] = [[] for _ in next(iter(columns.values()), ())]
    notes = []
    for name, cells in columns.items():
        several, more = _references(name, cells, at)
        notes += more
        if len(columns) == 1:
            return several, notes
        for texts, some in zip(found, several, strict=True):
            texts += filter(None, some)
    for row, texts in enumerate(found):
        if not texts:
            names = ", ".join(map(repr, columns))
            raise DataError(
                f"{at(row)} has no reference in the columns {names}: write one, or leave the row out"
            )
    return found, notes


def _references(name: str, cells: Sequence[Any], at: At) -> tuple[list[list[str]], list[str]]:
    """Return the references of a column's cells, and notes on lists that are written as text."""
    found: list[list[str]] = []
    written: dict[str, Any] = {}
    python, unread = 0, []
    for row, cell in enumerate(cells):
        texts = reference_texts(cell)
        if isinstance(cell, str) and looks_like_list(cell):
            if cell not in written:
                written[cell] = _written_references(cell)
            texts, is_json = written[cell]
            python += texts is not None and not is_json
            if texts is None:
                unread.append(row)
                texts = [cell]
        if not texts:
            fault = "no reference" if cell is None or texts == [] else "a reference that is no text"
            raise DataError(f"{at(row)} has {fault} in column {name!r}: write it, or leave the row out")
        found.append(texts)
    notes = [f"{python} Python lists in column {name!r} are read as lists of references"] if python else []
    if unread:
        notes.append(
            f"lists in column {name!r} that cannot be read as lists of texts count as one text each: "
            + _counted(unread, cells, at)
        )
    return found, notes


def _written_references(cell: str) -> tuple[list[str] | None, bool]:
    """Return the references in a list that is written as text, None where there are none, and whether it is JSON."""
    value, is_json = written_list(cell)
    return (None if value is None else reference_texts(value)), is_json


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


def looks_like_list(text: str) -> bool:
    """Tell whether a text may be a list or an object that was written as text: by how it begins, or its brackets."""
    return bool(_LIST_BEGINS.match(text)) or (text[:1] == "[" and text.rstrip()[-1:] == "]")


def written_list(text: str) -> tuple[Any, bool]:
    """Return the list or object that is written as text, None where it is none, and whether it is JSON."""
    is_json = True
    try:
        value = DECODER.decode(text)
        # An escape may stand for half a character, which is no text.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        is_json = False
        try:
            value = parse_literal(text)
        except ValueError:
            value = None
    return (value if isinstance(value, (list, dict)) else None), is_json


def reference_texts(cell: Any) -> list[str] | None:
    """Return the references in a cell, none for an empty list; None where there is nothing, or no text."""
    if isinstance(cell, dict):
        cell = cell.get("answer")
    if not isinstance(cell, list):
        text = _text(cell)
        return None if text is None else [text]
    found = [_text(item.get("answer") if isinstance(item, dict) else item) for item in cell]
    texts = [text for text in found if text is not None]
    return texts if len(texts) == len(found) else None


def _counted(rows: Sequence[int], cells: Sequence[Any], at: At) -> str:
    """Return the number of rows, and where the first of them are and what they hold."""
    places = "; ".join(f"{at(row)}: {shortened(str(cells[row]))}" for row in rows[:_NAMED_CELLS])
    more = f"; and {len(rows) - _NAMED_CELLS} more" if len(rows) > _NAMED_CELLS else ""
    return f"{len(rows)} ({places}{more})"


def _only_text(cell: Any) -> Any:
    while isinstance(cell, list) and len(cell) == 1:
        [cell] = cell
    return cell


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
