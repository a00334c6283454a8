"""Answering in micro-batches, with images preprocessed ahead of the model."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from vqatune.errors import ImageError
from vqatune.inference.answering.answer import Answer
from vqatune.inference.answering.image_input import ImageInput
from vqatune.loading.ragged import Ragged

PREFETCHED_IMAGES = 64
"""The most images that are preprocessed ahead."""

ImageQuestions = tuple[ImageInput, Sequence[Any]]
"""An image and the questions about it."""


@dataclass(frozen=True)
class MicroBatching:
    """How images are preprocessed, grouped into micro-batches, and answered."""

    prepare: Callable[[ImageInput], Ragged]
    """Returns an image, preprocessed, or raises ImageError."""
    answer: Callable[[Ragged, list[Sequence[Any]]], list[Answer]]
    """Returns all answers of a micro-batch, from preprocessed images and each image's questions."""
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
    waiting: list[tuple[Ragged | ImageError, Sequence[Any]]] = []
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
    prepare: Callable[[ImageInput], Ragged], groups: Iterable[Iterable[ImageQuestions]]
) -> Iterator[tuple[Future, Sequence[Any]] | None]:
    """Yield futures of preprocessed images with the image's questions, and None at the end of a group."""

    def prepared(image: ImageInput) -> Ragged | ImageError:
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
    micro_batch: Sequence[tuple[Ragged | ImageError, Sequence[Any]]], batching: MicroBatching
) -> Iterator[list[Answer] | ImageError]:
    opened = [
        (picture, questions)
        for picture, questions in micro_batch
        if not isinstance(picture, ImageError) and questions
    ]
    answers: Iterator[Answer] = iter(())
    if opened:
        pictures = Ragged.joined([picture for picture, _ in opened])
        answers = iter(batching.answer(pictures, [questions for _, questions in opened]))
    for picture, questions in micro_batch:
        yield picture if isinstance(picture, ImageError) else [next(answers) for _ in questions]
