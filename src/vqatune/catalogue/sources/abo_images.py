"""ABO's archive of images: from its members and the rows of its images.csv to the parts of the table of images.

Both are read once, row by row. A row and a member that belong together may name the same picture by different paths, but
by the same file name: there they meet.
"""

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from vqatune.catalogue.sources.abo_names import IMAGES_FOLDER, IMAGES_TABLES
from vqatune.errors import ArchiveError, DataError
from vqatune.loading.archive import SYMLINKS, iterate_members, read_bytes
from vqatune.tables import IMAGES, parts_of, read_bucket, write_table, writing_buckets
from vqatune.text_files.delimited import check_names
from vqatune.text_files.path_index import PathIndex, SeveralFiles, file_stem

_NEEDED = ("image_id", "path")
"""What images.csv must have; no stage uses height and width, which may be missing."""
_SIZES = ("height", "width")
_BLOCK = 2**23
"""Bytes of images.csv that are read at once."""
_MEMBERS = pa.schema({"path": pa.string(), "offset": pa.int64(), "length": pa.int64()})
"""A picture in the archive, by its path below IMAGES_FOLDER."""
_ROWS = pa.schema({"image_id": pa.string(), "path": pa.string(), "height": pa.int32(), "width": pa.int32()})
"""A row of images.csv."""
_NAMED = pa.schema([*_ROWS, pa.field("repeated", pa.bool_())])
"""A row, and whether another of the same image counts instead."""


def read_images(archive: Path, members: Path, rows: Path, count: int) -> dict[str, Any]:
    """Read the headers of the archive and its images.csv into two files of buckets.

    Args:
        archive: the tar.
        members: the file to write of its pictures, in buckets by the parts of their file names.
        rows: the file to write of the rows, in buckets by the parts of image_id.
        count: the number of parts.

    Returns:
        The number of pictures, and of symbolic_links.

    Raises ArchiveError for an archive that is missing, damaged, unsafe or without pictures or images.csv, and DataError
    where this is not ABO's.
    """
    links, pictures = 0, 0
    table: tuple[str, int, int] | None = None
    with writing_buckets(members, _MEMBERS, count) as write:
        for found in iterate_members(archive):
            links += found.attrs[SYMLINKS]
            for name, offset, length in found[found["name"].isin(IMAGES_TABLES)].itertuples(
                index=False, name=None
            ):
                # Of members with the same name the last counts, as when a tar is unpacked.
                table = (name, int(offset), int(length))
            images = found[found["name"].str.startswith(IMAGES_FOLDER)]
            images = images.assign(path=images["name"].str.removeprefix(IMAGES_FOLDER))
            write(images, parts_of(map(file_stem, images["path"]), count))
            pictures += len(images)
    if table is None:
        raise lacking(archive, "images/metadata/images.csv[.gz]")
    if not pictures and links:
        raise ArchiveError(
            f"{archive} has symbolic links ({links}) where its pictures should be, and no bytes: pack it with `tar -h`"
        )
    if not pictures:
        raise lacking(archive, f"{IMAGES_FOLDER}*")
    with writing_buckets(rows, _ROWS, count) as write:
        for some in _read_table(archive, *table):
            write(some, parts_of(some["image_id"], count))
    return {"pictures": pictures, "symbolic_links": links}


def name_rows(part: int, rows: Path, named: Path, count: int) -> dict[str, Any]:
    """Find the rows of a part that repeat an image, and send all to the parts of their file names.

    Returns the counts of rows and rows_repeated, and the paths of the first two.
    """
    found = read_bucket([rows], _ROWS, part, count).sort_values(["image_id", "path"], ignore_index=True)
    found["repeated"] = found["image_id"].duplicated()
    with writing_buckets(named, _NAMED, count) as write:
        write(found, parts_of(map(file_stem, found["path"]), count))
    return {
        "rows": len(found),
        "rows_repeated": int(found["repeated"].sum()),
        "paths": found["path"][:2].tolist(),
    }


def place_images(
    part: int, archive: Path, members: Path, named: Sequence[Path], placed: Path, count: int
) -> dict[str, Any]:
    """Find the bytes of the rows whose file names are of a part, and send them to the parts of image_id.

    Returns the counts of images_without_bytes (rows) and members_without_row, and the paths of the first two members.
    """
    pictures = read_bucket([members], _MEMBERS, part, count).drop_duplicates("path", keep="last")
    rows = read_bucket(named, _NAMED, part, count)
    rows["path"] = _found_paths(rows["path"], pictures["path"])
    images = rows[~rows["repeated"]].merge(pictures, on="path", how="left")
    found = images["offset"].notna()
    kept = images[found].astype({"offset": "int64", "length": "int64"})
    kept["archive"] = pd.Series(str(archive), index=kept.index, dtype="str")
    with writing_buckets(placed, IMAGES, count) as write:
        write(kept, parts_of(kept["image_id"], count))
    return {
        "images_without_bytes": int((~found).sum()),
        "members_without_row": int((~pictures["path"].isin(rows["path"])).sum()),
        "paths": pictures["path"][:2].tolist(),
    }


def write_images(part: int, placed: Sequence[Path], target: Path, count: int) -> dict[str, Any]:
    """Write a part of tables.IMAGES, sorted by image_id; return the number of its images."""
    images = read_bucket(placed, IMAGES, part, count).sort_values("image_id")
    write_table(images, target, IMAGES)
    return {"images": len(images)}


def lacking(archive: Path, expected: str) -> ArchiveError:
    """Return what is said of an archive without a member."""
    return ArchiveError(
        f"{archive} has no member {expected}: it is not the archive that ABO publishes as {archive.name}"
    )


def _read_table(archive: Path, name: str, offset: int, length: int) -> Iterator[pd.DataFrame]:
    """Yield the rows of images.csv, some at a time."""
    where = f"{archive}: {name}"
    content = read_bytes(archive, offset, length)

    def open_table(**options: Any) -> csv.CSVStreamingReader:
        file: IO[bytes] = io.BytesIO(content)
        return csv.open_csv(
            gzip.open(file) if name.endswith(".gz") else file,
            read_options=csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            convert_options=csv.ConvertOptions(**options),
        )

    try:
        names = open_table().schema.names
        check_names(Path(where), names)
        missing = [column for column in _NEEDED if column not in names]
        if missing:
            raise DataError(
                f"{where} lacks the column(s) {', '.join(missing)}: ABO's has {', '.join(_NEEDED)}"
            )
        columns = [column for column in (*_NEEDED, *_SIZES) if column in names]
        # No value is read as null: an image may be called NA, and an empty height is an error.
        types = dict.fromkeys(columns, pa.string())
        reader = open_table(
            include_columns=columns, column_types=types, null_values=[], strings_can_be_null=False
        )
        for batch in reader:
            table = pa.Table.from_batches([batch])
            frame = table.select(list(_NEEDED)).to_pandas()
            yield frame.assign(**{size: _sizes(table, size) for size in _SIZES})
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{where} is not a table of images ({reason}): correct it in the archive") from error
    except (OSError, EOFError, zlib.error) as error:
        raise ArchiveError(f"{where} is damaged ({error}): put a whole archive in its place") from error


def _found_paths(paths: pd.Series, members: pd.Series) -> pd.Series:
    """Return the paths of members that are meant by paths with another root, or with backslashes; others unchanged."""
    lost = ~paths.isin(members)
    if not lost.any():
        return paths
    index = PathIndex(members)

    def find(path: str) -> str:
        try:
            return index.find(path) or path
        except SeveralFiles:
            return path

    return paths.where(~lost, paths.map(find))


def _sizes(table: pa.Table, name: str) -> pd.Series:
    """Return a column of sizes in pixels, missing where it has none."""
    if name not in table.column_names:
        return pd.Series([None] * len(table), dtype="Int32")
    numbers = pd.to_numeric(table[name].to_pandas(), errors="coerce")
    fits = numbers.between(0, 2**31 - 1)
    return numbers.where(fits).round().astype("Int32")
