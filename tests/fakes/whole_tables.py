"""The stages that read and write tables of parts, for tables in memory."""

import tempfile
from pathlib import Path

import pandas as pd

from vqatune.catalogue.extract import extract_tables
from vqatune.catalogue.filter import filter_table
from vqatune.catalogue.sources import abo
from vqatune.catalogue.sources.extracted import Extracted
from vqatune.loading.picture_digests import digest_content
from vqatune.loading.reader import ImageReader
from vqatune.params import FilterParams, RawParams
from vqatune.tables import (
    DIGESTS,
    FILTERED,
    IMAGES,
    LISTINGS,
    parts_of,
    read_table,
    replacing_parts,
    write_table,
)


def extract(folder: Path, max_bad_lines: int, count: int = 1) -> Extracted:
    """Return the listings and images of ABO's archives."""
    with tempfile.TemporaryDirectory() as temporary:
        tables = Path(temporary) / "listings.parquet", Path(temporary) / "images.parquet"
        report = abo.extract(folder, max_bad_lines, *tables, Path(temporary) / "work", count)
        return Extracted(read_table(tables[0], LISTINGS), read_table(tables[1], IMAGES), report)


def extract_catalogue(raw: RawParams, folder: Path, max_bad_lines: int, count: int = 1) -> Extracted:
    """Return the listings and images of any source."""
    with tempfile.TemporaryDirectory() as temporary:
        tables = Path(temporary) / "listings.parquet", Path(temporary) / "images.parquet"
        report = extract_tables(raw, folder, max_bad_lines, *tables, Path(temporary) / "work", count)
        return Extracted(read_table(tables[0], LISTINGS), read_table(tables[1], IMAGES), report)


def filter_images(
    listings: pd.DataFrame, images: pd.DataFrame, params: FilterParams, count: int = 1
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the images that are kept, sorted by image_id, and the report."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for frame, schema, key in ((listings, LISTINGS, "item_id"), (images, IMAGES, "image_id")):
            write_parts(frame, folder / key, schema, key, count)
        report = filter_table(
            folder / "item_id",
            folder / "image_id",
            folder / "filtered",
            folder / "digests",
            params,
            folder / "work",
        )
        return read_table(folder / "filtered", FILTERED).sort_values("image_id", ignore_index=True), report


def write_digests(places: pd.DataFrame, path: Path) -> None:
    """Write the digests of images whose places these are."""
    reader = ImageReader(places)
    digests = [digest_content(reader.content(image_id)) for image_id in places["image_id"]]
    write_table(places.assign(digest=digests), path, DIGESTS)


def write_parts(frame: pd.DataFrame, path: Path, schema, key: str, count: int) -> None:
    """Write a table of parts."""
    parts = parts_of(frame[key], count)
    with replacing_parts(path, count) as target:
        for part in range(count):
            write_table(frame[parts == part], target(part), schema)
