"""Pictures in a folder, found by what a table calls them: a path, a file's name, or an id without its ending."""

import os
from functools import cached_property
from pathlib import Path

from vqatune.errors import DataError, ImageError

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")


class PictureFolder:
    """The pictures in a folder and the folders in it."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(f"{folder} is no folder: name the one that holds the pictures with --images")
        self.folder = folder

    def find(self, name: str) -> Path:
        """Return the path of the picture that is called so.

        That is the file at this path below the folder; or else the only one there with one of ENDINGS; or else the
        only one, however deep, whose name this is, with or without its ending. Raises ImageError where there is none,
        or several.
        """
        name = name.strip()
        if not name:
            raise ImageError("no picture is named")
        path = os.path.normpath(os.path.join(self.folder, name))
        if not _within(path, os.path.normpath(self.folder)):
            raise ImageError(f"{name} is not below {self.folder}")
        if os.path.isfile(path):
            return Path(path)
        endings = (*ENDINGS, *map(str.upper, ENDINGS))
        if there := [path + ending for ending in endings if os.path.isfile(path + ending)]:
            for other in there[1:]:
                # Where capitals make no difference, one file has two names.
                if not os.path.samefile(there[0], other):
                    raise self._several(
                        name, *(os.path.relpath(each, self.folder) for each in (there[0], other))
                    )
            return Path(there[0])
        if name not in self._by_name:
            raise ImageError(f"{name} is not in {self.folder}")
        found = self._by_name[name]
        if len(found) > 1:
            raise self._several(name, *found[:2])
        return Path(self.folder, found[0])

    def _several(self, name: str, one: str, other: str) -> ImageError:
        return ImageError(f"{name} may be {one} or {other}: give its path below {self.folder}")

    def state(self, path: Path) -> str:
        """Return a text that changes when the file does."""
        try:
            status = path.stat()
        except OSError:
            # It has just gone; opening it will say so.
            return ""
        return f"{os.path.relpath(path, self.folder)} {status.st_size} {status.st_mtime_ns}"

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Names, with and without ending, of all pictures in the folder → their paths below it."""
        found: dict[str, list[str]] = {}
        for parent, folders, files in os.walk(self.folder):
            folders.sort()
            for file in sorted(files):
                stem, ending = os.path.splitext(file)
                if ending.lower() in ENDINGS:
                    path = os.path.relpath(os.path.join(parent, file), self.folder)
                    for name in (file, stem):
                        found.setdefault(name, []).append(path)
        return found


def _within(path: str, folder: str) -> bool:
    return (
        folder == "."
        and not path.startswith(("..", os.sep))
        or os.path.join(path, "").startswith(os.path.join(folder, ""))
    )
