"""From a catalogue's source to the tables of listings and images."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from vqatune.catalogue.sources import abo
from vqatune.catalogue.sources.extracted import Extracted
from vqatune.catalogue.sources.folder import PICTURE, folder_rows
from vqatune.catalogue.sources.museum import COLUMNS, museum_rows
from vqatune.catalogue.sources.pictures import ROWS, Pictures, packed_pictures, picture_files
from vqatune.catalogue.sources.table import extract_table
from vqatune.catalogue.sources.tars import tar_rows
from vqatune.params import ColumnsParams, RawParams
from vqatune.runtime.parts import stop_here_in_job_array
from vqatune.tables import IMAGES, LISTINGS, parts_of, replacing_parts, write_table
from vqatune.text_files.formats import read_cells


def extract_tables(
    raw: RawParams,
    folder: Path,
    max_bad_lines: int,
    listings: Path,
    images: Path,
    work: Path,
    count: int = 1,
    executor: str = "local",
) -> dict[str, Any]:
    """Read the listings and images of the catalogue, and write the two tables.

    Args:
        raw: its source, and where its files lie.
        folder: what the stage raw wrote: ABO's two archives or, for other sources, what was fetched and unpacked.
        max_bad_lines: of ABO's listings.
        listings: tables.LISTINGS, to be written.
        images: tables.IMAGES, to be written.
        work: a folder for what is not done yet.
        count: the number of parts of each table.
        executor: as compute.executor.

    Returns a report of counts and of what is amiss. Raises DataError or ArchiveError where the catalogue cannot be read, or
    is not what `raw` says.
    """
    if raw.source in ("showroom", "drawn_museum", "abo", "path"):
        return abo.extract(Path(folder), max_bad_lines, listings, images, work, count, executor)
    extracted = _read_whole(raw, Path(folder))
    stop_here_in_job_array()
    _write_parts(extracted.listings, listings, LISTINGS, "item_id", count)
    _write_parts(extracted.images, images, IMAGES, "image_id", count)
    return extracted.report


def _write_parts(frame: pd.DataFrame, path: Path, schema: pa.Schema, key: str, count: int) -> None:
    parts = parts_of(frame[key], count)
    with replacing_parts(path, count) as target:
        for part in range(count):
            write_table(frame[parts == part], target(part), schema)


def _read_whole(raw: RawParams, folder: Path) -> Extracted:
    """Return the tables of a source that is read as a whole."""
    if raw.source == "folder":
        table, files = folder_rows(Path(raw.pictures or ""))
        return extract_table(table, _with_pictures(raw), Pictures(files), raw.language)
    if raw.source == "tars":
        table, files = tar_rows(Path(raw.pictures or ""))
        return extract_table(table, _with_pictures(raw), Pictures(files), raw.language)
    packed, dead = packed_pictures(folder)
    columns = raw.columns
    if raw.source == "museum":
        table, columns = museum_rows(Path(raw.path or "")), COLUMNS
    else:
        table = read_cells(folder / ROWS if (folder / ROWS).exists() else Path(raw.path or ""))
    files = picture_files(Path(raw.pictures)) if raw.pictures else []
    extracted = extract_table(table, columns, Pictures(files, packed), raw.language)
    extracted.report["dead"] = len(dead)
    extracted.report["dead_names"] = [f"{name}: {reason}" for name, reason in dead.itertuples(index=False)]
    return extracted


def _with_pictures(raw: RawParams) -> ColumnsParams:
    return raw.columns.model_copy(update={"pictures": [PICTURE]})
