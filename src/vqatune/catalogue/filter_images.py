"""The images of the kept listings that open, one part of the table at a time, and which of them have the same bytes."""

import io
import warnings
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from vqatune.catalogue.filter_listings import REFERENCES
from vqatune.loading.archive import read_spans
from vqatune.loading.picture_digests import digest_content
from vqatune.loading.pictures import DECODE_ERRORS, FORMATS
from vqatune.runtime.progress import map_chunks
from vqatune.tables import IMAGES, parts_of, read_bucket, read_table, write_table, writing_buckets

_IMAGES_PER_CHUNK = 2000
_LARGEST_PICTURE = 2**30
"""Bytes; more than any picture that PIL decodes has."""
_place = ("path", "archive", "offset", "length")
OPENED = pa.schema([*REFERENCES, *(IMAGES.field(name) for name in _place), pa.field("digest", pa.binary(16))])
"""An image that opens, with the listing that it stays with."""
SAME = pa.schema({name: OPENED.field(name).type for name in ("digest", "other", "item_id", "image_id")})
"""What decides which of several images with the same bytes is kept."""
WANTED = pa.schema({"item_id": pa.string()})
"""A listing of which a part of the images has one."""
LOST = pa.schema({"image_id": pa.string()})
"""An image with the bytes of another that is kept."""


def open_images(
    part: int, source: Path, references: Sequence[Path], opened: Path, same: Path, wanted: Path, count: int
) -> dict[str, int]:
    """Keep the images of a part that open, each with one listing.

    An image of several listings stays with the one that has it as main image, then with the smallest item_id.

    Args:
        part: its number.
        source: the part of tables.IMAGES.
        references: the files of REFERENCES.
        opened: the file of what is kept (OPENED), sorted by image_id.
        same: the file of its digests (SAME), in buckets by digest.
        wanted: the file of its listings (WANTED), in buckets by the parts of item_id.
        count: the number of parts.

    Returns:
        The counts of references that are dropped, by reason.

    Raises ArchiveError where an archive is missing or ends before an image does.
    """
    images = read_table(source, IMAGES, ["image_id", *_place])
    images = images.sort_values(["image_id", "path"]).drop_duplicates("image_id")
    named = read_bucket(references, REFERENCES, part, count)
    found = named[named["image_id"].isin(images["image_id"])]
    distinct = found.sort_values(["image_id", "other", "item_id"]).drop_duplicates("image_id")
    kept = distinct.merge(images, on="image_id", how="left", validate="one_to_one")
    kept["digest"] = digests_of_images(kept)
    opening = kept[kept["digest"].notna()]
    write_table(opening, opened, OPENED)
    with writing_buckets(same, SAME, count) as write:
        write(opening, _digest_parts(opening["digest"], count))
    listings = opening[["item_id"]].drop_duplicates()
    with writing_buckets(wanted, WANTED, count) as write:
        write(listings, parts_of(listings["item_id"], count))
    return {
        "references_missing": len(named) - len(found),
        "references_repeated": len(found) - len(distinct),
        "references_unreadable": len(kept) - len(opening),
    }


def find_same_bytes(part: int, same: Sequence[Path], lost: Path, count: int) -> dict[str, int]:
    """Find the images of a part of the digests that have the same bytes as another; return how many are dropped.

    The one that is a main image is kept, then that of the smallest item_id and image_id. The others (LOST) are written into
    the file `lost`, in buckets by the parts of image_id.
    """
    images = read_bucket(same, SAME, part, count)
    images = images[images["digest"].duplicated(keep=False)].sort_values(["other", "item_id", "image_id"])
    dropped = images[images["digest"].duplicated()]
    with writing_buckets(lost, LOST, count) as write:
        write(dropped, parts_of(dropped["image_id"], count))
    return {"references_same_bytes": len(dropped)}


def _digest_parts(digests: pd.Series, count: int) -> np.ndarray:
    if count == 1:
        return np.zeros(len(digests), np.int32)
    first = np.array([int.from_bytes(digest[:4], "big") for digest in digests], np.uint64)
    return (first * np.uint64(count) >> np.uint64(32)).astype(np.int32)


def digests_of_images(images: pd.DataFrame) -> pd.Series:
    """Return a hash of each image's bytes (16 bytes, object dtype), None where they do not open as an image.

    `images` has archive, offset and length as in tables.IMAGES; the result has its index. An image opens where
    all of it decodes and converts to RGB. Each archive is read front to back, in worker processes.

    Raises ArchiveError where an archive is missing or ends before an image does.
    """
    ordered = images.sort_values(["archive", "offset"])
    columns = (ordered["archive"], ordered["offset"].tolist(), ordered["length"].tolist())
    places = list(zip(*columns, strict=True))
    # Loose files are archives of one image, so a chunk may go over several.
    starts = range(0, len(places), _IMAGES_PER_CHUNK)
    chunks = [places[start : start + _IMAGES_PER_CHUNK] for start in starts]
    digests = [digest for chunk in map_chunks(_digests, chunks, "opening images") for digest in chunk]
    return pd.Series(digests, index=ordered.index, dtype=object).reindex(images.index)


def _digests(chunk: list[tuple[str, int, int]]) -> list[bytes | None]:
    digests: list[bytes | None] = []
    with warnings.catch_warnings():
        # PIL warns about much that it corrects; an image too large to decode safely is refused.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for archive, places in groupby(chunk, key=itemgetter(0)):
            # One that is too large counts as damaged, and none of it is read.
            spans = [(offset, length if length <= _LARGEST_PICTURE else 0) for _, offset, length in places]
            for content in read_spans(archive, spans):
                digests.append(digest_content(content) if _opens(content) else None)
    return digests


def _opens(content: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            # A JPEG decodes at an eighth of its size in half the time, and a truncated one fails all the same.
            image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
            image.load()
            if image.mode not in ("RGB", "L"):
                image.convert("RGB")
    except DECODE_ERRORS:
        return False
    return True
