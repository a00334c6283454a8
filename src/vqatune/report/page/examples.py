"""Test images to look at, drawn evenly over the slices, with all their questions and every version's answers."""

import base64
import heapq
from collections import Counter, defaultdict
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from vqatune.errors import DataError
from vqatune.loading.archive import read_bytes
from vqatune.loading.pictures import open_rgb
from vqatune.report.figures.confusion import Cell
from vqatune.report.page.answers import Answers
from vqatune.report.page.wrong_answers import frequent_wrong, pair_cells
from vqatune.tables import IMAGES, PLACE, read_table
from vqatune.tables.hash_ranks import hash_rank

COUNT = 240
"""So many images are shown, or all where the test set has fewer."""
FURTHER = 24
"""At most so many more images are drawn for wrong answers that the others lack."""
WRONG = 60
"""So many wrong answers of a version, its most frequent ones, are to have an image."""
SIZE = 160
"""The longer side of an image that is shown, in pixels."""
QUALITY = 80
"""Of the JPEG."""


def draw_images(pairs: pd.DataFrame, count: int, seed: int) -> list[str]:
    """Draw images so that product types and, within them, difficulties and question types occur equally often.

    Each step takes the product type drawn least so far, of its images those with the kind of question drawn least,
    and of those the one of the lowest rank.

    pairs: image_id, product_type, difficulty, question_type. Returns `count` image ids in the order in which they
    were drawn, or all.
    """
    kinds = pairs["difficulty"].astype(str) + " " + pairs["question_type"].astype(str)
    kinds_of = defaultdict(set)
    for image, kind in zip(pairs["image_id"], kinds, strict=True):
        kinds_of[image].add(kind)
    types = pairs.drop_duplicates("image_id").set_index("image_id")["product_type"].astype(str)
    left = defaultdict(list)
    for image in sorted(types.index, key=lambda image: (hash_rank(seed, "example", image), image)):
        left[types[image]].append(image)
    waiting = [(0, hash_rank(seed, "example type", name), name) for name in left]
    heapq.heapify(waiting)
    seen, drawn = Counter(), []
    while waiting and len(drawn) < count:
        times, tie, name = heapq.heappop(waiting)
        there = {kind for image in left[name] for kind in kinds_of[image]}
        rarest = min(there, key=lambda kind: (seen[kind], hash_rank(seed, "example kind", name, kind)))
        image = next(image for image in left[name] if rarest in kinds_of[image])
        left[name].remove(image)
        drawn.append(image)
        seen.update(kinds_of[image])
        if left[name]:
            heapq.heappush(waiting, (times + 1, tie, name))
    return drawn


def draw_further(images: pd.Series, cells: pd.DataFrame, drawn: Sequence[str], seed: int) -> list[str]:
    """Draw images for the most frequent wrong answers of a version that no image drawn so far has.

    The most frequent comes first; of its images the one of the lowest rank is drawn.

    Args:
        images: the pairs' image_id.
        cells: what pair_cells returns of these pairs.
        drawn: ids.
        seed: of the draw.

    Returns at most FURTHER image ids.
    """
    own = cells.assign(image=images.to_numpy())[~cells["right"]]
    of_cell = own.groupby(list(Cell._fields))["image"].agg(set)
    taken: set[str] = set(drawn)
    further: list[str] = []
    for cell in frequent_wrong(cells, WRONG).index:
        if len(further) == FURTHER:
            break
        if taken.isdisjoint(of_cell[cell]):
            image = min(of_cell[cell], key=lambda name: (hash_rank(seed, "example", name), name))
            taken.add(image)
            further.append(image)
    return further


def thumbnail(content: bytes, size: int = SIZE) -> bytes:
    """Return a small JPEG of an image's bytes; raises ValueError with the reason where they do not open.

    size: of the longer side, in pixels; a smaller image stays as large as it is.
    """
    picture = open_rgb(content)
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    small = BytesIO()
    picture.save(small, "JPEG", quality=QUALITY, optimize=True)
    return small.getvalue()


def example_data(root: Path, answers: Answers, seed: int, version: str, count: int = COUNT) -> dict[str, Any]:
    """Return the examples as JSON can hold them.

    Args:
        root: the checkout of the run.
        answers: to the test set.
        seed: of the draw.
        version: whose most frequent wrong answers are to be among the examples.
        count: so many images are drawn evenly; see draw_images and draw_further.

    Returns:
        versions: their names; texts: every distinct text once; other fields hold indices into this list; images: a dict an
        image (id, item, type, source: a data URI, questions: lists of question, reference, difficulty or None,
        question type or None, the versions' answers, their probabilities in thousandths (None where there is none),
        and which of them are right, a string of 0 and 1); further: how many of them, the last, draw_further drew;
        left_out: a note on the images that do not open.

    Raises:
        DataError: an image has no place in an archive. ArchiveError: the archive is missing or too short.
    """
    pairs = answers.pairs
    drawn = draw_images(pairs, count, seed)
    further = draw_further(pairs["image_id"], pair_cells(answers, version), drawn, seed)
    drawn += further
    places = read_table(root / "data/extracted/images.parquet", IMAGES, PLACE).set_index("image_id")
    lacking = [image for image in drawn if image not in places.index]
    if lacking:
        raise DataError(
            f"{len(lacking)} test images, such as {lacking[0]}, are not in data/extracted/images.parquet: run "
            "`dvc repro` from the stage extract on"
        )
    rows_of = pairs.groupby("image_id", sort=False).indices
    texts = _Texts()
    images, left_out = [], []
    for image in drawn:
        archive, offset, length = places.loc[image, ["archive", "offset", "length"]]
        try:
            small = thumbnail(read_bytes(root / archive, int(offset), int(length)))
        except ValueError as error:
            left_out.append(f"{image} in {archive} at byte {offset}: {error}")
            continue
        rows = rows_of[image]
        images.append(
            {
                "id": image,
                "item": pairs["item_id"].iat[rows[0]],
                "type": pairs["product_type"].iat[rows[0]],
                "source": "data:image/jpeg;base64," + base64.b64encode(small).decode(),
                "questions": [_question(answers, row, texts) for row in rows.tolist()],
            }
        )
    return {
        "versions": answers.versions,
        "texts": texts.all,
        "images": images,
        "further": sum(image["id"] in further for image in images),
        "left_out": left_out,
    }


class _Texts:
    """Gives each distinct text a place, in the order in which they come."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        if text not in self._places:
            self._places[text] = len(self.all)
            self.all.append(text)
        return self._places[text]


def _question(answers: Answers, row: int, texts: _Texts) -> list[Any]:
    pair = answers.pairs.iloc[row]
    return [
        texts.place(pair["question"]),
        texts.place(pair["answer"]),
        None if pd.isna(pair["difficulty"]) else int(pair["difficulty"]),
        None if pd.isna(pair["question_type"]) else texts.place(pair["question_type"]),
        [texts.place(text) for text in answers.texts[row]],
        [None if np.isnan(each) else round(1000 * each) for each in answers.probabilities[row].tolist()],
        "".join("01"[right] for right in answers.right[row].tolist()),
    ]
