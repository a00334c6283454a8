"""Vectors of texts, kept from micro-batch to micro-batch by whoever ranks the same candidates again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

from torch import Tensor

MOST_BYTES = 2**30
"""Bytes of vectors that are kept: those of 500,000 texts of CLIP ViT-B/32."""


class TextVectors:
    """The vectors that one model, as it stands, gave to groups of texts.

    Beyond `most_bytes` those that were not needed for the longest time are dropped, to be encoded again when they are.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, Tensor] = OrderedDict()

    def get(self, group: Hashable, encode: Callable[[], Tensor]) -> Tensor:
        """Return the vectors of a group of texts, (texts, features), by `encode` where they are not kept."""
        if group in self._kept:
            self._kept.move_to_end(group)
            return self._kept[group]
        vectors = encode()
        self._kept[group] = vectors
        self._bytes += vectors.nbytes
        while self._bytes > self._most_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes
        return vectors
