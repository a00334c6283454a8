"""A folder of pictures, alone or sorted into folders by their class."""

from pathlib import Path

from vqatune.catalogue.sources.pictures import Picture, picture_files
from vqatune.errors import DataError
from vqatune.text_files.cells import Table

PICTURE, FOLDER = "picture", "folder"
"""The columns: the picture's path below the folder, and the name of the folder that it lies in."""


def folder_rows(folder: Path) -> tuple[Table, list[Picture]]:
    """Return a row a picture, PICTURE and FOLDER, and the pictures; raises DataError where there is none."""
    found = picture_files(folder)
    if not found:
        raise DataError(f"{folder} holds no picture: set raw.pictures to a folder that does")
    folders = [path.rpartition("/")[0].rpartition("/")[2] for path in (picture.path for picture in found)]
    columns = {PICTURE: [picture.path for picture in found], FOLDER: folders}
    return Table(folder, columns, range(1, len(found) + 1), "picture"), found
