"""Digests of pictures that were read, by which work in progress is never taken up with other pictures than it began with.

The digest of a picture is the same in whatever archive it lies. Those of several are added up, so that it does not matter
which process read which of them, or in what order.
"""

from collections.abc import Iterable
from hashlib import blake2b

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
