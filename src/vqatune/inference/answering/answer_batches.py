"""Answering in micro-batches, with images preprocessed ahead of the model."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from vqatune.errors import ImageError
from vqatune.inference.answering.answer import Answer
from vqatune.inference.answering.image_input import ImageInput

PREFETCHED_IMAGES = 64
"""The most images that are preprocessed ahead."""

ImageQuestions = tuple[ImageInput, Sequence[Any]]
"""An image and the questions about it."""


@dataclass(frozen=True)
class MicroBatching:
    """How images are preprocessed, grouped into micro-batches, and answered."""

    prepare: Callable[[ImageInput], torch.Tensor]
    """Returns an image's pixel values, or raises ImageError."""
    answer: Callable[[torch.Tensor, list[Sequence[Any]]], list[Answer]]
    """Returns all answers of a micro-batch, from pixel values, (images, 3, height, width), and each image's questions."""
    size: Callable[[Sequence[Any]], int]
    """Returns the number of pairs that an image's questions are."""
    images: int
    """The most images in a micro-batch."""
    pairs: int
    """The most pairs in a micro-batch; an image with more forms its own micro-batch."""


def answer_in_micro_batches(
    batching: MicroBatching, groups: Iterable[Iterable[ImageQuestions]]
) -> Generator[list[Answer] | ImageError, None, None]:
    """Yield the answers about each image, in order; its error where an image does not open.

    No micro-batch has images of two groups, so that answers have the same bits whatever groups come before.
    """
    waiting: list[tuple[torch.Tensor | ImageError, Sequence[Any]]] = []
    pairs = 0
    for ready in _prefetch(batching.prepare, groups):
        full = len(waiting) == batching.images
        if waiting and (ready is None or full or pairs + batching.size(ready[1]) > batching.pairs):
            yield from _answer(waiting, batching)
            waiting, pairs = [], 0
        if ready is not None:
            future, questions = ready
            pairs += batching.size(questions)
            waiting.append((future.result(), questions))


def _prefetch(
    prepare: Callable[[ImageInput], torch.Tensor], groups: Iterable[Iterable[ImageQuestions]]
) -> Iterator[tuple[Future, Sequence[Any]] | None]:
    """Yield futures of pixel values with the image's questions, and None at the end of a group."""

    def prepared(image: ImageInput) -> torch.Tensor | ImageError:
        try:
            return prepare(image)
        except ImageError as error:
            return error

    waiting: deque[tuple[Future, Sequence[Any]] | None] = deque()
    # One thread, as the filter of warnings, which is set while an image is opened, is global.
    pool = ThreadPoolExecutor(1)
    try:
        for group in groups:
            for image, questions in group:
                waiting.append((pool.submit(prepared, image), questions))
                while len(waiting) > PREFETCHED_IMAGES:
                    yield waiting.popleft()
            waiting.append(None)
        yield from waiting
    finally:
        pool.shutdown(cancel_futures=True)


def _answer(
    micro_batch: Sequence[tuple[torch.Tensor | ImageError, Sequence[Any]]], batching: MicroBatching
) -> Iterator[list[Answer] | ImageError]:
    opened = [
        (pixels, questions)
        for pixels, questions in micro_batch
        if not isinstance(pixels, ImageError) and questions
    ]
    answers: Iterator[Answer] = iter(())
    if opened:
        pixel_values = torch.stack([pixels for pixels, _ in opened])
        answers = iter(batching.answer(pixel_values, [questions for _, questions in opened]))
    for pixels, questions in micro_batch:
        yield pixels if isinstance(pixels, ImageError) else [next(answers) for _ in questions]
