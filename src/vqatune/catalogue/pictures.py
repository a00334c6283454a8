"""Which pictures in an archive open, and which have the same bytes."""

import io
import warnings
from hashlib import blake2b
from itertools import groupby

import pandas as pd
from PIL import Image

from vqatune.loading.archive import read_spans
from vqatune.loading.pictures import DECODE_ERRORS, FORMATS
from vqatune.runtime.progress import map_parts

_PICTURES_AT_ONCE = 2000


def digests_of_pictures(images: pd.DataFrame) -> pd.Series:
    """Return a hash of each picture's bytes (16 bytes, object dtype), None where they do not open as a picture.

    `images` has archive, offset and length as in tables.IMAGES; the result has its index. A picture opens where
    all of it decodes and turns into RGB. Each archive is read front to back, in worker processes.

    Raises ArchiveError where an archive is missing or ends before a picture does.
    """
    ordered = images.sort_values(["archive", "offset"])
    places = zip(ordered["archive"], ordered["offset"].tolist(), ordered["length"].tolist(), strict=True)
    parts = []
    for archive, of_archive in groupby(places, key=lambda place: place[0]):
        spans = [(offset, length) for _, offset, length in of_archive]
        starts = range(0, len(spans), _PICTURES_AT_ONCE)
        parts.extend((archive, spans[start : start + _PICTURES_AT_ONCE]) for start in starts)
    digests = [digest for part in map_parts(_digests, parts, "opening images") for digest in part]
    return pd.Series(digests, index=ordered.index, dtype=object).reindex(images.index)


def _digests(part: tuple[str, list[tuple[int, int]]]) -> list[bytes | None]:
    archive, spans = part
    with warnings.catch_warnings():
        # PIL warns about much that it puts right; a picture too large to decode safely is refused.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return [
            blake2b(content, digest_size=16).digest() if _opens(content) else None
            for content in read_spans(archive, spans)
        ]


def _opens(content: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            # A JPEG decodes at an eighth of its size in half the time; where it is cut shows all the same.
            picture.draft(None, (max(1, picture.width // 8), max(1, picture.height // 8)))
            picture.load()
            if picture.mode not in ("RGB", "L"):
                picture.convert("RGB")
    except DECODE_ERRORS:
        return False
    return True
