"""Loading of images as tensors: bytes read from the archives by offset, preprocessed ahead of the model."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pandas as pd
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from vqatune.errors import DataError, ImageError, VqatuneError
from vqatune.loading.archive import read_bytes
from vqatune.loading.pictures import open_rgb
from vqatune.loading.places import Place, Places
from vqatune.loading.ragged import Ragged
from vqatune.runtime.fingerprints import digest_contents


class ImageReader:
    """Reads images from the archives that hold them."""

    def __init__(self, places: Places | pd.DataFrame) -> None:
        """Take the places of images, or a table of them: image_id, archive, offset, length."""
        self._places = Places([places]) if isinstance(places, pd.DataFrame) else places

    def content(self, image_id: str) -> bytes:
        """Return the image's bytes, as they are in the archive.

        Raises DataError where the image is not in the table, ArchiveError where its archive is missing or truncated.
        """
        place = self._place(image_id)
        return read_bytes(place.archive, place.offset, place.length)

    def read(self, image_id: str) -> Image.Image:
        """Return the image in RGB; raises as `content` does, and ImageError where its bytes do not open."""
        content = self.content(image_id)
        try:
            return open_rgb(content)
        except ValueError as error:
            place = self._place(image_id)
            raise ImageError(
                f"image {image_id} in {place.archive} at byte {place.offset} does not open: {error}"
            ) from error

    def _place(self, image_id: str) -> Place:
        place = self._places.find(image_id)
        if place is None:
            raise DataError(
                f"image {image_id} has questions but no place in an archive: run `dvc repro sample`"
            )
        return place


class ImageEncoder(Protocol):
    """What preprocesses images."""

    def images(self, images: list[Image.Image]) -> Ragged:
        """Return preprocessed images, on the CPU; raises ImageError where the model does not take one of them."""


@dataclass(frozen=True)
class LoadedImages:
    """The images of a micro-batch."""

    pictures: Ragged | None
    """The images that open; None where none does."""
    failures: dict[int, ImageError]
    """Index in the micro-batch → why that image does not open, or is not for this model."""
    states: Path | None = None
    """The file that caches, or is to cache, the image states; where it exists, pictures is None."""


@dataclass(frozen=True)
class MicroBatchImages(Dataset):
    """The images of every micro-batch, as a dataset whose items are micro-batches."""

    image_ids: list[list[str]]
    reader: ImageReader
    encoder: ImageEncoder
    states: Path | None = None
    """A folder of cached image states by micro-batch; images of a cached micro-batch are not preprocessed."""

    def __len__(self) -> int:
        """The number of micro-batches."""
        return len(self.image_ids)

    def __getitem__(self, number: int) -> LoadedImages | VqatuneError:
        """Return a micro-batch's images, or an error: raised in a worker process it would lose its type and text."""
        images: dict[int, Image.Image] = {}
        failures: dict[int, ImageError] = {}
        image_ids = self.image_ids[number]
        try:
            states = self._states_file(image_ids)
            if states and states.exists():
                return LoadedImages(None, {}, states)
            for index, image_id in enumerate(image_ids):
                try:
                    images[index] = self.reader.read(image_id)
                except ImageError as error:
                    failures[index] = error
            try:
                pictures = self.encoder.images(list(images.values())) if images else None
            except ImageError:
                # One of them is not for this model: it fails alone.
                pictures, refused = self._encode_one_by_one(images, image_ids)
                failures |= refused
        except VqatuneError as error:
            return error
        return LoadedImages(pictures, failures, None if failures else states)

    def _encode_one_by_one(
        self, images: dict[int, Image.Image], image_ids: list[str]
    ) -> tuple[Ragged | None, dict[int, ImageError]]:
        encoded, failures = [], {}
        for index, image in images.items():
            try:
                encoded.append(self.encoder.images([image]))
            except ImageError as error:
                error.add_context(f"image {image_ids[index]}")
                failures[index] = error
        return Ragged.joined(encoded) if encoded else None, failures

    def _states_file(self, image_ids: list[str]) -> Path | None:
        if self.states is None:
            return None
        return self.states / f"{digest_contents(map(self.reader.content, image_ids))}.safetensors"


def load_images(images: MicroBatchImages, processes: int, pin: bool = False) -> Iterator[LoadedImages]:
    """Yield the images of each micro-batch, in order, prefetched while the caller works on earlier ones.

    Args:
        images: of all micro-batches.
        processes: number of worker processes; 0 for a thread of this process.
        pin: copy images to pinned memory.

    Raises:
        DataError: an archive is missing, or an image is not in the table.
    """
    if processes:
        loader = DataLoader(
            images,
            batch_size=None,
            num_workers=processes,
            prefetch_factor=2,
            worker_init_fn=_ignore_signals,
            # Its own, or the loader would draw from the global generator, which training depends on.
            generator=torch.Generator(),
        )
        items = iter(loader)
    else:
        items = _prefetch(images)
    try:
        for item in items:
            if isinstance(item, VqatuneError):
                raise item
            if pin and item.pictures is not None:
                item = replace(item, pictures=item.pictures.map(torch.Tensor.pin_memory))
            yield item
    finally:
        # Ends the processes, which Python would wait for at exit as long as an error's traceback refers to the iterator.
        del items


def _ignore_signals(number: int) -> None:
    """Ignore signals in a worker: the process that trains or predicts decides when to stop."""
    for which in (signal.SIGTERM, signal.SIGINT):
        signal.signal(which, signal.SIG_IGN)


def _prefetch(images: MicroBatchImages) -> Iterator[LoadedImages | VqatuneError]:
    with ThreadPoolExecutor(1) as pool:
        upcoming = None
        for number in range(len(images)):
            current, upcoming = upcoming, pool.submit(images.__getitem__, number)
            if current is not None:
                yield current.result()
        if upcoming is not None:
            yield upcoming.result()
