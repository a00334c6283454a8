"""The folder of a page's uploads: gone with its server, whatever ends that, and never more than a disk can spare."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from vqatune.runtime.locked_folders import temporary_folder

PREFIX = "vqatune-demo-"
MOST_FILES = 2000
MOST_BYTES = 2 * 10**9
"""Of all uploads together."""
SECONDS_KEPT = 3600
"""Where there is no room, what was uploaded before that goes."""
FULL = b"The demo has no room for more pictures now. Try again in an hour, or start it anew.\n"


def own_folder() -> AbstractContextManager[Path]:
    """Return a temporary folder that goes at the end of its block, as those of servers that were killed do before."""
    return temporary_folder(Path(tempfile.gettempdir()), PREFIX)


class Room:
    """How much of what may be uploaded is left: in number and bytes, those that are on their way counted as the largest."""

    def __init__(self, folder: Path, largest: int, files: int = MOST_FILES, bytes: int = MOST_BYTES) -> None:
        """Take the folder that uploads are written to, and the bytes of the largest."""
        self._folder, self._largest, self._files, self._bytes = folder, largest, files, bytes
        # What the page itself shows, such as its examples, stays.
        self._own = set(_files_in(folder))
        self._coming = 0

    @contextmanager
    def for_one(self) -> Iterator[bool]:
        """Tell whether there is room for an upload, and keep it for the block."""
        if not self._is_free():
            self._remove_old()
            if not self._is_free():
                yield False
                return
        self._coming += 1
        try:
            yield True
        finally:
            self._coming -= 1

    def _is_free(self) -> bool:
        sizes = [size for path, (size, _) in _files_in(self._folder).items() if path not in self._own]
        coming = self._coming + 1
        return len(sizes) + coming <= self._files and sum(sizes) + coming * self._largest <= self._bytes

    def _remove_old(self) -> None:
        before = time.time() - SECONDS_KEPT
        for path, (_, written) in _files_in(self._folder).items():
            if path not in self._own and written < before:
                with suppress(OSError):
                    path.unlink()
                    # Each has a folder of its own.
                    path.parent.rmdir()


def _files_in(folder: Path) -> dict[Path, tuple[int, float]]:
    """Return the size and the time of each file in a folder that others write to meanwhile."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                state = os.lstat(os.path.join(parent, name))
                found[Path(parent, name)] = state.st_size, state.st_mtime
    return found
