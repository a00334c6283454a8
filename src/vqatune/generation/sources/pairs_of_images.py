"""Recorded pairs by the images that they are about: a cell of a table may name several."""

import ast
import json
import re
from collections.abc import Callable

import pandas as pd

from vqatune.errors import DataError
from vqatune.text_files.path_index import EXTENSIONS, PathIndex, SeveralFiles

_SEPARATORS = ("|", ";", ",", "\n", " ")
_URL = re.compile(r"(?:https?:)?//\S+", re.IGNORECASE)


def pairs_of_images(recorded: pd.DataFrame, images: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the pairs that are about the images, with the image_id of each, and how many others there are.

    `recorded` has the columns of read_recorded, `images` has image_id and path. A pair whose cell names several pictures,
    as a list or with one of `|`, `;`, `,` and spaces between them, is a pair about each.

    Raises DataError as match_images does.
    """
    single = _single_pictures(recorded, images)
    found = single.assign(image_id=match_images(single, images)).dropna(subset="image_id")
    return found, len(single) - len(found)


def match_images(pairs: pd.DataFrame, images: pd.DataFrame) -> pd.Series:
    r"""Return the image_id of each recorded pair's image among `images`, missing where it is not among them.

    An image is matched by its image_id, or else by its path, or its last parts (text_files.path_index), so that
    `images/small/00/ab.jpg`, `C:\abo\00\ab.jpg` and, where it is the only one, `ab.jpg` are the same. `pairs` has
    image_id and path, as read_recorded returns them; `images` has both, complete. The result has the index of `pairs`.

    Raises DataError where no pair's image is among them, or a path matches two of them.
    """
    found = pairs["image_id"].where(pairs["image_id"].isin(images["image_id"]))
    names = pairs["path"].fillna(pairs["image_id"]).where(found.isna())
    index = PathIndex(images["path"])
    known = dict(zip(images["path"], images["image_id"], strict=True))
    by_name: dict[str, str] = {}
    for name in names.dropna().unique():
        try:
            path = index.find(name)
        except SeveralFiles as error:
            raise DataError(
                f"the path {name} fits several images, such as {' and '.join(error.files)}: give the recorded pairs an "
                "image_id, or longer paths"
            ) from error
        if path is not None:
            by_name[name] = known[path]
    found = found.fillna(names.map(by_name).astype("str"))
    if found.isna().all():
        raise DataError(
            f"none of the {len(pairs)} recorded pairs is about an image of the sample: they speak of "
            f"{_examples(pairs['image_id'].fillna(pairs['path']))}; the sample has {_examples(images['image_id'])}, "
            f"at {_examples(images['path'])}"
        )
    return found.astype("str")


def _single_pictures(recorded: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs, those of a cell with several pictures once for each picture, as its path."""
    names = recorded["path"].fillna(recorded["image_id"])
    names = names.where(~recorded["image_id"].isin(images["image_id"]))
    is_there = _finder(images)
    several = {name: parts for name in names.dropna().unique() if len(parts := _parts(name, is_there)) > 1}
    rows = names.isin(list(several))
    if not rows.any():
        return recorded
    paths = recorded["path"].astype(object).where(~rows, names.map(several))
    ids = recorded["image_id"].where(~rows)
    each = recorded.assign(image_id=ids, path=paths).explode("path", ignore_index=True)
    return each.astype({"image_id": "str", "path": "str"})


def _parts(name: str, is_there: Callable[[str], bool]) -> list[str]:
    """Return the pictures that a cell names; a text that is one picture, or no list of pictures, is one."""
    if name.startswith("["):
        listed = _written_list(name)
        return list(dict.fromkeys(each for each in listed if isinstance(each, str) and each.strip()))
    separators = [separator for separator in _SEPARATORS if separator in name]
    if not separators or is_there(name):
        return [name]
    for separator in separators:
        parts = list(dict.fromkeys(part.strip() for part in name.split(separator) if part.strip()))
        found = [is_there(part) for part in parts]
        # A name with a comma in it is not taken apart because its end is the name of a picture.
        if any(found) and all(
            there or _looks_like_one(part) for there, part in zip(found, parts, strict=True)
        ):
            return parts
    return [name]


def _written_list(text: str) -> list:
    for read in (json.loads, ast.literal_eval):
        try:
            return list(read(text))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return [text]


def _looks_like_one(part: str) -> bool:
    return part.lower().endswith(EXTENSIONS) or _URL.fullmatch(part) is not None


def _finder(images: pd.DataFrame) -> Callable[[str], bool]:
    ids, index = set(images["image_id"]), PathIndex(images["path"])

    def is_there(name: str) -> bool:
        try:
            return name in ids or index.find(name) is not None
        except SeveralFiles:
            return True

    return is_there


def _examples(values: pd.Series) -> str:
    distinct = sorted(values.dropna().unique())
    return ", ".join(distinct[:3]) + (", …" if len(distinct) > 3 else "")
