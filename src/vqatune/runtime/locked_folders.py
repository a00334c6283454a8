"""Folders that are locked as long as their process lives, so that another can tell what a killed one has left behind.

Windows has no locks of folders: what is left behind there stays.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]


def make_locked_folder(make: Callable[[], Path]) -> tuple[Path, int | None]:
    """Return a folder that `make` makes anew, and the descriptor that holds its lock until it is closed.

    The descriptor is None where folders have no locks. A process that is forked holds the lock, too.
    """
    while True:
        folder = make()
        if fcntl is None:
            return folder, None
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            _lock(descriptor)
            # Before it was locked, another process may have taken it for a leftover.
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)


@contextmanager
def temporary_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Give a folder in `parent` that goes at the end; first remove those of processes that were killed."""
    parent.mkdir(parents=True, exist_ok=True)
    remove_unlocked_folders(parent.glob(f"{escape(prefix)}*"))

    def make() -> Path:
        made = parent / f"{prefix}{secrets.token_hex(4)}"
        made.mkdir(mode=0o700)
        return made

    folder, descriptor = make_locked_folder(make)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def remove_unlocked_folders(folders: Iterable[Path]) -> None:
    """Remove those of this user's folders of which no process holds the lock."""
    if fcntl is None:
        return
    for folder in folders:
        with suppress(OSError):
            # Others may put links into a folder of temporary files.
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.getuid() and _lock(descriptor):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock a folder; False where another process has, or where the file system cannot."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
