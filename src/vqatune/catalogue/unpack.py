"""What the stage raw brings of a catalogue of one's own: fetched pictures, and what lies within tables and datasets."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from vqatune.catalogue.fetch_pictures import digest_of, fetch_pictures, picture_format, store_path
from vqatune.catalogue.pack import pack_pictures
from vqatune.catalogue.sources.museum import COLUMNS, museum_rows
from vqatune.catalogue.sources.pictures import ROWS, Pictures, picture_files
from vqatune.catalogue.sources.stored import dataset_rows, holds_pictures, parquet_rows, picture_in
from vqatune.catalogue.sources.table import row_pictures
from vqatune.catalogue.sources.tars import tar_rows
from vqatune.errors import ArchiveError, DataError
from vqatune.params import ColumnsParams, RawParams
from vqatune.tables import replacing
from vqatune.text_files.cells import Table
from vqatune.text_files.formats import read_cells

FETCHED = Path(".work/pictures")
"""Fetched pictures, kept outside of data/raw, which DVC empties before it runs the stage."""

_URL = re.compile(r"https?://", re.IGNORECASE)


def unpack(params: RawParams, folder: Path) -> None:
    """Write what `params.source` (table, folder, tars, hub or museum) needs beside the user's own files into `folder`.

    Raises DataError or ArchiveError where something cannot be read, or too large a share of the pictures be fetched.
    """
    if params.source == "hub":
        _write_rows(dataset_rows(params), params.columns.pictures, folder)
    elif params.source == "table" and holds_pictures(Path(params.path or ""), params.columns.pictures):
        _write_rows(parquet_rows(Path(params.path or "")), params.columns.pictures, folder)
    elif params.source == "table":
        _fetch(read_cells(Path(params.path or "")), params.columns, params, folder)
    elif params.source == "museum":
        _fetch(museum_rows(Path(params.path or "")), COLUMNS, params, folder)
    else:
        if params.source == "tars":
            # Where pairs can be read from.
            table, _ = tar_rows(Path(params.pictures or ""))
            _write_table(_rows_of(table), folder / ROWS)
        pack_pictures([], {}, folder)


def _fetch(table: Table, columns: ColumnsParams, params: RawParams, folder: Path) -> None:
    lacking = [name for name in columns.pictures if name not in table.columns]
    if lacking:
        raise DataError(
            f"{table.path} has no column {', '.join(map(repr, lacking))} (raw.columns.pictures): run `vqatune use` again"
        )
    named = dict.fromkeys(
        name for row in range(len(table.numbers)) for name in row_pictures(table, columns, row)
    )
    urls = [name for name in named if _URL.match(name)]
    if params.source == "museum" and params.pictures:
        # What lies there is not fetched.
        there = Pictures(picture_files(Path(params.pictures)))
        urls = [url for url in urls if there.find(url) is None]
    dead = fetch_pictures(urls, params.fetch, FETCHED, params.allow_private_addresses)
    if urls and len(dead) > params.max_dead * len(urls) + 1e-9:
        examples = {reason: url for url, reason in reversed(dead.items())}
        reasons = Counter(dead.values()).most_common(3)
        shown = "; ".join(f"{count} such as {examples[reason]}: {reason}" for reason, count in reasons)
        raise ArchiveError(
            f"{len(dead)} of {len(urls)} pictures cannot be fetched, more than raw.max_dead: {params.max_dead:g} admits: "
            f"{shown}; run again (what was fetched is kept), or raise raw.max_dead"
        )
    pack_pictures(_fetched_pictures(urls, dead), {url: dead[url] for url in urls if url in dead}, folder)


def _fetched_pictures(urls: Iterable[str], dead: dict[str, str]) -> Iterator[tuple[str, str, str, bytes]]:
    for url in urls:
        if url not in dead:
            content, digest = store_path(FETCHED, url).read_bytes(), digest_of(url)
            ending = _ending(content)
            stem = unquote(urlsplit(url).path).rpartition("/")[2].rpartition(".")[0]
            image_id = "-".join(filter(None, [re.sub(r"[^\w.-]+", "_", stem)[:40], digest[:12]]))
            yield url, image_id, f"{digest[:2]}/{digest}.{ending}", content


def _write_rows(rows: Iterable[dict[str, Any]], columns: list[str], folder: Path) -> None:
    """Write the pictures of rows to tars, each once, and the rows with the pictures' names in their place."""
    kept: list[dict[str, Any]] = []
    names: dict[bytes, str] = {}
    used: set[str] = set()

    def pictures() -> Iterator[tuple[str, str, str, bytes]]:
        for number, row in enumerate(rows):
            lacking = [column for column in columns if column not in row]
            if lacking:
                raise DataError(
                    f"there is no column {', '.join(map(repr, lacking))} (raw.columns.pictures): run `vqatune use` again"
                )
            for column in columns:
                cells = row[column] if isinstance(row[column], list) else [row[column]]
                said = []
                for cell in cells:
                    path, content = picture_in(cell)
                    if content is None:
                        continue
                    digest = blake2b(content, digest_size=16).digest()
                    if digest not in names:
                        ending = _ending(content)
                        name = (
                            path if path and path not in used else f"{number:08d}-{digest.hex()[:8]}.{ending}"
                        )
                        names[digest] = name
                        used.add(name)
                        yield name, name, f"{digest.hex()[:2]}/{digest.hex()}.{ending}", content
                    said.append(names[digest])
                row[column] = said if len(said) > 1 else said[0] if said else None
            kept.append(row)

    pack_pictures(pictures(), {}, folder)
    if not names:
        raise DataError(f"no row holds a picture in {', '.join(columns)} (raw.columns.pictures)")
    _write_table(kept, folder / ROWS)


def _ending(content: bytes) -> str:
    return {"JPEG": "jpg", "JPEG2000": "jp2"}.get(kind := picture_format(content) or "img", kind.lower())


def _rows_of(table: Table) -> list[dict[str, Any]]:
    return [{name: cells[row] for name, cells in table.columns.items()} for row in range(len(table.numbers))]


def _write_table(rows: list[dict[str, Any]], path: Path) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        cells = [row.get(name) for row in rows]
        if any(isinstance(cell, list) for cell in cells):
            cells = [cell if cell is None or isinstance(cell, list) else [cell] for cell in cells]
        try:
            columns[name] = pa.array(cells)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            # Of several kinds: as the text that they are.
            columns[name] = pa.array(
                [
                    cell if cell is None or isinstance(cell, str) else json.dumps(cell, default=str)
                    for cell in cells
                ]
            )
    with replacing(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
