"""WebDataset's tars: a sample is the files whose names are equal up to the first dot; pictures are read in place."""

import json
from pathlib import Path
from typing import Any

from vqatune.catalogue.sources.folder import PICTURE
from vqatune.catalogue.sources.pictures import Picture
from vqatune.errors import DataError
from vqatune.loading.archive import find_members, read_spans
from vqatune.text_files.cells import DECODER, Table
from vqatune.text_files.path_index import EXTENSIONS

KEY = "__key__"
"""The column of the samples' names."""
_LONGEST_TEXT = 2**26
_TEXTS = ("txt", "text", "caption", "cls")


def tar_files(path: Path) -> list[Path]:
    """Return a tar, or those in a folder, sorted by name; raises DataError where there is none."""
    found = sorted(path.rglob("*.tar")) if path.is_dir() else [path] if path.is_file() else []
    if not found:
        raise DataError(f"{path} holds no .tar: set raw.pictures to a tar or a folder of tars")
    return found


def tar_rows(path: Path) -> tuple[Table, list[Picture]]:
    """Return a row a sample, and the pictures.

    The columns are KEY, PICTURE (the list of its pictures' names), a column for each text file (txt, caption, cls) and
    one for each key of its JSON. A picture's path is its name in the tar, with the tar's name before it where there are
    several. Raises DataError and ArchiveError where a tar or a sample's JSON is damaged.
    """
    tars = tar_files(path)
    rows: list[dict[str, Any]] = []
    pictures = []
    for tar in tars:
        before = f"{tar.relative_to(path).as_posix().removesuffix('.tar')}/" if path.is_dir() else ""
        samples: dict[str, dict[str, Any]] = {}
        read: list[tuple[str, str, int, int]] = []
        for name, offset, length in find_members(tar).itertuples(index=False):
            place, _, base = name.rpartition("/")
            stem, _, ending = base.partition(".")
            if not stem:
                continue
            key = f"{place}/{stem}" if place else stem
            sample = samples.setdefault(key, {KEY: before + key})
            if base.lower().endswith(EXTENSIONS):
                pictures.append(Picture(before + name, before + name, str(tar), int(offset), int(length)))
                sample.setdefault(PICTURE, []).append(before + name)
            elif ending.lower() in ("json", *_TEXTS):
                if length > _LONGEST_TEXT:
                    raise DataError(
                        f"{tar}: {name} has more than {_LONGEST_TEXT:,} bytes: the text of a sample belongs there"
                    )
                read.append((key, ending.lower(), int(offset), int(length)))
        contents = read_spans(tar, [(offset, length) for *_, offset, length in read])
        for (key, ending, *_), content in zip(read, contents, strict=True):
            samples[key] |= _values(ending, content, f"{tar}: {key}.{ending}")
        rows.extend(samples.values())
    if not pictures:
        raise DataError(f"{path} holds no picture: set raw.pictures to tars that do")
    names = dict.fromkeys([KEY, PICTURE, *(name for row in rows for name in row)])
    columns = {name: [row.get(name) for row in rows] for name in names}
    return Table(path, columns, range(1, len(rows) + 1), "sample"), pictures


def _values(ending: str, content: bytes, where: str) -> dict[str, Any]:
    try:
        text = content.decode("utf-8")
        value = DECODER.decode(text) if ending == "json" else text.strip()
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{where} is not {'JSON' if ending == 'json' else 'UTF-8'} ({error})") from error
    if ending != "json":
        return {ending: value}
    if not isinstance(value, dict):
        return {"json": value}
    return {name: each for name, each in value.items() if name not in (KEY, PICTURE)}
