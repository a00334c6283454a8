"""Embeddings of texts, computed once for all pairs and versions that a text is in."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b

import numpy as np

from vqatune.evaluation.scoring.store import Store

Encode = Callable[[Sequence[str]], list[np.ndarray]]
"""Returns, of every text, a float32 array of two dimensions."""

_ROOM = 400 << 20
"""Bytes held in memory; above it, arrays that are not needed now are dropped."""
_ROOM_ON_DISK = 1 << 30
_CHARACTERS_AT_ONCE = 50_000
"""Characters of the texts that are encoded, and stored, at a time."""


class Embeddings:
    """The arrays of texts by one model, which is loaded when there is a new text, and not before."""

    def __init__(self, load: Callable[[], Encode], store: Store | None = None) -> None:
        """Take a function that loads the model, and a store for its arrays, which takes up to a gigabyte."""
        self._load, self._store = load, store
        self._known: dict[str, np.ndarray] = {}
        self._held = 0

    def of(self, texts: Iterable[str]) -> dict[str, np.ndarray]:
        """Return the array of every text."""
        wanted = list(dict.fromkeys(texts))
        missing = [text for text in wanted if text not in self._known]
        if missing and self._held > _ROOM:
            kept = set(wanted)
            self._known = {text: array for text, array in self._known.items() if text in kept}
            self._held = sum(array.nbytes for array in self._known.values())
        found = self._kept(missing)
        new = [text for text in missing if text not in found]
        for some in _cuts(new):
            encoded = dict(zip(some, self._load()(some), strict=True))
            if self._store is not None and self._store.size < _ROOM_ON_DISK:
                self._store.save((_key(text), _to_bytes(array)) for text, array in encoded.items())
            found |= encoded
        self._known |= found
        self._held += sum(array.nbytes for array in found.values())
        return {text: self._known[text] for text in wanted}

    def _kept(self, texts: list[str]) -> dict[str, np.ndarray]:
        if self._store is None or not texts:
            return {}
        keys = {_key(text): text for text in texts}
        return {keys[key]: _from_bytes(content) for key, content in self._store.load(list(keys)).items()}


def _cuts(texts: list[str]) -> Iterator[list[str]]:
    """Cut texts into batches, sorted by length, so that a batch has few different lengths."""
    cut: list[str] = []
    characters = 0
    for text in sorted(texts, key=len):
        if cut and characters + len(text) > _CHARACTERS_AT_ONCE:
            yield cut
            cut, characters = [], 0
        cut.append(text)
        characters += len(text)
    if cut:
        yield cut


def _key(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _to_bytes(array: np.ndarray) -> bytes:
    return len(array).to_bytes(4, "little") + array.astype("<f4").tobytes()


def _from_bytes(content: bytes) -> np.ndarray:
    rows = int.from_bytes(content[:4], "little")
    return np.frombuffer(content[4:], dtype="<f4").astype(np.float32).reshape(rows, -1)
