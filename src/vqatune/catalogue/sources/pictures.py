"""Where the pictures of a catalogue lie: loose files, read in place, and those that were fetched or unpacked."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from vqatune.errors import DataError
from vqatune.tables import read_csv
from vqatune.text_files.path_index import EXTENSIONS, PathIndex, SeveralFiles

PACKED = "pictures.csv"
"""In data/raw: what was fetched or unpacked, and where it lies, or why it does not: picture, image_id, archive, offset,
length, reason."""

ROWS = "rows.parquet"
"""In data/raw: the table of a dataset, or of tars, with the names of its pictures instead of them."""


class Picture(NamedTuple):
    """A picture and where its bytes lie."""

    image_id: str
    path: str
    archive: str
    offset: int
    length: int


class Pictures:
    """The pictures of a catalogue, found by how its table names them."""

    def __init__(self, files: Iterable[Picture], fetched: dict[str, Picture] | None = None) -> None:
        """Take pictures with a path of their own, and those that a URL or name stands for."""
        self.files = {picture.path: picture for picture in files}
        self._index = PathIndex(self.files)
        self._fetched = fetched or {}

    def find(self, name: str) -> Picture | None:
        """Return the picture with this path, URL or name, None where there is none or it may be several."""
        if name in self._fetched:
            return self._fetched[name]
        try:
            path = self._index.find(name)
        except SeveralFiles:
            return None
        return None if path is None else self.files[path]


def picture_files(folder: Path) -> list[Picture]:
    """Return the files in a folder and its subfolders whose names end as those of pictures, sorted by path.

    A hidden file or folder is none. `archive` is the file as `folder` is given, relative or absolute. Raises DataError
    where the folder is missing or cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: set raw.pictures to the one that the pictures lie in")
    found = []
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if name.startswith(".") or not name.lower().endswith(EXTENSIONS):
                continue
            file = Path(parent, name)
            if file.is_file():
                path = file.relative_to(folder).as_posix()
                found.append(Picture(path, path, str(file), 0, file.stat().st_size))
    return sorted(found)


def packed_pictures(folder: Path) -> tuple[dict[str, Picture], pd.DataFrame]:
    """Return what was fetched or unpacked into a folder, by name, and the table of what was not: picture, reason."""
    path = folder / PACKED
    if not path.exists():
        raise DataError(f"{path} does not exist: run the stage raw, or `dvc pull`")
    table = read_csv(path, "picture", "image_id", "archive", "offset", "length", "reason")
    there = table["reason"].isna()
    rows = table[there].astype({"offset": "int64", "length": "int64"})
    packed = {
        row.picture: Picture(row.image_id, row.picture, str(folder / row.archive), row.offset, row.length)
        for row in rows.itertuples(index=False)
    }
    return packed, table.loc[~there, ["picture", "reason"]]


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename} cannot be read ({error.strerror}): correct its permissions")
