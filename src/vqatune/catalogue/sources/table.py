"""A table of pictures, a listing in one row or several: from its columns to listings and images.

Shopify's and Google Merchant's exports, Kaggle's styles.csv, an imagefolder's metadata.csv and tables of questions are
such tables; so is, once it has been read, what lies in a folder of pictures, a WebDataset or a dataset of the Hub.
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pandas as pd

from vqatune.catalogue.sources.extracted import NAMED, Extracted
from vqatune.catalogue.sources.pictures import Picture, Pictures
from vqatune.errors import DataError
from vqatune.params import ColumnsParams
from vqatune.text_files.cells import Table

ONE_TYPE = "UNTYPED"
"""The product type of all listings where the table has no column for it."""
_AT_ONCE = 20_000
"""Listings whose texts are in memory as Python's."""
_NO_PROTOCOL = re.compile(r"^//(?=[\w-]+(?:\.[\w-]+)+(?::\d+)?/)")


@dataclass
class _Listing:
    """A listing, as far as its rows have been read."""

    product_type: str | None = None
    pictures: list[tuple[float, int, Picture]] = field(default_factory=list)
    """Position, row and picture."""
    values: dict[str, dict[tuple[str, str], None]] = field(default_factory=dict)
    """Field → pairs of language tag and text, each once."""


def extract_table(
    table: Table, columns: ColumnsParams, pictures: Pictures, language: str | None
) -> Extracted:
    """Return the listings and images of a table.

    Rows with the same id are one listing, with all their pictures and all distinct values of a field; without a column
    of ids, those whose first picture is the same. A row with neither is a listing without pictures. An image's id is
    its path below the folder of pictures, or what fetching made of its URL.

    Args:
        table: the cells.
        columns: the part that each column plays.
        pictures: finds a picture by what a cell says.
        language: the tag of texts in rows that have none, and of listings without texts; None: unknown.

    Returns:
        The tables, sorted by item_id and image_id, and a report of listings, images, images_without_bytes (distinct
        names for which there is no picture; missing_names has the first), rows_repeated, members_without_row
        (pictures that no row names) and bad_lines (none).

    Raises:
        DataError: the table lacks a column, or not one of the pictures that it names is there.
    """
    _check_columns(table, columns)
    rows_of: dict[str, list[int]] = {}
    shown: dict[str, Picture] = {}
    missing: dict[str, None] = {}
    for row in range(len(table.numbers)):
        found = []
        for name in row_pictures(table, columns, row):
            picture = shown.get(name) or pictures.find(name)
            if picture is None:
                missing[name] = None
            else:
                shown[name] = picture
                found.append(picture)
        if columns.id is not None:
            item_id = _text(_cell(table, columns.id, row))
        else:
            item_id = found[0].image_id if found else ""
        rows_of.setdefault(item_id or f"row {table.numbers[row]}", []).append(row)
    if not shown:
        raise DataError(_no_picture(table, columns, missing, pictures))
    images = {picture.image_id: picture for picture in shown.values()}
    named = {picture.path for picture in images.values()}
    report: dict[str, int | list[str]] = {
        "listings": len(rows_of),
        "bad_lines": 0,
        "bad_line_names": [],
        "images": len(images),
        "images_without_bytes": len(missing),
        "missing_names": list(missing)[:NAMED],
        "rows_repeated": 0,
        "members_without_row": sum(path not in named for path in pictures.files),
    }
    # One listing at a time, as what is read of its cells takes several times as much memory as they do.
    rows = (
        _listing_row(item_id, _read_listing(table, columns, rows_of[item_id], shown, language), language)
        for item_id in sorted(rows_of)
    )
    return Extracted(_listings_table(rows), _images_table(images), report)


def row_pictures(table: Table, columns: ColumnsParams, row: int) -> list[str]:
    """Return the names of a row's pictures, each once."""
    names = [
        name
        for column in columns.pictures
        for name in split_names(_cell(table, column, row), columns.separator)
    ]
    return list(dict.fromkeys(names))


def split_names(cell: Any, separator: str | None) -> list[str]:
    """Return the paths or URLs in a cell: of a list, of text that writes one, or with a separator between them."""
    if isinstance(cell, dict):
        # Hugging Face's form of a picture.
        cell = cell.get("path")
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        cell = _written_list(cell.strip())
    if isinstance(cell, list | tuple):
        return [name for each in cell for name in split_names(each, None)]
    text = _text(cell)
    parts = text.split(separator) if separator else [text]
    # A URL without its protocol, as web pages have them.
    return [_NO_PROTOCOL.sub("https://", part.strip()) for part in parts if part.strip()]


def _written_list(text: str) -> Any:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return text


def _read_listing(
    table: Table, columns: ColumnsParams, rows: Sequence[int], shown: dict[str, Picture], language: str | None
) -> _Listing:
    """Return the listing of some rows, whose pictures are among those of `shown`."""
    listing = _Listing()
    for row in rows:
        found = [shown[name] for name in row_pictures(table, columns, row) if name in shown]
        try:
            _add_row(listing, table, columns, row, found, language)
        except RecursionError as error:
            raise DataError(
                f"{table.at(row)} has a cell of lists in too many lists: write it as text"
            ) from error
    return listing


def _add_row(
    listing: _Listing,
    table: Table,
    columns: ColumnsParams,
    row: int,
    found: Sequence[Picture],
    language: str | None,
) -> None:
    if columns.type is not None and listing.product_type is None:
        listing.product_type = _text(_cell(table, columns.type, row)) or None
    position = _number(_cell(table, columns.position, row)) if columns.position is not None else 0.0
    listing.pictures.extend((position, row, picture) for picture in found)
    tag = _text(_cell(table, columns.language, row)) if columns.language is not None else ""
    tag = (tag or language or "").replace("-", "_")
    for name, column in columns.field_columns:
        cell = _cell(table, column, row)
        for each in cell if isinstance(cell, list | tuple) else [cell]:
            if text := _text(each):
                listing.values.setdefault(name, {})[tag, text] = None


def _listings_table(rows: Iterator[tuple[Any, ...]]) -> pd.DataFrame:
    """Return the table of listings; texts become a column of Arrow's some thousand rows at a time."""
    columns = ["item_id", "product_type", "languages", "image_ids", "metadata"]
    frames = [pd.DataFrame(some, columns=columns) for some in iter(lambda: list(islice(rows, _AT_ONCE)), [])]
    return pd.concat(frames, ignore_index=True)


def _listing_row(item_id: str, listing: _Listing, language: str | None) -> tuple[Any, ...]:
    """Return a row of tables.LISTINGS."""
    ordered = sorted(listing.pictures, key=lambda entry: entry[:2])
    image_ids = list(dict.fromkeys(picture.image_id for *_, picture in ordered))
    record: dict[str, Any] = {"item_id": item_id}
    if listing.product_type:
        record["product_type"] = [{"value": listing.product_type}]
    if image_ids:
        record |= {"main_image_id": image_ids[0], "other_image_id": image_ids[1:]}
    languages = set() if listing.values or not language else {language.replace("-", "_")}
    for name, values in listing.values.items():
        record[name] = [
            {"language_tag": tag, "value": text} if tag else {"value": text} for tag, text in values
        ]
        languages.update(tag for tag, _ in values if tag)
    metadata = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return item_id, listing.product_type or ONE_TYPE, sorted(languages), image_ids, metadata


def _images_table(images: dict[str, Picture]) -> pd.DataFrame:
    frame = pd.DataFrame(sorted(images.values()), columns=list(Picture._fields))
    sizes = pd.array([None] * len(frame), dtype="Int32")
    frame = frame.assign(height=sizes, width=sizes)
    return frame[["image_id", "height", "width", "path", "archive", "offset", "length"]]


def _check_columns(table: Table, columns: ColumnsParams) -> None:
    single = (columns.id, columns.type, columns.position, columns.language)
    wanted = [
        *columns.pictures,
        *(name for name in single if name is not None),
        *(column for _, column in columns.field_columns),
    ]
    lacking = [name for name in dict.fromkeys(wanted) if name not in table.columns]
    if lacking:
        raise DataError(
            f"{table.path} has no column {', '.join(map(repr, lacking))} (raw.columns); it has: "
            f"{', '.join(table.columns)}: run `vqatune use` again"
        )


def _no_picture(table: Table, columns: ColumnsParams, missing: dict[str, None], pictures: Pictures) -> str:
    if not missing:
        return f"{table.path}: the column(s) {', '.join(columns.pictures)} (raw.columns.pictures) name no picture"
    there = ", ".join(list(pictures.files)[:3]) or "none"
    return (
        f"not one of the {len(missing)} pictures that {table.path} names is there: it names "
        f"{', '.join(list(missing)[:3])}; the pictures below raw.pictures are {there}"
    )


def _cell(table: Table, column: str, row: int) -> Any:
    return table.columns[column][row]


def _number(cell: Any) -> float:
    """Return a position; what is no number comes last."""
    text = _text(cell)
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text) else float("inf")


def _text(cell: Any) -> str:
    """Return a cell as text, "" for none; half a character, which JSON can hold and UTF-8 cannot, as `?`."""
    if cell is None or cell is False:
        return ""
    if isinstance(cell, list | dict | tuple):
        cell = json.dumps(cell, ensure_ascii=False, default=str)
    text = str(cell).strip()
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
