"""Locks that keep two processes from doing the same work at once."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from vqatune.errors import DataError

_logger = logging.getLogger(__name__)

LOCKS = Path(".work/locks")
"""The folder of locks that belong to no file."""


@contextmanager
def only_one(path: Path, message: str) -> Iterator[None]:
    """Hold a lock for the block, in the file `path`; raises DataError with the message where it is held already.

    Where no file can be made, the block runs without a lock.
    """
    lock = FileLock(path, timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise DataError(message) from error
    except OSError as error:
        _logger.warning("%s cannot be made (%s): see that nothing else does this work", path, error.strerror)
    try:
        yield
    finally:
        lock.release()
