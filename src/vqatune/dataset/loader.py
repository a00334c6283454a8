"""Images with all their questions, as tensors: bytes read from the tar by position, never unpacked."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from vqatune.errors import DataError
from vqatune.models.blip import Batch


class ImageReader:
    """Reads pictures out of the archives that hold them."""

    def __init__(self, places: pd.DataFrame) -> None:
        """Take a table with a row an image: image_id, archive, offset, length."""
        columns = ["archive", "offset", "length"]
        self._places = dict(zip(places["image_id"], places[columns].itertuples(index=False), strict=True))

    def read(self, image_id: str) -> Image.Image:
        """Return the picture in RGB.

        Raises DataError where the image is not in the table, its archive is missing, or its bytes do not open.
        """
        if image_id not in self._places:
            raise DataError(
                f"image {image_id} has questions but no place in an archive: run `dvc repro sample`"
            )
        archive, offset, length = self._places[image_id]
        try:
            with Path(archive).open("rb") as file:
                file.seek(offset)
                content = file.read(length)
        except FileNotFoundError as error:
            raise DataError(f"{archive} does not exist: run `dvc repro raw` or `dvc pull`") from error
        try:
            return Image.open(BytesIO(content)).convert("RGB")
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError(
                f"image {image_id} in {archive} at byte {offset} does not open: {error}"
            ) from error


@dataclass(frozen=True)
class Encoder:
    """Turns pictures and texts into tensors as a processor says."""

    processor: Any
    """transformers' BlipProcessor."""

    def images(self, pictures: list[Image.Image]) -> torch.Tensor:
        """Return the pictures as (images, 3, height, width) float32."""
        return self.processor.image_processor(pictures, return_tensors="pt").pixel_values

    def questions(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids and mask, both (questions, tokens), padded to the longest."""
        encoded = self.processor.tokenizer(texts, truncation=True, max_length=self._longest)
        return self._padded(encoded.input_ids)

    def answers(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids from [DEC] to [SEP] and mask, both (answers, tokens), padded to the longest."""
        tokenizer = self.processor.tokenizer
        encoded = tokenizer(texts, add_special_tokens=False, truncation=True, max_length=self._longest - 2)
        first, last = tokenizer.bos_token_id, tokenizer.sep_token_id
        return self._padded([[first, *ids, last] for ids in encoded.input_ids])

    def decode(self, ids: torch.Tensor) -> list[str]:
        """Return the texts of answer ids, (answers, tokens)."""
        return [text.strip() for text in self.processor.tokenizer.batch_decode(ids, skip_special_tokens=True)]

    # No question or answer of this field comes near it; BLIP's position table ends at 512.
    _longest = 128

    def _padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        lengths = torch.tensor([len(row) for row in rows])
        mask = torch.arange(int(lengths.max())) < lengths[:, None]
        ids = torch.full(mask.shape, self.processor.tokenizer.pad_token_id)
        ids[mask] = torch.tensor([identifier for row in rows for identifier in row])
        return ids, mask


def image_groups(pairs: pd.DataFrame) -> list[np.ndarray]:
    """Return the row numbers of each image's pairs, for pairs whose image (and copy) are neighbours."""
    keys = pairs["image_id"].astype(str)
    if "copy" in pairs.columns:
        keys = keys + "\x1f" + pairs["copy"].astype(str)
    starts = np.flatnonzero((keys != keys.shift()).to_numpy())
    return np.split(np.arange(len(pairs)), starts[1:]) if len(pairs) else []


def batches(
    pairs: pd.DataFrame, reader: ImageReader, encoder: Encoder, images_per_step: int, answers: bool
) -> Iterator[tuple[np.ndarray, Batch]]:
    """Yield steps of `images_per_step` images with all their pairs, in the order of the rows.

    Args:
        pairs: tables.PAIRS or tables.BATCH, the pairs of an image (and copy) being neighbours.
        reader: where the pictures are.
        encoder: how they and the texts become tensors.
        images_per_step: the last step may have fewer.
        answers: whether the batches carry the answers (for training).

    Yields:
        The row numbers of the step's pairs and their batch; the next one is made while this one is used.
    """
    groups = image_groups(pairs)
    steps = [groups[start : start + images_per_step] for start in range(0, len(groups), images_per_step)]

    def load(step: list[np.ndarray]) -> tuple[np.ndarray, Batch]:
        rows = np.concatenate(step)
        chosen = pairs.iloc[rows]
        pictures = [reader.read(pairs["image_id"].iloc[group[0]]) for group in step]
        question_ids, question_mask = encoder.questions(chosen["question"].tolist())
        answer_ids, answer_mask = encoder.answers(chosen["answer"].tolist()) if answers else (None, None)
        index = torch.arange(len(step)).repeat_interleave(torch.tensor([len(group) for group in step]))
        return rows, Batch(
            encoder.images(pictures), question_ids, question_mask, index, answer_ids, answer_mask
        )

    with ThreadPoolExecutor(1) as ahead:
        upcoming = None
        for step in steps:
            current, upcoming = upcoming, ahead.submit(load, step)
            if current is not None:
                yield current.result()
        if upcoming is not None:
            yield upcoming.result()
