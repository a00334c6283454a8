"""ABO's archive of listings: members with a JSON record per line, from lines to the parts of the table of listings."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from vqatune.catalogue.sources.extracted import NAMED
from vqatune.errors import ArchiveError
from vqatune.loading.archive import read_bytes
from vqatune.tables import LISTINGS, parts_of, read_bucket_table, writing_buckets, writing_table
from vqatune.tables.files import to_frame

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
_ROWS_PER_BATCH = 1000
_ROWS_PER_WRITE = 20_000
_LONGEST_LINE = 2**26


def read_member(
    archive: Path, name: str, offset: int, length: int, listings: Path, count: int
) -> dict[str, Any]:
    """Read the listings of a member into a file, in buckets by the parts of item_id.

    Args:
        archive: the tar.
        name: of the member; `.gz` is decompressed.
        offset: of its first byte, and `length` in bytes.
        length: see offset.
        listings: the file to write.
        count: the number of parts.

    Returns:
        listings and bad_lines, which are counted, and bad_line_names of the first, with the reason.

    Raises ArchiveError where the member is damaged or has a line that is longer than any listing.
    """
    columns: list[list] = [[] for _ in _LISTINGS]
    found, bad, names = 0, 0, []
    with writing_buckets(listings, _LISTINGS, count) as write:

        def flush() -> None:
            # Text takes half as much memory in Arrow as in Python.
            write(pa.table(columns, schema=_LISTINGS), parts_of(columns[0], count))

        for number, line in enumerate(_lines(str(archive), name, offset, length), start=1):
            if not line.strip():
                continue
            try:
                record = _parse(line)
            except (ValueError, RecursionError) as error:
                bad += 1
                if len(names) < NAMED:
                    names.append(f"{name}:{number} {error}")
                continue
            found += 1
            for column, value in zip(columns, record, strict=True):
                column.append(value)
            if len(columns[0]) == _ROWS_PER_BATCH:
                flush()
                columns = [[] for _ in _LISTINGS]
        flush()
    return {"listings": found, "bad_lines": bad, "bad_line_names": names}


def write_listings(part: int, members: Sequence[Path], target: Path, count: int) -> dict[str, Any]:
    """Write a part of tables.LISTINGS, sorted by item_id and metadata, from the members' files."""
    # Combined first: `take` of a chunked table holds one more copy.
    table = read_bucket_table(members, _LISTINGS, part, count).combine_chunks()
    order = pc.sort_indices(table, [("item_id", "ascending"), ("metadata", "ascending")])
    with writing_table(target, LISTINGS) as write:
        for begin in range(0, len(order), _ROWS_PER_WRITE):
            write(to_frame(table.take(order.slice(begin, _ROWS_PER_WRITE))))
    return {}


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
