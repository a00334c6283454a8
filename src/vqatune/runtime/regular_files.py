"""Opening only what ends: a pipe, a socket or a device in the place of a file would be waited for, or read, forever."""

import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path | str) -> BinaryIO:
    """Open a file for reading its bytes; raises OSError, with the reason, also where it is a folder, pipe, socket or device."""
    # Before it is opened: opening a pipe waits for who writes to it, and opening a device may already do something.
    check_regular(path)
    return open(path, "rb")


def check_regular(path: Path | str) -> None:
    """Raise OSError where a path, or what its links lead to, is missing or no regular file."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        raise OSError(None, f"it is {kinds.get(stat.S_IFMT(mode), 'a device')} and no file", str(path))
