"""Reads ABO's two archives, without unpacking them, into a table of listings and one of images.

The layout is that of Amazon Berkeley Objects (https://amazon-berkeley-objects.s3.amazonaws.com/index.html):
`listings/metadata/listings_*.json[.gz]` with a JSON record per line, `images/metadata/images.csv[.gz]`, and the
images under `images/small/`.
"""

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from vqatune.catalogue.sources.extracted import NAMED, Extracted
from vqatune.errors import ArchiveError, DataError
from vqatune.loading.archive import SYMLINKS, find_members, read_bytes
from vqatune.runtime.progress import map_chunks
from vqatune.text_files.delimited import check_names
from vqatune.text_files.path_index import PathIndex, SeveralFiles

LISTINGS_ARCHIVE = "abo-listings.tar"
IMAGES_ARCHIVE = "abo-images-small.tar"
IMAGES_FOLDER = "images/small/"

_LISTINGS_MEMBER = r"listings/metadata/listings_[^/]*\.json(?:\.gz)?"
_IMAGES_MEMBER = r"images/metadata/images\.csv(?:\.gz)?"

# Large strings, because the metadata of a large catalogue exceeds 32-bit offsets.
_LISTINGS = pa.schema(
    {
        "item_id": pa.large_string(),
        "product_type": pa.large_string(),
        "languages": pa.list_(pa.string()),
        "image_ids": pa.list_(pa.string()),
        "metadata": pa.large_string(),
    }
)
_IMAGES_CSV = ("image_id", "path")
"""What images.csv must have; no stage uses height and width, which may be missing."""
_ROWS_PER_BATCH = 1000
_LONGEST_LINE = 2**26
_LARGEST_CSV = 2**30
"""Bytes; ABO's has 20 million."""


def extract(folder: Path, max_bad_lines: int) -> Extracted:
    """Read `abo-listings.tar` and `abo-images-small.tar` in `folder`, each once.

    Listings are sorted by item_id and metadata, images by image_id, so that neither table depends on the order of
    members or lines. The table has the images that have a row in images.csv and bytes in the archive. The report
    counts listings, bad_lines (named in bad_line_names, as member:line and reason), images, images_without_bytes (rows
    of images.csv), rows_repeated (of an image_id) and members_without_row.

    Raises ArchiveError for an archive that is missing, damaged, unsafe or without the expected members, and
    DataError for more than `max_bad_lines` lines that are no listing, or an images.csv that is not ABO's.
    """
    listings, images = Path(folder) / LISTINGS_ARCHIVE, Path(folder) / IMAGES_ARCHIVE
    # First, so that a missing archive is reported at once.
    for archive in (listings, images):
        if not archive.exists():
            raise ArchiveError(f"{archive} does not exist: run the stage raw, or `dvc pull`")
    members = find_members(listings)
    members = members[members["name"].str.fullmatch(_LISTINGS_MEMBER)].sort_values("name")
    if members.empty:
        _lacks(listings, "listings/metadata/listings_*.json[.gz]")
    # The headers of the other archive are read in parallel.
    parts = [partial(find_members, str(images))]
    parts += [
        partial(_read_member, str(listings), *row) for row in members.itertuples(index=False, name=None)
    ]
    with closing(map_chunks(_call, parts, "reading the archives")) as results:
        members = next(results)
        listings_table, listings_report = _listings(listings, results, max_bad_lines)
    images_table, images_report = _images(images, members)
    return Extracted(listings_table, images_table, listings_report | images_report)


def _call(part: Callable[[], Any]) -> Any:
    return part()


def _listings(
    archive: Path, parts: Iterable[tuple[pa.Table, list[str], int]], max_bad_lines: int
) -> tuple[pd.DataFrame, dict]:
    """Return tables.LISTINGS of all members, and the counts of their lines."""
    tables, names, bad = [], [], 0
    for table, part_names, part_bad in parts:
        tables.append(table)
        names.extend(part_names)
        bad += part_bad
    if bad > max_bad_lines:
        raise DataError(
            f"{archive}: {bad} lines are no listing, more than extract.max_bad_lines: {max_bad_lines}; the first: "
            + "; ".join(names[:3])
        )
    table = pa.concat_tables(tables)
    del tables
    if bad and not len(table):
        raise DataError(
            f"{archive}: not one of the {bad} lines is a listing, a JSON object a line; the first: {'; '.join(names[:3])}"
        )
    # Combined first: `take` of a chunked table holds one more copy.
    table = table.combine_chunks()
    table = table.take(pc.sort_indices(table, [("item_id", "ascending"), ("metadata", "ascending")]))
    report = {"listings": len(table), "bad_lines": bad, "bad_line_names": names[:NAMED]}
    return table.to_pandas(split_blocks=True, self_destruct=True), report


def _images(archive: Path, members: pd.DataFrame) -> tuple[pd.DataFrame, dict]:
    """Return tables.IMAGES of an archive with these members, and the counts of rows and members without a match."""
    tables = members[members["name"].str.fullmatch(_IMAGES_MEMBER)]
    image_members = members[members["name"].str.startswith(IMAGES_FOLDER)]
    if tables.empty:
        _lacks(archive, "images/metadata/images.csv[.gz]")
    if image_members.empty:
        links = members.attrs.get(SYMLINKS, 0)
        if links:
            raise ArchiveError(
                f"{archive} has symbolic links ({links}) where its pictures should be, and no bytes: pack it with `tar -h`"
            )
        _lacks(archive, f"{IMAGES_FOLDER}*")
    # Of members with the same name the last counts, as when a tar is unpacked.
    image_members = image_members.assign(path=image_members["name"].str.removeprefix(IMAGES_FOLDER)).drop(
        columns="name"
    )
    image_members = image_members.drop_duplicates("path", keep="last")
    name, offset, length = tables.iloc[-1]
    rows = _read_images_csv(archive, name, read_bytes(archive, int(offset), int(length)))
    rows = rows.sort_values(["image_id", "path"], ignore_index=True)
    repeated = rows["image_id"].duplicated()
    rows["path"] = _found_paths(rows["path"], image_members["path"])
    images = rows[~repeated].merge(image_members, on="path", how="left")
    found = images["offset"].notna()
    report = {
        "images": int(found.sum()),
        "images_without_bytes": int((~found).sum()),
        "rows_repeated": int(repeated.sum()),
        "members_without_row": int((~image_members["path"].isin(rows["path"])).sum()),
    }
    if links := members.attrs.get(SYMLINKS, 0):
        report["symbolic_links"] = links
    if not found.any():
        raise DataError(
            f"{archive}: not one of the {len(rows)} paths of images.csv is that of a picture below {IMAGES_FOLDER}: it has "
            f"{', '.join(rows['path'][:2])}; the pictures are {', '.join(image_members['path'][:2])}"
        )
    images = images[found].reset_index(drop=True)
    images = images.astype({"offset": "int64", "length": "int64"})
    images["archive"] = pd.Series(str(archive), index=images.index, dtype="str")
    return images[["image_id", "height", "width", "path", "archive", "offset", "length"]], report


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


def _lacks(archive: Path, expected: str) -> NoReturn:
    raise ArchiveError(
        f"{archive} has no member {expected}: it is not the archive that ABO publishes as {archive.name}"
    )


def _read_member(archive: str, name: str, offset: int, length: int) -> tuple[pa.Table, list[str], int]:
    """Return a member's listings, the names of its first bad lines, and the number of bad lines."""
    batches, columns = [], [[] for _ in _LISTINGS]
    names, bad = [], 0
    for number, line in enumerate(_lines(archive, name, offset, length), start=1):
        if not line.strip():
            continue
        try:
            record = _parse(line)
        except (ValueError, RecursionError) as error:
            bad += 1
            if len(names) < NAMED:
                names.append(f"{name}:{number} {error}")
            continue
        for column, value in zip(columns, record, strict=True):
            column.append(value)
        if len(columns[0]) == _ROWS_PER_BATCH:
            # Text takes half as much memory in Arrow as in Python.
            batches.append(pa.record_batch(columns, schema=_LISTINGS))
            columns = [[] for _ in _LISTINGS]
    batches.append(pa.record_batch(columns, schema=_LISTINGS))
    # Combined, because a large block is returned to the system when it is freed; small ones are not.
    return pa.Table.from_batches(batches).combine_chunks(), names, bad


def _lines(archive: str, name: str, offset: int, length: int) -> Iterator[bytes]:
    if name.endswith(".gz"):
        try:
            with gzip.open(io.BytesIO(read_bytes(archive, offset, length))) as file:
                yield from _short_lines(file, f"{archive}: the member {name}")
        except (OSError, EOFError, zlib.error) as error:
            raise ArchiveError(
                f"{archive}: the member {name} is damaged ({error}): put a whole archive in its place"
            ) from error
        return
    yield from _short_lines(io.BytesIO(read_bytes(archive, offset, length)), f"{archive}: the member {name}")


def _short_lines(file: IO[bytes], where: str) -> Iterator[bytes]:
    """Yield the lines of a file; raises ArchiveError at one that no listing has, before it takes the memory."""
    while line := file.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise ArchiveError(
                f"{where} has a line of more than {_LONGEST_LINE:,} bytes: a listing a line belongs there"
            )
        yield line


def _parse(line: bytes) -> tuple[str, str, list[str], list[str], str]:
    """Return a line's row of tables.LISTINGS; raises ValueError with the reason where it is no listing."""
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at column {error.colno}") from error
    item_id = record.get("item_id") if isinstance(record, dict) else None
    if not isinstance(item_id, str) or not item_id:
        raise ValueError("is not an object with an item_id")
    product_type = _first_text(record.get("product_type"))
    if not product_type:
        raise ValueError("has no product_type")
    others = record.get("other_image_id")
    references = [record.get("main_image_id"), *(others if isinstance(others, list) else [others])]
    image_ids = list(dict.fromkeys(name for name in references if isinstance(name, str) and name))
    languages = set()
    for values in record.values():
        if isinstance(values, list):
            tags = [value.get("language_tag") for value in values if isinstance(value, dict)]
            languages.update(tag for tag in tags if isinstance(tag, str))
    metadata = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    # Raises ValueError for an unpaired surrogate, which JSON's escapes can encode and UTF-8 cannot.
    metadata.encode()
    return item_id, product_type, sorted(languages), image_ids, metadata


def _first_text(values: object) -> str | None:
    for value in values if isinstance(values, list) else [values]:
        text = value.get("value") if isinstance(value, dict) else value
        if isinstance(text, str) and text.strip():
            return text.strip()
    return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which is not JSON")


def _read_images_csv(archive: Path, name: str, content: bytes) -> pd.DataFrame:
    where = f"{archive}: {name}"
    try:
        if name.endswith(".gz"):
            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(_LARGEST_CSV + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ArchiveError(f"{where} is damaged ({error}): put a whole archive in its place") from error
    if len(content) > _LARGEST_CSV:
        raise ArchiveError(f"{where} has more than {_LARGEST_CSV:,} bytes: a table of images belongs there")
    try:
        # No value is read as null: an image may be called NA, and an empty height is an error.
        options = csv.ConvertOptions(
            column_types=dict.fromkeys((*_IMAGES_CSV, "height", "width"), pa.string()),
            null_values=[],
            strings_can_be_null=False,
        )
        table = csv.read_csv(pa.BufferReader(content), convert_options=options)
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{where} is not a table of images ({reason}): correct it in the archive") from error
    check_names(Path(where), table.column_names)
    missing = [column for column in _IMAGES_CSV if column not in table.column_names]
    if missing:
        raise DataError(
            f"{where} lacks the column(s) {', '.join(missing)}: ABO's has {', '.join(_IMAGES_CSV)}"
        )
    frame = table.select(list(_IMAGES_CSV)).to_pandas()
    return frame.assign(height=_sizes(table, "height"), width=_sizes(table, "width"))
