"""Locks that keep two processes from doing the same work at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from vqatune.errors import DataError

LOCKS = Path(".work/locks")
"""The folder of locks that belong to no file."""


@contextmanager
def only_one(path: Path, message: str) -> Iterator[None]:
    """Hold a lock for the block, in the file `path`; raises DataError with the message where it is held already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise DataError(message) from error
    try:
        yield
    finally:
        lock.release()
