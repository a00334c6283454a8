"""Finding images in a folder by what a table has: a path, a file name, or a name without its extension."""

import os
from functools import cached_property
from pathlib import Path

from vqatune.errors import DataError, ImageError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")


class ImageFolder:
    """The images in a folder and its subfolders."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(f"{folder} is no folder: name the one that holds the pictures with --images")
        self.folder = folder

    def find(self, name: str) -> Path:
        """Return the path of the image with this name.

        That is the file at this path below the folder; or else the only one there with one of EXTENSIONS added; or
        else the only file in any subfolder with this name, with or without its extension. Raises ImageError where
        there is none, or several.
        """
        name = name.strip()
        if not name:
            raise ImageError("no picture is named")
        path = os.path.normpath(os.path.join(self.folder, name))
        if not _within(path, os.path.normpath(self.folder)):
            raise ImageError(f"{name} is not below {self.folder}")
        if os.path.isfile(path):
            return Path(path)
        extensions = (*EXTENSIONS, *map(str.upper, EXTENSIONS))
        if there := [path + extension for extension in extensions if os.path.isfile(path + extension)]:
            for other in there[1:]:
                # On a case-insensitive file system one file has both names.
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
        """Return the file's path, size and time of modification, by which a change of it is detected."""
        try:
            status = path.stat()
        except OSError:
            # It was removed just now; opening it will fail.
            return ""
        return f"{os.path.relpath(path, self.folder)} {status.st_size} {status.st_mtime_ns}"

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """File name, with and without extension, of all images in the folder → their paths below it."""
        found: dict[str, list[str]] = {}
        for parent, folders, files in os.walk(self.folder):
            folders.sort()
            for file in sorted(files):
                stem, extension = os.path.splitext(file)
                if extension.lower() in EXTENSIONS:
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
