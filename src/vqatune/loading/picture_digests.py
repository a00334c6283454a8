"""Digests of pictures that were read, by which work in progress is never taken up with other pictures than it began with.

The digest of a picture is the same in whatever archive it lies. Those of several are added up, so that it does not matter
which process read which of them, or in what order.
"""

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

import numpy as np

from vqatune.tables import DIGESTS, read_groups
from vqatune.tables.hash_ranks import hash_rank, hash_ranks

DIGEST_BYTES = 16
_MODULUS = 2 ** (8 * DIGEST_BYTES)


def digest_content(content: bytes) -> bytes:
    """Return the digest of a picture's bytes: BLAKE2b, 16 bytes."""
    return blake2b(content, digest_size=DIGEST_BYTES).digest()


def digest_of_read(image_id: str, content_digest: bytes) -> int:
    """Return the digest of one reading of an image: of its id and its bytes' digest."""
    named = image_id.encode(errors="surrogatepass") + content_digest
    return int.from_bytes(digest_content(named), "big")


def add_up(digests: Iterable[int]) -> int:
    """Return the digest of all that was read, in 0 … 2¹²⁸ − 1."""
    return sum(digests) % _MODULUS


class PictureDigests:
    """The digests of images by image_id: 24 bytes an image."""

    def __init__(self, ids: np.ndarray, digests: np.ndarray) -> None:
        """Take hash ranks of ids (uint64) and the digests (uint8, a row each)."""
        order = np.argsort(ids)
        self._ids, self._digests = ids[order], digests[order]

    def find(self, image_id: str) -> bytes | None:
        """Return an image's digest; None where it has none."""
        wanted = np.uint64(hash_rank(0, "digest", image_id))
        row = int(np.searchsorted(self._ids, wanted))
        return self._digests[row].tobytes() if row < len(self._ids) and self._ids[row] == wanted else None


def read_digests(path: Path | str, image_ids: Iterable[str]) -> PictureDigests:
    """Return the digests of images from a table (tables.DIGESTS), which is never in memory as a whole."""
    wanted = set(image_ids)
    ids, digests = [np.empty(0, np.uint64)], [np.empty((0, DIGEST_BYTES), np.uint8)]
    for group in read_groups(path, DIGESTS):
        own = group[group["image_id"].isin(wanted)]
        ids.append(hash_ranks(0, "digest", own["image_id"]))
        digests.append(np.frombuffer(b"".join(own["digest"]), np.uint8).reshape(-1, DIGEST_BYTES))
    return PictureDigests(np.concatenate(ids), np.concatenate(digests))
