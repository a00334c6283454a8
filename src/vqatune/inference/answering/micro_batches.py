"""Pictures with their questions in passes of the model: pictures are made ready while the model works on others."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from vqatune.errors import ImageError
from vqatune.inference.answering.answer import Answer
from vqatune.inference.answering.image_input import Picture

PICTURES_AHEAD = 64
"""Pictures that are made ready before they are needed, at most."""

Asked = tuple[Picture, Sequence[Any]]
"""A picture and what is asked about it."""


@dataclass(frozen=True)
class Asking:
    """How pictures are asked about."""

    prepare: Callable[[Picture], torch.Tensor]
    """Makes a picture ready, or raises ImageError."""
    answer: Callable[[torch.Tensor, list[Sequence[Any]]], list[Answer]]
    """All answers about the pictures of a pass, (images, 3, height, width), from what is asked about each."""
    size: Callable[[Sequence[Any]], int]
    """How many pairs what is asked about a picture is."""
    images: int
    """The most pictures in a pass."""
    pairs: int
    """The most pairs in a pass; a picture with more is a pass of its own."""


def ask_in_passes(asking: Asking, groups: Iterable[Iterable[Asked]]) -> Iterator[list[Answer] | ImageError]:
    """Yield the answers about each picture, in order; where a picture does not open, its error.

    No pass has pictures of two groups, so that answers do not depend, to the last digit, on the groups before.
    """
    taken: list[tuple[torch.Tensor | ImageError, Sequence[Any]]] = []
    pairs = 0
    for ready in _ahead(asking.prepare, groups):
        full = ready is None or len(taken) == asking.images
        if taken and (full or pairs + asking.size(ready[1]) > asking.pairs):
            yield from _pass(taken, asking)
            taken, pairs = [], 0
        if ready is not None:
            future, questions = ready
            pairs += asking.size(questions)
            taken.append((future.result(), questions))


def _ahead(
    prepare: Callable[[Picture], torch.Tensor], groups: Iterable[Iterable[Asked]]
) -> Iterator[tuple[Future, Sequence[Any]] | None]:
    """Yield pictures that are being made ready, with their questions, and None where a group ends."""

    def prepared(picture: Picture) -> torch.Tensor | ImageError:
        try:
            return prepare(picture)
        except ImageError as error:
            return error

    waiting: deque[tuple[Future, Sequence[Any]] | None] = deque()
    # One: Python's warnings, which are silenced while a picture is opened, are the same for all threads.
    pool = ThreadPoolExecutor(1)
    try:
        for group in groups:
            for picture, questions in group:
                waiting.append((pool.submit(prepared, picture), questions))
                while len(waiting) > PICTURES_AHEAD:
                    yield waiting.popleft()
            waiting.append(None)
        yield from waiting
    finally:
        pool.shutdown(cancel_futures=True)


def _pass(
    taken: Sequence[tuple[torch.Tensor | ImageError, Sequence[Any]]], asking: Asking
) -> Iterator[list[Answer] | ImageError]:
    seen = [
        (pixels, questions) for pixels, questions in taken if not isinstance(pixels, ImageError) and questions
    ]
    answers = iter(())
    if seen:
        pixel_values = torch.stack([pixels for pixels, _ in seen])
        answers = iter(asking.answer(pixel_values, [questions for _, questions in seen]))
    for pixels, questions in taken:
        yield pixels if isinstance(pixels, ImageError) else [next(answers) for _ in questions]
