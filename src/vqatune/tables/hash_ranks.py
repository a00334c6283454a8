"""Random choices that depend on the item alone: ranks of a keyed hash.

A draw by rank gives the same result whatever the order of the rows, the number of workers or the machine.
"""

from collections.abc import Hashable, Iterable
from hashlib import blake2b

import numpy as np


def hash_rank(seed: int, *key: Hashable) -> int:
    """Return a uniform 64-bit number that is a function of the seed and the key."""
    text = "\x1f".join(str(part) for part in (seed, *key))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def hash_ranks(seed: int, purpose: str, keys: Iterable[Hashable]) -> np.ndarray:
    """Return the rank of every key for one purpose, as uint64 of shape (len(keys),)."""
    return np.array([hash_rank(seed, purpose, key) for key in keys], dtype=np.uint64)


def joined(pieces: list[np.ndarray], kind: type[np.generic]) -> np.ndarray:
    """Return the pieces as one array, and let go of them: keys of a whole table are in memory once."""
    whole = np.concatenate([np.empty(0, kind), *pieces])
    pieces.clear()
    return whole


def unit(seed: int, *key: Hashable) -> float:
    """Return a uniform number in [0, 1) that is a function of the seed and the key."""
    return hash_rank(seed, *key) / 2**64
