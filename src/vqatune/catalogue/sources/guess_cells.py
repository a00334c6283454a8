"""What the cells of a column look like: an id, a product type, language tags, numbers."""

import re
from collections import Counter
from typing import Any

_FEW = 20
SAMPLE = 400
"""Cells of a column that are looked at."""


def is_filled(cell: Any) -> bool:
    """Return whether a cell holds anything."""
    return cell is not None and cell != "" and cell != []


def as_text(cell: Any) -> str:
    """Return what a cell says; "" of lists, objects and bytes."""
    return "" if cell is None or isinstance(cell, list | dict | bytes) else str(cell).strip()


def may_be_id(cells: Any, first: list[str | None], pairs: bool) -> bool:
    """Return whether a column may be the listings' id: filled, and with pairs the same for a picture's rows."""
    texts = [as_text(cell) for cell in cells]
    if not texts or sum(map(bool, texts)) < 0.9 * len(texts) or len(set(texts)) < 2:
        return False
    if not pairs:
        return True
    of_picture: dict[str, set[str]] = {}
    for text, picture in zip(texts, first, strict=True):
        if picture is not None:
            of_picture.setdefault(picture, set()).add(text)
    return all(len(ids) == 1 for ids in of_picture.values())


def may_be_type(cells: Any, first: list[str | None]) -> bool:
    """Return whether a column may be the product type: few values, and one a picture."""
    of_picture: dict[str, Counter[str]] = {}
    for cell, picture in zip(cells, first, strict=True):
        text = as_text(cell)
        if picture is not None and text:
            of_picture.setdefault(picture, Counter())[text] += 1
    if not of_picture or any(len(texts) > 1 for texts in of_picture.values()):
        return False
    values = {text for texts in of_picture.values() for text in texts}
    # Of a few rows less can be asked.
    few = len(values) < len(of_picture) <= _FEW
    return (few or 2 * len(values) <= len(of_picture)) and sum(map(len, values)) < 80 * len(values)


def are_tags(cells: Any) -> bool:
    """Return whether all that a column says are language tags."""
    texts = [text for text in map(as_text, cells) if text]
    return bool(texts) and all(re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*", text) for text in texts)


def share_of_numbers(cells: Any) -> float:
    """Return the share of numbers in what a column says, 0 to 1."""
    texts = [text for text in map(as_text, cells) if text]
    return sum(re.fullmatch(r"[-+]?[0-9]+([.,][0-9]+)*%?", text) is not None for text in texts) / max(
        1, len(texts)
    )
