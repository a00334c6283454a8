"""Images with all their questions, as tensors: bytes read from the tar by position, never unpacked."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from vqatune.errors import DataError, ImageError, VqatuneError
from vqatune.loading.archive import read_bytes
from vqatune.loading.pictures import open_rgb
from vqatune.runtime.fingerprints import digest_contents


class ImageReader:
    """Reads pictures out of the archives that hold them."""

    def __init__(self, places: pd.DataFrame) -> None:
        """Take a table with a row an image: image_id, archive, offset, length."""
        columns = ["archive", "offset", "length"]
        self._places = dict(zip(places["image_id"], places[columns].itertuples(index=False), strict=True))

    def content(self, image_id: str) -> bytes:
        """Return the picture's bytes, as they are in the archive.

        Raises DataError where the image is not in the table, ArchiveError where its archive is missing or cut short.
        """
        if image_id not in self._places:
            raise DataError(
                f"image {image_id} has questions but no place in an archive: run `dvc repro sample`"
            )
        archive, offset, length = self._places[image_id]
        return read_bytes(archive, offset, length)

    def read(self, image_id: str) -> Image.Image:
        """Return the picture in RGB; raises as `content`, and ImageError where its bytes do not open."""
        content = self.content(image_id)
        try:
            return open_rgb(content)
        except ValueError as error:
            archive, offset, _ = self._places[image_id]
            raise ImageError(
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

    def questions(self, texts: list[str]) -> list[list[int]]:
        """Return the questions' token ids, from [ENC] to [SEP]."""
        return self.processor.tokenizer(texts, truncation=True, max_length=self._longest).input_ids

    def answers(self, texts: list[str]) -> list[list[int]]:
        """Return the answers' token ids, from [DEC] to [SEP]."""
        tokenizer = self.processor.tokenizer
        encoded = tokenizer(texts, add_special_tokens=False, truncation=True, max_length=self._longest - 2)
        return [[tokenizer.bos_token_id, *ids, tokenizer.sep_token_id] for ids in encoded.input_ids]

    def decode(self, ids: torch.Tensor) -> list[str]:
        """Return the texts of answer ids, (answers, tokens)."""
        return [text.strip() for text in self.processor.tokenizer.batch_decode(ids, skip_special_tokens=True)]

    # No question or answer of this field comes near it; BLIP's position table ends at 512.
    _longest = 128


@dataclass(frozen=True)
class Loaded:
    """A pass's pictures."""

    pixel_values: torch.Tensor | None
    """(images that open, 3, height, width), float32; None where none does."""
    failures: dict[int, ImageError]
    """Place in the pass → why that picture does not open."""
    kept: Path | None = None
    """Where the vision tower's states of this pass are kept, or to be kept; then pixel_values may be None."""


@dataclass(frozen=True)
class Pictures(Dataset):
    """The pictures of every pass."""

    image_ids: list[list[str]]
    reader: ImageReader
    encoder: Encoder
    states: Path | None = None
    """A folder of vision states by pass; the pictures of a pass that is in it are not prepared."""

    def __len__(self) -> int:
        """How many passes there are."""
        return len(self.image_ids)

    def __getitem__(self, number: int) -> Loaded | VqatuneError:
        """Return a pass's pictures, or the error that came of them: raised in a process it would lose its form."""
        pictures, failures = [], {}
        try:
            kept = self._kept(self.image_ids[number])
            if kept and kept.exists():
                return Loaded(None, {}, kept)
            for place, image_id in enumerate(self.image_ids[number]):
                try:
                    pictures.append(self.reader.read(image_id))
                except ImageError as error:
                    failures[place] = error
        except VqatuneError as error:
            return error
        pixel_values = self.encoder.images(pictures) if pictures else None
        return Loaded(pixel_values, failures, None if failures else kept)

    def _kept(self, image_ids: list[str]) -> Path | None:
        if self.states is None:
            return None
        return self.states / f"{digest_contents(map(self.reader.content, image_ids))}.safetensors"


def load_pictures(pictures: Pictures, processes: int, pin: bool = False) -> Iterator[Loaded]:
    """Yield the pictures of every pass, in order, prepared while the ones before are worked on.

    Args:
        pictures: of all passes.
        processes: how many prepare them; 0 for a thread of this one.
        pin: keep them where a GPU can fetch them from.

    Raises:
        DataError: an archive is missing, or an image is not in the table.
    """
    if processes:
        loader = DataLoader(
            pictures,
            batch_size=None,
            num_workers=processes,
            prefetch_factor=2,
            worker_init_fn=_ignore_signals,
            # Its own, or the loader would take a number from those that training depends on.
            generator=torch.Generator(),
        )
        items = iter(loader)
    else:
        items = _one_ahead(pictures)
    for item in items:
        if isinstance(item, VqatuneError):
            raise item
        if pin and item.pixel_values is not None:
            item = replace(item, pixel_values=item.pixel_values.pin_memory())
        yield item


def _ignore_signals(number: int) -> None:
    """Leave it to the process that trains or predicts to end at a good moment."""
    for which in (signal.SIGTERM, signal.SIGINT):
        signal.signal(which, signal.SIG_IGN)


def _one_ahead(pictures: Pictures) -> Iterator[Loaded | VqatuneError]:
    with ThreadPoolExecutor(1) as ahead:
        upcoming = None
        for number in range(len(pictures)):
            current, upcoming = upcoming, ahead.submit(pictures.__getitem__, number)
            if current is not None:
                yield current.result()
        if upcoming is not None:
            yield upcoming.result()
