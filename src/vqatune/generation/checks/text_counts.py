"""How often texts occur, of which a limited number is in memory: the others wait in files, by hash."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from vqatune.tables import parts_of, read_bucket, writing_buckets

_IN_MEMORY = 100_000
_BUCKETS = 64
_COUNTED = pa.schema({"text": pa.string(), "count": pa.int64()})


class TextCounts:
    """Counts of texts; those of several can be put together by their files."""

    def __init__(self, folder: Path | None = None, files: Iterable[Path] = ()) -> None:
        """Count with files in a folder, or, where there is none, in memory; go on from the files of other counts."""
        self._folder = folder
        self._files = list(files)
        self._counts: Counter[str] = Counter()

    def add(self, counts: Mapping[str, int]) -> None:
        """Add the counts of some texts."""
        self._counts.update(counts)
        if self._folder is not None and len(self._counts) > _IN_MEMORY:
            self.store()

    def store(self) -> list[Path]:
        """Put what is in memory into a file; return all files."""
        if self._counts and self._folder is not None:
            path = self._folder / f"{len(self._files):05d}"
            counted = pd.DataFrame({"text": list(self._counts), "count": list(self._counts.values())})
            with writing_buckets(path, _COUNTED, _BUCKETS) as write:
                write(counted.astype({"text": "str"}), parts_of(counted["text"], _BUCKETS))
            self._files.append(path)
            self._counts = Counter()
        return self._files

    def stretches(self) -> Iterator[Mapping[str, int]]:
        """Yield all counts, some at a time; a text is in one of them."""
        if not self._files:
            yield self._counts
            return
        self.store()
        for bucket in range(_BUCKETS):
            counted = read_bucket(self._files, _COUNTED, bucket, _BUCKETS)
            yield counted.groupby("text", sort=False)["count"].sum().to_dict()
