"""Files with records of museums, as aggregators publish them, as a table.

A record is a row a language, with the same id, so that the table's reader makes one listing of them.
"""

import bz2
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vqatune.catalogue.sources.museum_records import FIELDS, FORMS, MuseumObject
from vqatune.errors import DataError
from vqatune.params import ColumnsParams
from vqatune.text_files.cells import Table

COLUMNS = ColumnsParams(
    pictures=["picture"],
    id="id",
    type="product_type",
    language="tag",
    fields=[f"{name}={name}" for name in FIELDS],
)
"""The part that each column of the table plays."""
SUFFIXES = (".json", ".jsonl", ".txt")
"""Of files with records, with .gz or .bz2 after it or not."""


def record_files(path: Path) -> list[Path]:
    """Return the files with records: the path, or those in the folder and its subfolders, sorted by name."""
    found = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return [file for file in found if _suffix(file) in SUFFIXES and not file.name.startswith(".")]


def museum_form(path: Path) -> str | None:
    """Return whose form the records of a file or folder have, None where the first file has none of a museum's."""
    for file in record_files(path)[:1]:
        try:
            record = next(_records(file), None)
        except DataError:
            return None
        return next((name for name, (fits, _) in FORMS.items() if record and fits(record)), None)
    return None


def museum_rows(path: Path) -> Table:
    """Return a row for each language of each object, with the columns of COLUMNS; an object's first row has its pictures.

    Raises DataError where a file cannot be read, or a record has none of the three forms.
    """
    rows: list[dict[str, Any]] = []
    for file in record_files(path):
        for number, record in enumerate(_records(file), start=1):
            read = next((read for fits, read in FORMS.values() if fits(record)), None)
            if read is None:
                raise DataError(
                    f"{file}: record {number} has neither Europeana's, DPLA's nor the Smithsonian's form (docs/museum.md)"
                )
            rows += _rows(read(record), f"{file.name} {number}")
    if not rows:
        raise DataError(f"{path} holds no records of a museum ({', '.join(SUFFIXES)})")
    names = [*(name for name in ("id", "product_type", "tag", "picture")), *FIELDS]
    columns = {name: [row.get(name) for row in rows] for name in names}
    return Table(path, columns, range(1, len(rows) + 1), "record")


def _rows(thing: MuseumObject, where: str) -> Iterator[dict[str, Any]]:
    types = thing.values.get("type", {})
    kind = next(iter(types.get("en") or next(filter(None, types.values()), [])), thing.kind)
    tags = dict.fromkeys(["", *(tag for values in thing.values.values() for tag in values)])
    for tag in tags:
        row = {name: values[tag] for name, values in thing.values.items() if values.get(tag)}
        if tag == "":
            row["picture"] = list(dict.fromkeys(thing.pictures))
        yield row | {"id": thing.id or where, "product_type": kind, "tag": tag}


def _suffix(file: Path) -> str:
    return Path(file.name.lower().removesuffix(".gz").removesuffix(".bz2")).suffix


def _records(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file: of a reply of an API, of a list, or of a line each."""
    try:
        content = file.read_bytes()
        if file.name.lower().endswith((".gz", ".bz2")):
            content = (gzip if file.name.lower().endswith(".gz") else bz2).decompress(content)
        text = content.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read ({error})") from error
    try:
        parsed = [json.loads(text)]
    except ValueError:
        parsed = []
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                parsed += [json.loads(line)] if line.strip() else []
            except ValueError as error:
                raise DataError(f"{file}:{number} is not JSON ({error})") from error
    for each in parsed:
        yield from _unwrapped(each)


def _unwrapped(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from _unwrapped(each)
    elif isinstance(value, dict):
        response = value.get("response")
        inner = response.get("rows") if isinstance(response, dict) else None
        for name in ("items", "docs", "_source", "object"):
            if inner is None and isinstance(value.get(name), list | dict):
                inner = value[name]
        if inner is None:
            yield value
        else:
            yield from _unwrapped(inner)


def says(table: Table, names: Iterable[str]) -> list[str]:
    """Return those of the fields that any object of a table has."""
    return [name for name in names if any(table.columns[name])]
