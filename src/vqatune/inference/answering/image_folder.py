"""Finding images in a folder by what a table has: a path, a file name, or a name without its extension."""

import os
from functools import cached_property
from pathlib import Path

from vqatune.errors import DataError, ImageError
from vqatune.text_files.path_index import EXTENSIONS, PathIndex, SeveralFiles


class ImageFolder:
    """The images in a folder and its subfolders."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(f"{folder} is no folder: name the one that holds the pictures with --images")
        self.folder = folder

    def find(self, name: str) -> Path:
        """Return the path of the image with this name.

        That is the file at this path below the folder; or else the only one there with one of EXTENSIONS added; or
        else the only file in any subfolder whose path ends as the name does, with or without its extension
        (path_index.PathIndex): a name may have been written on another machine. Raises ImageError where there is
        none, or several.
        """
        name = name.strip()
        if not name:
            raise ImageError("no picture is named")
        path = os.path.normpath(os.path.join(self.folder, name))
        within = _within(path, os.path.normpath(self.folder))
        if within and os.path.isfile(path):
            return Path(path)
        extensions = (*EXTENSIONS, *map(str.upper, EXTENSIONS)) if within else ()
        if there := [path + extension for extension in extensions if os.path.isfile(path + extension)]:
            for other in there[1:]:
                # On a case-insensitive file system one file has both names.
                if not os.path.samefile(there[0], other):
                    raise self._several(
                        name, *(os.path.relpath(each, self.folder) for each in (there[0], other))
                    )
            return Path(there[0])
        try:
            found = self._files.find(name)
        except SeveralFiles as error:
            raise self._several(name, *error.files) from error
        if found is None and not within:
            raise ImageError(
                f"{name} is not below {self.folder}, and no picture there has a path that ends so"
            )
        if found is None:
            raise ImageError(f"{name} is not in {self.folder}")
        return Path(self.folder, found)

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
    def _files(self) -> PathIndex:
        """The paths of all images below the folder."""
        found = []
        for parent, folders, files in os.walk(self.folder):
            folders.sort()
            found += [
                os.path.relpath(os.path.join(parent, file), self.folder)
                for file in sorted(files)
                if file.lower().endswith(EXTENSIONS)
            ]
        return PathIndex(found)


def _within(path: str, folder: str) -> bool:
    return (
        folder == "."
        and not path.startswith(("..", os.sep))
        or os.path.join(path, "").startswith(os.path.join(folder, ""))
    )
