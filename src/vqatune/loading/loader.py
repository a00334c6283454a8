"""Loading of images as tensors: bytes read from the archives by offset, preprocessed ahead of the model."""

import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from vqatune.errors import ImageError, VqatuneError
from vqatune.loading.picture_digests import add_up, digest_content, digest_of_read
from vqatune.loading.ragged import Ragged
from vqatune.loading.reader import ImageReader
from vqatune.runtime.fingerprints import digest_contents


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
    digest: int
    """Of all of its images' bytes, as `ImageReader.digest` returns it."""
    states: Path | None = None
    """The file that caches, or is to cache, the image states; where it exists, pictures is None."""


@dataclass(frozen=True)
class MicroBatchImages(Dataset):
    """The images of a micro-batch by their ids, as a dataset of which any list of ids is an index."""

    reader: ImageReader
    encoder: ImageEncoder
    states: Path | None = None
    """A folder of cached image states by micro-batch; images of a cached micro-batch are not preprocessed."""

    def __getitem__(self, image_ids: list[str]) -> LoadedImages | VqatuneError:
        """Return a micro-batch's images, or an error: raised in a worker process it would lose its type and text."""
        images: dict[int, Image.Image] = {}
        failures: dict[int, ImageError] = {}
        try:
            contents = [self.reader.content(image_id) for image_id in image_ids]
            digests = [digest_content(content) for content in contents]
            digest = add_up(map(digest_of_read, image_ids, digests))
            states = self._states_file(digests)
            if states and states.exists():
                return LoadedImages(None, {}, digest, states)
            for index, image_id in enumerate(image_ids):
                try:
                    images[index] = self.reader.open(image_id, contents[index])
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
        return LoadedImages(pictures, failures, digest, None if failures else states)

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

    def _states_file(self, digests: list[bytes]) -> Path | None:
        # By what was read, so that states of other pictures are never served.
        return self.states and self.states / f"{digest_contents(digests)}.safetensors"


def load_images(
    micro_batches: Iterable[list[str]], images: MicroBatchImages, processes: int, pin: bool = False
) -> Iterator[LoadedImages]:
    """Yield the images of each micro-batch, in order, prefetched while the caller works on earlier ones.

    Args:
        micro_batches: the image_ids of each; a few more than were yielded are taken ahead, in this thread.
        images: reads and preprocesses them.
        processes: number of worker processes, by any start method; 0 for a thread of this process.
        pin: copy images to pinned memory.

    Raises:
        DataError: an image is not in the table.
        ArchiveError: an archive is missing or truncated.
    """
    items: Iterator[LoadedImages | VqatuneError]
    if processes:
        loader = DataLoader(
            images,
            batch_size=None,
            sampler=micro_batches,
            num_workers=processes,
            prefetch_factor=2,
            worker_init_fn=_ignore_signals,
            # Its own, or the loader would draw from the global generator, which training depends on.
            generator=torch.Generator(),
        )
        with _signals_blocked():
            items = iter(loader)
    else:
        items = _prefetch(micro_batches, images)
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


_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block signals, also in the processes that are started: they import for seconds before they can ignore any."""
    if not hasattr(signal, "pthread_sigmask"):
        # Windows.
        yield
        return
    if multiprocessing.get_start_method() != "fork":
        # Python starts this process beside the first one that is not forked, and then lets signals through again.
        resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ignore_signals(number: int) -> None:
    """Ignore signals in a worker: the process that trains or predicts decides when to stop."""
    for which in _SIGNALS:
        signal.signal(which, signal.SIG_IGN)


def _prefetch(
    micro_batches: Iterable[list[str]], images: MicroBatchImages
) -> Iterator[LoadedImages | VqatuneError]:
    with ThreadPoolExecutor(1) as pool:
        upcoming = None
        for image_ids in micro_batches:
            current, upcoming = upcoming, pool.submit(images.__getitem__, image_ids)
            if current is not None:
                yield current.result()
        if upcoming is not None:
            yield upcoming.result()
