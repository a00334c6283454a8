"""Archives that stay open between reads, so that reading in the order of an archive is sequential."""

import os
from collections import OrderedDict
from threading import Lock
from typing import Any, BinaryIO

from vqatune.loading.archive import archive_errors, read_span
from vqatune.loading.remote_archive import RemoteArchive, is_remote
from vqatune.runtime.regular_files import open_regular

_MOST = 32
"""Archives that are open at once in a process."""


class OpenArchives:
    """Reads bytes from archives, files and such at an address, and keeps those open that were read last.

    Each process has its own, whether it is forked or is sent this object.
    """

    def __init__(self) -> None:
        self._reset()

    def read(self, archive: str, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; raises ArchiveError where there are none, or they cannot be read."""
        if os.getpid() != self._process:
            # A handle that is shared with the process that forked this one is moved by both.
            self._reset()
        with self._lock:
            opened = self._opened(archive)
            if isinstance(opened, RemoteArchive):
                return opened.read(offset, length)
            with archive_errors(archive):
                return read_span(opened, archive, offset, length)

    def _opened(self, archive: str) -> BinaryIO | RemoteArchive:
        if archive in self._open:
            self._open.move_to_end(archive)
        elif is_remote(archive):
            self._open[archive] = RemoteArchive(archive)
        else:
            with archive_errors(archive):
                self._open[archive] = open_regular(archive)
        if len(self._open) > _MOST:
            self._open.popitem(last=False)[1].close()
        return self._open[archive]

    def _reset(self) -> None:
        self._process, self._lock = os.getpid(), Lock()
        self._open: OrderedDict[str, BinaryIO | RemoteArchive] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._reset()
