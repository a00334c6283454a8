"""Tables in parts: a part has the rows whose id hashes into its range, so that no stage needs a whole table in memory.

A table of one part is a file, one of more is a folder of files under the same name. Where a row goes depends on its id and
on the number of parts alone.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from vqatune.errors import DataError
from vqatune.tables.atomic import replacing_folder, replacing_parts_by_file
from vqatune.tables.hash_ranks import hash_ranks

_NAME = re.compile(r"part-(\d+)-of-(\d+)\.parquet")


def parts_of(ids: Iterable[str], count: int) -> np.ndarray:
    """Return the part of each id among `count`, from 0, as int32 of shape (len(ids),)."""
    if count == 1:
        return np.zeros(sum(1 for _ in ids), np.int32)
    # The upper half of the hash is enough, and its product fits into 64 bits.
    high = hash_ranks(0, "part", ids) >> np.uint64(32)
    return (high * np.uint64(count) >> np.uint64(32)).astype(np.int32)


def part_name(part: int, count: int) -> str:
    """Return the file name of a part in the folder of its table; parts are numbered from 0."""
    return f"part-{part:05d}-of-{count:05d}.parquet"


@contextmanager
def replacing_parts(path: Path | str, count: int) -> Iterator[Callable[[int], Path]]:
    """Give a function from a part's number to the file to write; the table is there, whole, when the block ends well.

    Of one part that file is `path` itself, and whoever writes it has to do so atomically.
    """
    path = Path(path)
    if count == 1 and path.is_dir() and all(_NAME.fullmatch(file.name) for file in path.iterdir()):
        with replacing_parts_by_file(path) as temporary:
            yield lambda part: temporary
    elif count == 1:
        yield lambda part: path
    else:
        with replacing_folder(path) as folder:
            yield lambda part: folder / part_name(part, count)


def table_parts(path: Path | str) -> list[Path]:
    """Return the files of a table: itself, or the parts of a folder in the order of their names.

    Raises DataError where there is none, or a part is missing.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path} does not exist: run the stage that writes it, or `dvc pull`")
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.parquet"))
    named = [found for file in files if (found := _NAME.fullmatch(file.name))]
    counts = {int(found[2]) for found in named}
    if counts and (len(named) < len(files) or counts != {len(files)}):
        raise DataError(
            f"{path} has {len(files)} files of a table of {max(counts)} parts: run the stage that writes it again, or "
            "`dvc checkout`"
        )
    return files


def count_rows(path: Path | str) -> int:
    """Return the number of rows of a table, by what its files say of themselves."""
    return sum(pq.read_metadata(part).num_rows for part in table_parts(path))


def same_parts(*paths: Path | str) -> list[tuple[Path, ...]]:
    """Return the parts of several tables that belong together; raises DataError where their numbers differ."""
    parts = [table_parts(path) for path in paths]
    if len({len(files) for files in parts}) > 1:
        counted = ", ".join(f"{path} {len(files)}" for path, files in zip(paths, parts, strict=True))
        raise DataError(f"these tables differ in their number of parts ({counted}): run `dvc repro`")
    return list(zip(*parts, strict=True))


class PartFiles:
    """The files that parts write for each other, by what they hold and by the part that wrote them."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count

    def of(self, kind: str, part: int) -> Path:
        """Return the file of a part."""
        return self.folder / kind / f"{part:05d}"

    def all(self, kind: str) -> list[Path]:
        """Return the files of all parts."""
        return [self.of(kind, part) for part in range(self.count)]
