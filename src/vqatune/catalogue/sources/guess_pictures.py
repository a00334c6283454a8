"""Guessing the columns with pictures, and what separates several in a cell."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from vqatune.catalogue.sources.guess_cells import SAMPLE, is_filled
from vqatune.catalogue.sources.guess_names import PICTURES
from vqatune.catalogue.sources.table import split_names
from vqatune.errors import DataError
from vqatune.text_files.cells import Table
from vqatune.text_files.column_names import plain
from vqatune.text_files.path_index import EXTENSIONS

_SEPARATORS = ("|", ";", ",", " ")
Finds = Callable[[str], bool]
"""Whether there is a picture with this name."""


def guess_pictures(
    table: Table, finds: Finds, given: dict[str, str], taken: set[str]
) -> tuple[list[str], str | None]:
    """Return the columns of pictures, and the separator within their cells."""
    separator = given.get("separator") or None
    if given.get("pictures"):
        text = given["pictures"]
        columns = [text] if text in table.columns else text.split(",")
        return columns, separator or _separator(table, columns, finds)
    free = [name for name in table.columns if name not in taken]
    # Numbered ones, such as image_2, are more of the same.
    known = [name for name in free if re.sub("[0-9]+$", "", plain(name)) in PICTURES]
    known.sort(key=lambda name: PICTURES.index(re.sub("[0-9]+$", "", plain(name))))
    columns, best = [], 0.0
    for name in known:
        share = _share_of_pictures(table, name, finds)
        # A column that only repeats what another has, as Shopify's Variant Image does, adds nothing.
        if share > 0.5 and (not columns or _is_more(name)):
            columns.append(name)
            best = max(best, share)
    if not columns:
        # Whatever it is called: a name that is a picture's in most rows, as Kaggle's id is.
        shares = {name: _share_of_pictures(table, name, finds) for name in free}
        likely = [name for name, share in shares.items() if share > 0.5]
        columns = [max(likely, key=lambda name: shares[name])] if likely else known[:1]
    if not columns:
        raise DataError(
            f"{table.path} has no column known to name pictures: say which with --set image=COLUMN (its columns: "
            f"{', '.join(table.columns)})"
        )
    return columns, separator or _separator(table, columns, finds)


def _is_more(name: str) -> bool:
    return re.search(r"additional|other|gallery|[0-9]$", plain(name)) is not None


def _share_of_pictures(table: Table, column: str, finds: Finds) -> float:
    cells = [cell for cell in table.columns[column][: 10 * SAMPLE] if is_filled(cell)][:SAMPLE]
    return sum(_names_picture(cell, finds) for cell in cells) / len(cells) if cells else 0.0


def _names_picture(cell: Any, finds: Finds) -> bool:
    if isinstance(cell, bytes):
        return True
    if isinstance(cell, dict):
        return "bytes" in cell or "path" in cell
    for separator in (None, *_SEPARATORS):
        names = split_names(cell, separator)
        if names and (finds(names[0]) or is_picture_url(names[0])):
            return True
    return False


def is_picture_url(name: str) -> bool:
    """Return whether a text is a URL."""
    return re.fullmatch(r"https?://\S+", name, re.IGNORECASE) is not None


def _separator(table: Table, columns: list[str], finds: Finds) -> str | None:
    """Return what stands between several pictures in a cell, None where a cell has one, or a list."""
    votes: Counter[str | None] = Counter()
    for column in columns:
        for cell in [cell for cell in table.columns[column][: 10 * SAMPLE] if isinstance(cell, str)][:SAMPLE]:
            if not cell.strip() or cell.lstrip().startswith("[") or finds(cell.strip()):
                continue
            for separator in _SEPARATORS:
                parts = split_names(cell, separator)
                if len(parts) > 1 and all(
                    is_picture_url(part) or part.lower().endswith(EXTENSIONS) or finds(part) for part in parts
                ):
                    votes[separator] += 1
                    break
    return votes.most_common(1)[0][0] if votes else None


def names_in(table: Table, columns: list[str], separator: str | None, row: int) -> Iterable[str]:
    """Yield the names of pictures in the cells of a row."""
    for column in columns:
        yield from split_names(table.columns[column][row], separator)
