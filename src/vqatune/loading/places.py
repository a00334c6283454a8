"""Where the bytes of images lie, in arrays: some tens of bytes an image, which every process that reads images holds."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vqatune.loading.picture_digests import DIGEST_BYTES
from vqatune.tables import IMAGES, PLACE, read_groups


class Place(NamedTuple):
    """Where an image's bytes lie."""

    archive: str
    """The path of a file, or an address with ://."""
    offset: int
    length: int
    digest: bytes | None
    """Of the bytes (picture_digests.digest_content); None where it is not known."""


class Places:
    """The places of images by image_id, sorted."""

    def __init__(self, groups: Iterable[pd.DataFrame]) -> None:
        """Take the rows of tables with image_id, archive, offset and length, and digest (16 bytes) in all of them or in none.

        The last row of an image counts.
        """
        archives: dict[str, int] = {}
        ids, codes, spans, digests = [], [], [], []
        for group in groups:
            ids += [name.encode(errors="surrogatepass") for name in group["image_id"]]
            codes.append(
                np.array([archives.setdefault(name, len(archives)) for name in group["archive"]], np.int32)
            )
            spans.append(group[["offset", "length"]].to_numpy(np.int64))
            if "digest" in group:
                digests.append(np.frombuffer(b"".join(group["digest"]), np.uint8).reshape(-1, DIGEST_BYTES))
        # Stable, so that the last of an id comes last.
        order = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
        self._archives = list(archives)
        self._ids = b"".join(ids[index] for index in order)
        self._ends = np.cumsum([len(ids[index]) for index in order], dtype=np.int64)
        self._codes = np.concatenate([np.empty(0, np.int32), *codes])[order]
        self._spans = np.concatenate([np.empty((0, 2), np.int64), *spans])[order]
        self._digests = np.concatenate(digests)[order] if digests else None

    def __len__(self) -> int:
        """The number of rows."""
        return len(self._ends)

    def find(self, image_id: str) -> Place | None:
        """Return an image's place; None where it has none."""
        wanted = image_id.encode(errors="surrogatepass")
        row = bisect_right(range(len(self)), wanted, key=self._id) - 1
        if row < 0 or self._id(row) != wanted:
            return None
        digest = None if self._digests is None else self._digests[row].tobytes()
        offset, length = self._spans[row].tolist()
        return Place(self._archives[self._codes[row]], offset, length, digest)

    def _id(self, row: int) -> bytes:
        return self._ids[self._ends[row - 1] if row else 0 : self._ends[row]]


def read_places(path: Path | str, image_ids: Iterable[str]) -> Places:
    """Return the places of images from a table that has them (tables.PLACE), which is never in memory as a whole.

    An image that is not in the table has no place. Raises DataError as `tables.read_groups` does.
    """
    return Places(_wanted(read_groups(path, IMAGES, PLACE), set(image_ids)))


def _wanted(groups: Iterable[pd.DataFrame], image_ids: set[str]) -> Iterator[pd.DataFrame]:
    for group in groups:
        yield group[[name in image_ids for name in group["image_id"]]]
