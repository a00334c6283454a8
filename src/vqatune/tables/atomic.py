"""Writing files and folders beside their place, which they take when they are whole.

They are written in a hidden folder that is locked as long as its process lives. One that a killed process left behind is
removed by the next process that writes the same file or folder.
"""

import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from vqatune.runtime.locked_folders import make_locked_folder, remove_unlocked_folders

_AT_FDCWD = -100
_EXCHANGE = 2
"""Linux's RENAME_EXCHANGE and macOS's RENAME_SWAP."""


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path that takes the place of `path` when the block ends well, and is gone if not."""
    path = Path(path)
    with _hidden_folder(path) as hidden:
        unfinished = hidden / path.name
        unfinished.touch()
        mode = unfinished.stat().st_mode
        yield unfinished
        # Some libraries write a new file, which only its owner can read.
        unfinished.chmod(mode)
        unfinished.replace(path)


@contextmanager
def replacing_folder(path: Path | str) -> Iterator[Path]:
    """Give a temporary folder that takes the place of `path` when the block ends well, and is gone if not.

    Where the file system can exchange two folders, as Linux's and macOS's usual ones, `path` is there at any moment.
    """
    path = Path(path)
    with _hidden_folder(path) as hidden:
        unfinished = hidden / path.name
        unfinished.mkdir()
        mode = unfinished.stat().st_mode
        yield unfinished
        for written in unfinished.rglob("*"):
            # safetensors leaves files that only their owner can read.
            written.chmod(mode if written.is_dir() else mode & 0o666)
        _take_place(unfinished, path, hidden)


@contextmanager
def replacing_parts_by_file(path: Path) -> Iterator[Path]:
    """Give a temporary path of a file that takes the place of the folder `path` when the block ends well."""
    with _hidden_folder(path) as hidden:
        unfinished = hidden / path.name
        yield unfinished
        _take_place(unfinished, path, hidden)


def _take_place(unfinished: Path, path: Path, hidden: Path) -> None:
    if not path.exists():
        unfinished.rename(path)
    elif not _exchange(unfinished, path):
        path.rename(hidden / "replaced")
        unfinished.rename(path)


@contextmanager
def _hidden_folder(path: Path) -> Iterator[Path]:
    """Give a new folder beside `path`, locked, and remove it at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)

    def make() -> Path:
        made = path.parent / f".{path.name}.{secrets.token_hex(4)}"
        made.mkdir()
        return made

    hidden, descriptor = make_locked_folder(make)
    try:
        yield hidden
    except OSError as error:
        # A write's error names no file, and the hidden one says nothing to a user.
        if error.filename is None or Path(os.fsdecode(error.filename)).is_relative_to(hidden):
            error.filename = str(path)
        raise
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def link_or_copy(source: Path, target: Path) -> None:
    """Let a file that nobody will change have a second name; copy it where the file system has no hard links."""
    with replacing(target) as temporary:
        temporary.unlink()
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def remove_leftovers(path: Path) -> None:
    """Remove the hidden folders that killed processes left behind of `path`, which whoever writes it does anyway."""
    remove_unlocked_folders(path.parent.glob(f".{escape(path.name)}.{'[0-9a-f]' * 8}"))


def _exchange(one: Path, other: Path) -> bool:
    """Let two files or folders change places at once; False where the system cannot."""
    library = ctypes.CDLL(None)
    paths = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        return library.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _EXCHANGE) == 0
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        return library.renamex_np(*paths, _EXCHANGE) == 0
    return False
