"""Images of the test set to pick from, each with its questions and their answers."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd
from PIL import Image

from vqatune.errors import ImageError
from vqatune.loading.pictures import FORMATS
from vqatune.loading.places import read_places
from vqatune.loading.reader import ImageReader
from vqatune.tables import PAIRS, read_table
from vqatune.tables.hash_ranks import hash_rank

PICTURES = 24
"""How many images are offered."""
THUMBNAIL = 160
"""Pixels of a thumbnail's longer side."""
_SEED = 0


@dataclass(frozen=True)
class Example:
    """An image of the test set."""

    image_id: str
    product_type: str
    image: Path
    """A file with the bytes that are in the archive."""
    thumbnail: Path
    answers: dict[str, str]
    """Question → the test set's answer, in the order of difficulty."""

    @property
    def caption(self) -> str:
        """What is in the image, in words."""
        return self.product_type.replace("_", " ").lower()


def pick_examples(data: Path, folder: Path, count: int = PICTURES) -> list[Example]:
    """Return some images of the test set, one of each product type in turn; the same ones every time.

    Args:
        data: the folder with the tables; without a test set in it there are no examples.
        folder: gets the images' files.
        count: how many, if there are so many that open.

    Raises DataError where a table or an archive is damaged or missing.
    """
    if not (data / "test.parquet").exists():
        return []
    pairs = read_table(data / "test.parquet", PAIRS)
    reader = ImageReader(read_places(data / "extracted" / "images.parquet", pairs["image_id"]))
    by_image = {image_id: own for image_id, own in pairs.groupby("image_id", sort=True)}
    examples: list[Example] = []
    for image_id in _in_turn(pairs):
        if len(examples) == count:
            break
        try:
            examples.append(_example(image_id, by_image[image_id], reader, folder))
        except ImageError:
            # An image that does not open has no answers in any version either.
            continue
    return examples


def _in_turn(pairs: pd.DataFrame) -> list[str]:
    """Return the images so that every product type comes once before one comes again."""
    images = pairs[["image_id", "product_type"]].drop_duplicates("image_id")
    images = images.assign(rank=[hash_rank(_SEED, "demo", image_id) for image_id in images["image_id"]])
    images = images.sort_values(["product_type", "rank"])
    images["turn"] = images.groupby("product_type").cumcount()
    return images.sort_values(["turn", "product_type"], kind="stable")["image_id"].tolist()


def _example(image_id: str, own: pd.DataFrame, reader: ImageReader, folder: Path) -> Example:
    content = reader.content(image_id)
    small = reader.read(image_id)
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    # Names of files say nothing about the archive, and no id can lead out of the folder.
    number = f"{hash_rank(_SEED, 'file', image_id):016x}"
    thumbnail = folder / f"{number}-small.jpg"
    if suffix := _suffix(content):
        image = folder / f"{number}{suffix}"
        image.write_bytes(content)
    else:
        image = folder / f"{number}.png"
        reader.read(image_id).save(image)
    small.save(thumbnail, "JPEG", quality=85)
    own = own.sort_values(["difficulty", "question"])
    answers = dict(zip(own["question"], own["answer"], strict=True))
    return Example(image_id, own["product_type"].iloc[0], image, thumbnail, answers)


def _suffix(content: bytes) -> str | None:
    """Return the suffix of a file that browsers show; None where they do not show the format."""
    with Image.open(BytesIO(content), formats=FORMATS) as image:
        form = str(image.format).lower()
    return None if form in ("tiff", "jpeg2000") else f".{form}"
