"""The versions of the demo, a few of them kept loaded, and everything that is shown of an answer."""

import math
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import torch

from vqatune.inference.answering.answerer import Answer, Answerer
from vqatune.inference.answering.attention import attention_rollout, can_be_followed
from vqatune.inference.answering.likeliest import likeliest_answers
from vqatune.inference.answering.settings import Settings, find_versions
from vqatune.models.packing import PackedBatch
from vqatune.models.prepare import autocast

KEPT = 3
"""Versions that stay loaded, the last ones used: two to compare, and one to go back to."""
BEST = 5
"""Answers that are shown with their probability."""


@dataclass(frozen=True)
class Seen:
    """A version's answer to a question, its alternatives, and its attention over the image."""

    version: str
    answer: Answer
    best: list[tuple[str, float]]
    """The most probable answers, texts that differ, with the probability of the likeliest way to write each, without
    blank ones; with predict.mode rank those of the closed list."""
    proven: bool
    """Whether no other answer is more probable than these."""
    looked: np.ndarray | None
    """(rows, columns) of patches that cover the image, float32 of sum 1; None where the attention of such a model is not
    followed."""
    cut: bool = False
    """Whether the question is longer than the model reads, and cut."""


class Versions:
    """The versions in a folder; safe to ask from several threads, of which one at a time is served."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Find the versions; raises ModelError where there are none."""
        self._folders, self._settings = find_versions(folder), settings
        self._loaded: OrderedDict[str, Answerer] = OrderedDict()
        self._lock = Lock()

    @property
    def names(self) -> list[str]:
        """The base first, then v1, v2 …"""
        return list(self._folders)

    def load(self, name: str) -> None:
        """Load a version, unless it is loaded.

        Raises ModelError where it is incomplete, ParameterError where it only ranks, and predict.mode is not rank.
        """
        with self._lock:
            self._answerer(name)

    def ask(self, name: str, image: bytes, question: str) -> Seen:
        """Ask a version about an image's bytes; raises as Answerer.ask does, and as `load`."""
        with self._lock:
            return _see(name, self._answerer(name), image, question, self._settings.choices)

    def _answerer(self, name: str) -> Answerer:
        if name not in self._loaded:
            while len(self._loaded) >= KEPT:
                self._loaded.popitem(last=False)
            answerer = self._settings.open(self._folders[name])
            if self._settings.choices is None:
                answerer.check_generates()
            self._loaded[name] = answerer
        self._loaded.move_to_end(name)
        return self._loaded[name]


@torch.inference_mode()
def _see(name: str, answerer: Answerer, image: bytes, question: str, choices: list[str] | None) -> Seen:
    answer, best, proven = (_of_choices if choices else _in_own_words)(answerer, image, question, choices)
    looked = None
    if can_be_followed(answerer.model):
        [[_, *ids, _]] = answerer.encoder.answers([answer.answer])
        with autocast(answerer.device, answerer.compute.precision):
            looked = attention_rollout(answerer.model, _batch(answerer, image, question), ids).numpy()
    return Seen(name, answer, best, proven, looked, bool(answerer.too_long([question])))


def _in_own_words(
    answerer: Answerer, image: bytes, question: str, choices: None
) -> tuple[Answer, list[tuple[str, float]], bool]:
    [answer] = answerer.ask(image, question)
    with autocast(answerer.device, answerer.compute.precision):
        [(best, proven)] = likeliest_answers(answerer, _batch(answerer, image, question), BEST)
    return answer, [(text, math.exp(value)) for text, value in best], proven


def _of_choices(
    answerer: Answerer, image: bytes, question: str, choices: list[str]
) -> tuple[Answer, list[tuple[str, float]], bool]:
    ranked = answerer.rank(image, question, answerer.distinct(choices))
    return ranked[0], [(answer.answer, answer.probability) for answer in ranked[:BEST]], True


def _batch(answerer: Answerer, image: bytes, question: str) -> PackedBatch:
    return answerer.batch(answerer.picture(image), [1], [question])
