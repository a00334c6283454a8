"""The dataset as others load it: Parquet files with the images in them, a row an image; and the pairs by themselves.

Written part by part, in bounded memory, and the same bytes for the same data.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from vqatune.errors import ArchiveError, DataError
from vqatune.loading.archive import read_bytes
from vqatune.loading.pictures import DECODE_ERRORS, FORMATS
from vqatune.publishing.features import IMAGE, with_features
from vqatune.runtime.progress import track
from vqatune.tables import PAIRS, SAMPLED, read_table, write_table

SPLITS = ("train", "validation", "test")
"""The splits of a dataset, where each has pairs."""
SHARD_BYTES = 400_000_000
"""Images in a Parquet file: files of this size are cheap to send again, and there are few of them."""
_GROUP_BYTES, _GROUP_ROWS = 32_000_000, 1000
"""Images and rows that are written, and read, together."""

_ASKED = ("qa_id", "question", "answer", "difficulty", "question_type", "generator")
IMAGES_CONFIG = pa.schema(
    {
        "image_id": pa.string(),
        "image": IMAGE,
        "item_id": pa.string(),
        "product_type": pa.string(),
        "language": pa.string(),
        "metadata": pa.string(),
        "pairs": pa.list_(pa.struct([PAIRS.field(name) for name in _ASKED])),
    }
)
"""A row an image, with all its questions."""


@dataclass(frozen=True)
class Split:
    """A split of a configuration, as it was written."""

    rows: int
    num_bytes: int
    """In Arrow's memory, once loaded."""
    file_bytes: int


@dataclass(frozen=True)
class Written:
    """The content of a dataset's folder."""

    images: dict[str, Split]
    pairs: dict[str, Split]
    tables: dict[str, pd.DataFrame]
    """Split → its pairs (tables.PAIRS)."""


def write_dataset(folder: Path, root: Path, shard_bytes: int = SHARD_BYTES) -> Written:
    """Write `data/<split>-00000-of-00001.parquet` (IMAGES_CONFIG) and `pairs/<split>.parquet` (tables.PAIRS).

    A validation set without pairs is left out.

    Args:
        folder: empty.
        root: the repository, of which data/train.parquet, validation.parquet, test.parquet, sampled.parquet and the archives are read.
        shard_bytes: images in a file, about.

    Raises:
        DataError: a table is missing or damaged, or they do not belong together.
        ArchiveError: an archive is missing, or is not the one that the tables were made from.
    """
    tables = {split: read_table(root / "data" / f"{split}.parquet", PAIRS) for split in SPLITS}
    if tables["validation"].empty:
        del tables["validation"]
    columns = ["image_id", "language", "metadata", "path", "archive", "offset", "length"]
    sampled = read_table(root / "data" / "sampled.parquet", SAMPLED, columns)
    images, pairs = {}, {}
    for split, table in tables.items():
        listed = _images(table, sampled, split)
        images[split] = _write_images(table, listed, folder / "data", split, root, shard_bytes)
        path = folder / "pairs" / f"{split}.parquet"
        write_table(table, path, PAIRS)
        pairs[split] = Split(len(table), _bytes_in_memory(path), path.stat().st_size)
    return Written(images, pairs, tables)


def _bytes_in_memory(path: Path) -> int:
    # Without Arrow's threads, which may end the process as it exits.
    with pq.ParquetFile(path, pre_buffer=False) as file:
        return file.read(use_threads=False).nbytes


def _images(pairs: pd.DataFrame, sampled: pd.DataFrame, split: str) -> pd.DataFrame:
    """Return a row an image of the pairs, sorted by image_id, with the location of its bytes."""
    asked = pairs[["image_id", "item_id", "product_type"]].drop_duplicates("image_id")
    images = asked.merge(sampled, on="image_id", validate="one_to_one").sort_values(
        "image_id", ignore_index=True
    )
    if images.empty:
        raise DataError(
            f"data/{split}.parquet has no pair about an image of data/sampled.parquet: run `dvc repro split`"
        )
    if len(images) < len(asked):
        unknown = min(set(asked["image_id"]) - set(images["image_id"]))
        raise DataError(
            f"data/{split}.parquet has pairs about images that are not in data/sampled.parquet "
            f"({len(asked) - len(images)}, such as {unknown}): run `dvc repro split`"
        )
    return images


def _write_images(
    pairs: pd.DataFrame, images: pd.DataFrame, folder: Path, split: str, root: Path, shard_bytes: int
) -> Split:
    folder.mkdir(parents=True, exist_ok=True)
    shard = _cut(images["length"], shard_bytes)
    count, loaded, sizes = int(shard[-1]) + 1, 0, 0
    rows = track(_rows(images, pairs, root), f"writing {split}", total=len(images))
    for number in range(count):
        path = folder / f"{split}-{number:05}-of-{count:05}.parquet"
        group = _cut(images.loc[shard == number, "length"], _GROUP_BYTES, _GROUP_ROWS)
        with _writer(path) as writer:
            for size in np.bincount(group):
                table = pa.Table.from_pylist([next(rows) for _ in range(size)], schema=writer.schema)
                writer.write_table(table)
                loaded += table.nbytes
        sizes += path.stat().st_size
    return Split(len(images), loaded, sizes)


def _cut(lengths: pd.Series, most_bytes: int, most_rows: int | None = None) -> np.ndarray:
    """Return the number of the piece that each image goes to, from 0; an image of more bytes has one of its own."""
    pieces, piece, size, rows = [], 0, 0, 0
    for length in lengths:
        if rows and (size + length > most_bytes or rows == most_rows):
            piece, size, rows = piece + 1, 0, 0
        pieces.append(piece)
        size, rows = size + length, rows + 1
    return np.array(pieces)


def _writer(path: Path) -> pq.ParquetWriter:
    # Images are compressed already, and to look for equal ones among them, or for the smallest, would be in vain.
    names = [name for name in IMAGES_CONFIG.names if name not in ("image", "pairs")]
    names += ["image.path", *(f"pairs.list.element.{name}" for name in _ASKED)]
    return pq.ParquetWriter(
        path,
        with_features(IMAGES_CONFIG),
        compression=dict.fromkeys(names, "zstd") | {"image.bytes": "none"},
        use_dictionary=names,
        write_statistics=names,
        # Pages end where the content says, so that a changed dataset shares most of its bytes with the one before.
        use_content_defined_chunking=True,
    )


def _rows(images: pd.DataFrame, pairs: pd.DataFrame, root: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of images that are sorted by image_id, all of which have pairs, and no others have."""
    ordered = pairs.sort_values(["image_id", "qa_id"])[["image_id", *_ASKED]]
    asked = groupby(ordered.itertuples(index=False, name=None), key=itemgetter(0))
    for image, (image_id, listed) in zip(images.itertuples(index=False), asked, strict=True):
        content = read_bytes(root / image.archive, image.offset, image.length)
        _check_picture(content, image)
        yield {
            "image_id": image_id,
            "image": {"bytes": content, "path": image.path},
            "item_id": image.item_id,
            "product_type": image.product_type,
            "language": image.language,
            "metadata": image.metadata,
            "pairs": [dict(zip(_ASKED, map(_or_none, values), strict=True)) for _, *values in listed],
        }


def _or_none(value: Any) -> Any:
    return None if pd.isna(value) else value


def _check_picture(content: bytes, image: Any) -> None:
    # Its first bytes tell an archive that is not the one which was indexed; every image was opened when it was.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.open(BytesIO(content), formats=FORMATS).close()
    except DECODE_ERRORS as error:
        raise ArchiveError(
            f"{image.archive} has no picture at byte {image.offset}, where {image.image_id} should be: it is not the "
            "archive that was indexed; run `dvc checkout`, or `dvc repro extract`"
        ) from error
