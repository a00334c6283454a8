"""Looking at a file or folder of a user's: what it is, what is in it, and the parameters that make a catalogue of it."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from vqatune.catalogue.fetch_pictures import is_private, picture_format
from vqatune.catalogue.filter_images import digests_of_images
from vqatune.catalogue.sources.abo_names import IMAGES_ARCHIVE, LISTINGS_ARCHIVE
from vqatune.catalogue.sources.extracted import Extracted
from vqatune.catalogue.sources.folder import PICTURE, folder_rows
from vqatune.catalogue.sources.guess import guess_columns, guess_pairs, nested_pairs
from vqatune.catalogue.sources.guess_pictures import is_picture_url
from vqatune.catalogue.sources.museum import COLUMNS, museum_form, museum_rows
from vqatune.catalogue.sources.pictures import Picture, Pictures, picture_files
from vqatune.catalogue.sources.stored import (
    byte_columns,
    dataset_rows,
    open_dataset,
    parquet_rows,
    picture_features,
    picture_in,
)
from vqatune.catalogue.sources.table import extract_table, row_pictures
from vqatune.catalogue.sources.tars import tar_rows
from vqatune.errors import DataError
from vqatune.params import ColumnsParams, DatasetParams, PairColumnsParams, RawParams
from vqatune.tables.hash_ranks import hash_ranks
from vqatune.text_files.cells import Table
from vqatune.text_files.formats import SUFFIXES, read_cells

_SAVED = ("state.json", "dataset_dict.json", "dataset_info.json")
"""Files in the folder of a saved dataset of Hugging Face."""

MOST_OPENED = 2000
"""So many pictures are opened to see whether they do; of more, a sample."""


@dataclass
class Found:
    """What there is at a path."""

    source: str
    path: str | None = None
    """What becomes raw.path."""
    pictures: str | None = None
    """What becomes raw.pictures."""
    dataset: str | None = None
    """What becomes raw.dataset.name."""
    table: Table | None = None
    columns: ColumnsParams = field(default_factory=ColumnsParams)
    pairs: PairColumnsParams | None = None
    nested: int = 0
    """Pairs in lists, a list an image, rather than a row a pair."""
    extracted: Extracted | None = None
    form: str | None = None
    """Whose form the records of a museum have."""
    urls: int = 0
    """Distinct URLs of pictures."""
    private: str | None = None
    """A host of theirs that is of this machine or its network."""
    inside: int = 0
    """Distinct pictures that lie within the table."""
    opened: int = 0
    """Pictures that were opened."""
    unreadable: list[str] = field(default_factory=list)
    """Those of them that do not open."""
    repeated: int = 0
    """Those of them with the bytes of another."""


def look_at(what: str, pictures: str | None, given: dict[str, str]) -> Found:
    """Find out what a file or folder is, guess its columns, and read it.

    Args:
        what: its path.
        pictures: the folder of a table's pictures; None: the folder that the table lies in.
        given: the columns that the user names (guess.corrections).

    Raises DataError where it is nothing that a catalogue can be made of.
    """
    path = Path(what)
    if not path.exists():
        if re.fullmatch(r"[\w.-]+/[\w.-]+", what) and not path.suffix.lower().endswith((*SUFFIXES, ".tar")):
            return _look_at_dataset(what, None, given)
        raise DataError(f"{what} does not exist: check its name")
    for emptied in (Path("data/raw"), Path("data/extracted")):
        if path.resolve().is_relative_to(emptied.resolve()) or emptied.resolve().is_relative_to(
            path.resolve()
        ):
            raise DataError(
                f"{what} lies in, or around, {emptied}, which the pipeline empties: move your files elsewhere"
            )
    if (form := museum_form(path)) is not None:
        return _look_at_museum(what, form, pictures)
    if path.is_dir():
        if any((path / name).exists() for name in _SAVED):
            return _look_at_dataset(None, what, given)
        if (path / LISTINGS_ARCHIVE).exists() and (path / IMAGES_ARCHIVE).exists():
            return Found("path", path=what)
        if table := _table_in(path):
            return _look_at_table(str(table), pictures or what, given)
        if _holds(path, ".tar") and not picture_files(path):
            return _look_at_tars(what, given)
        return _look_at_folder(what, given)
    if path.name.lower().endswith(".tar"):
        return _look_at_tars(what, given)
    if path.name.lower().removesuffix(".gz").endswith(SUFFIXES):
        return _look_at_table(what, pictures, given)
    raise DataError(
        f"{what} is nothing that a catalogue is made of: name a table ({', '.join(SUFFIXES)}), a folder of pictures, "
        "tars of WebDataset, records of a museum, a folder in ABO's layout, or a saved dataset"
    )


def _table_in(folder: Path) -> Path | None:
    """Return the table that describes the pictures in a folder: metadata.csv or the like, or the only table."""
    tables = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")
    )
    named = [path for path in tables if path.stem.lower() == "metadata"]
    if len(named or tables) > 1:
        names = ", ".join(path.name for path in named or tables)
        raise DataError(f"{folder} holds several tables ({names}): name the one to use")
    return next(iter(named or tables), None)


def _holds(folder: Path, ending: str) -> bool:
    return any(path.is_file() for path in folder.rglob(f"*{ending}"))


def _look_at_folder(what: str, given: dict[str, str]) -> Found:
    table, files = folder_rows(Path(what))
    columns = guess_columns(table, None, lambda name: True, {"pictures": PICTURE} | given)
    found = Found("folder", pictures=what, table=table, columns=columns)
    return _counted(found, Pictures(files))


def _look_at_tars(what: str, given: dict[str, str]) -> Found:
    table, files = tar_rows(Path(what))
    pairs = guess_pairs(table, given)
    columns = guess_columns(table, pairs, lambda name: True, {"pictures": PICTURE} | given)
    found = Found("tars", pictures=what, table=table, columns=columns, pairs=pairs)
    return _counted(found, Pictures(files))


def _look_at_table(what: str, pictures: str | None, given: dict[str, str]) -> Found:
    path = Path(what)
    if inside := byte_columns(path):
        return _look_inside(Found("table", path=what), parquet_rows(path), inside, given, path)
    table = read_cells(path)
    root = Path(pictures) if pictures else path.parent
    there = Pictures(picture_files(root))
    nested = nested_pairs(table)
    pairs = guess_pairs(table, given) or (PairColumnsParams() if nested else None)
    columns = guess_columns(table, pairs, lambda name: there.find(name) is not None, given)
    named = dict.fromkeys(
        name for row in range(len(table.numbers)) for name in row_pictures(table, columns, row)
    )
    urls = {name: Picture(name, name, "", 0, 0) for name in named if is_picture_url(name)}
    files = {picture.path for name in named if name not in urls and (picture := there.find(name))}
    found = Found("table", path=what, table=table, columns=columns, pairs=pairs, urls=len(urls))
    found.nested = nested
    hosts = dict.fromkeys(urlsplit(url).hostname or "" for url in urls)
    found.private = next(filter(is_private, hosts), None)
    if files:
        if pictures is None:
            root = _smallest_folder(root, files)
        found.pictures = str(root)
        there = Pictures(picture_files(root))
    elif not urls:
        raise DataError(
            f"{what}: {', '.join(columns.pictures)} names pictures such as {', '.join(list(named)[:3]) or 'none'}, and "
            f"none of them is below {root}: say where they are with --pictures FOLDER, or name another column with "
            "--set image=COLUMN"
        )
    else:
        there = Pictures([])
    return _counted(found, Pictures(there.files.values(), urls))


def _look_at_museum(what: str, form: str, pictures: str | None) -> Found:
    path = Path(what)
    table = museum_rows(path)
    root = Path(pictures) if pictures else path if path.is_dir() else path.parent
    there = Pictures(picture_files(root))
    named = dict.fromkeys(
        name for row in range(len(table.numbers)) for name in row_pictures(table, COLUMNS, row)
    )
    files = {name for name in named if there.find(name) is not None}
    urls = {
        name: Picture(name, name, "", 0, 0) for name in named if name not in files and is_picture_url(name)
    }
    found = Found("museum", path=what, table=table, columns=COLUMNS, urls=len(urls), form=form)
    found.pictures = str(root) if files else None
    return _counted(found, Pictures(there.files.values() if files else [], urls))


def _look_at_dataset(name: str | None, path: str | None, given: dict[str, str]) -> Found:
    raw = RawParams().model_copy(update={"path": path, "dataset": DatasetParams(name=name)})
    splits = open_dataset(raw)
    inside = list(dict.fromkeys(column for split in splits for column in picture_features(split)))
    if not inside:
        raise DataError(f"the dataset {path or name} has no column of pictures (datasets.Image)")
    return _look_inside(
        Found("hub", path=path, dataset=name), dataset_rows(raw), inside, given, Path(path or name or "")
    )


def _look_inside(
    found: Found, rows: Iterable[dict[str, Any]], inside: list[str], given: dict[str, str], where: Path
) -> Found:
    """Look at rows that hold their pictures in the columns `inside`: what there are are names and digests of them."""
    kept: list[dict[str, Any]] = []
    names: dict[bytes, str] = {}
    for row in rows:
        for column in inside:
            cells = row[column] if isinstance(row[column], list) else [row[column]]
            said = []
            for _, content in map(picture_in, cells):
                if content is not None:
                    digest = blake2b(content, digest_size=16).digest()
                    said.append(names.setdefault(digest, f"picture {len(names) + 1}"))
                    found.opened += 1
                    if picture_format(content) is None:
                        found.unreadable.append(f"row {len(kept) + 1}")
            row[column] = said
        kept.append(row)
    columns = {name: [row.get(name) for row in kept] for row in kept[:1] for name in row}
    found.table = Table(where, columns, range(1, len(kept) + 1), "row")
    found.pairs = guess_pairs(found.table, given)
    there = {name: Picture(name, name, "", 0, 0) for name in names.values()}
    found.columns = guess_columns(
        found.table, found.pairs, there.__contains__, {"pictures": inside[0]} | given
    )
    found.inside = len(names)
    return _counted(found, Pictures([], there))


def _smallest_folder(root: Path, files: set[str]) -> Path:
    common = os.path.commonpath([os.path.dirname(path) or "." for path in files]) if len(files) > 1 else ""
    if any("/" not in path for path in files):
        common = ""
    return root / common if common else root


def _counted(found: Found, pictures: Pictures) -> Found:
    assert found.table is not None
    found.extracted = extract_table(found.table, found.columns, pictures, None)
    images = found.extracted.images
    images = images[images["archive"] != ""]
    if len(images) > MOST_OPENED:
        ranks = hash_ranks(0, "look", images["image_id"])
        images = images.assign(rank=ranks).sort_values("rank").head(MOST_OPENED)
    if len(images):
        found.opened = len(images)
        digests = digests_of_images(images)
        found.unreadable = images.loc[digests.isna(), "path"].tolist()
        found.repeated = int(digests.dropna().duplicated().sum())
    return found


def images_by_type(extracted: Extracted) -> Counter[str]:
    """Return the number of images of each product type, each image under the first listing that shows it."""
    listings = extracted.listings[["product_type", "image_ids"]].explode("image_ids").dropna()
    return Counter(listings.drop_duplicates("image_ids")["product_type"].tolist())


def relative(text: Any) -> str:
    """Return a text on one line, cut where it is long."""
    line = re.sub(r"\s+", " ", str(text))
    return line if len(line) <= 40 else line[:39] + "…"


def shares(values: pd.Series) -> str:
    """Return the most frequent values with their counts."""
    counts = values.value_counts()
    shown = ", ".join(f"{relative(name)} {count:,}" for name, count in counts.head(5).items())
    return shown + (f", … ({len(counts):,} in all)" if len(counts) > 5 else "")
