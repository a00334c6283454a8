"""Finding files by paths that were written elsewhere: with another root, with backslashes, or by the name alone."""

import re
from collections.abc import Iterable, Sequence

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2")
"""What the names of pictures end with."""


class SeveralFiles(ValueError):
    """A path fits several files equally well; `files` are two of them."""

    def __init__(self, path: str, files: Sequence[str]) -> None:
        super().__init__(f"{path} may be {files[0]} or {files[1]}")
        self.files = files


class PathIndex:
    """Paths of files, found by how others name them."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Take the paths, each once."""
        self._paths = {path: path for path in paths}
        self._by_name: dict[str, list[tuple[str, ...]]] = {}
        self._of_parts: dict[tuple[str, ...], str] = {}
        for path in self._paths:
            parts = _parts(path)
            if not parts:
                continue
            self._of_parts.setdefault(parts, path)
            stem = _stem(parts[-1])
            for name in {parts[-1], stem}:
                self._by_name.setdefault(name, []).append(parts)

    def find(self, path: str) -> str | None:
        r"""Return the path of the file that is meant, or None.

        That is the file with the same path; or else the one whose last parts are the same as those of `path`, as many
        of them as possible: all parts of the shorter of the two, or at least two (`C:\photos\00\ab.jpg`,
        `images/00/ab.jpg`, `ab.jpg` and `ab` for the file `00/ab.jpg`). Raises SeveralFiles where several files have as
        many.
        """
        if path in self._paths:
            return path
        parts = _parts(path)
        if not parts:
            return None
        if parts in self._of_parts:
            return self._of_parts[parts]
        best, found = 0, []
        for candidate in self._by_name.get(parts[-1], ()):
            named = candidate if candidate[-1] == parts[-1] else (*candidate[:-1], parts[-1])
            common = _common(named, parts)
            if common < min(len(named), len(parts), 2):
                continue
            if common > best:
                best, found = common, []
            if common == best:
                found.append(candidate)
        if len(found) > 1:
            raise SeveralFiles(path, [self._of_parts[each] for each in found[:2]])
        return self._of_parts[found[0]] if found else None


def file_stem(path: str) -> str:
    """Return the file name without extensions of pictures: paths for which `find` takes one another have the same."""
    name = (_parts(path) or ("",))[-1]
    while (stem := _stem(name)) != name:
        name = stem
    return name


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"[\\/]+", path.strip()) if part not in ("", "."))


def _stem(name: str) -> str:
    stem, dot, _ = name.rpartition(".")
    return stem if dot and name.lower().endswith(EXTENSIONS) else name


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count
