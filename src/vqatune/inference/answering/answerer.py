"""Answering questions about any image with a loaded version.

An image is encoded once for all its questions. An answer and its log-probability are those of the predict stage for
the same image, question and parameters.
"""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import torch

from vqatune.errors import DataError, ImageError
from vqatune.inference.answering.answer import (
    Answer,
    AskedQuestion,
    by_share,
    check_choices,
    check_question,
    make_answer,
)
from vqatune.inference.answering.answer_batches import MicroBatching, answer_in_micro_batches
from vqatune.inference.answering.image_input import ImageInput, open_image
from vqatune.inference.answering.load_version import load_version
from vqatune.inference.prediction.decoding import (
    answer_log_probabilities,
    beam_answers,
    greedy_answers,
    ranked_answers,
)
from vqatune.inference.prediction.ranking import candidate_log_probabilities
from vqatune.loading.ragged import Ragged
from vqatune.models.checkpoint import model_errors
from vqatune.models.device import PRECISIONS, start
from vqatune.models.family import RankingFamily, VisionOptions
from vqatune.models.family_lookup import family_of, generating_family, ranking_family_of
from vqatune.models.packing import PackedBatch, pack_batch, to_device
from vqatune.models.prepare import autocast, prepare_model
from vqatune.models.quantization import check_quantization
from vqatune.params import ComputeParams

_logger = logging.getLogger(__name__)

ChoiceQuestion = tuple[str, Sequence[str]]
"""A question, and the answers to choose from."""


class Answerer:
    """A loaded version that answers questions about any image.

    >>> from vqatune import Answerer
    >>> answerer = Answerer("models/v13")
    >>> for answer in answerer.ask("mug.jpg", ["What colour is it?", "Is it striped?"]):
    ...     print(answer.question, answer.answer, round(answer.probability, 2))
    >>> [best] = answerer.ask("mug.jpg", "What colour is it?", choices=["red", "green", "blue"])
    >>> ranked = answerer.rank("mug.jpg", "What colour is it?", ["red", "green", "blue"])

    A model that only ranks (CLIP, SigLIP, ViLT) needs choices; an answer's probability is its share among them.

    An image is an opened PIL image, the bytes of a file, a path or a URL. Questions are truncated to 128 tokens;
    `too_long` returns the longer ones.
    """

    def __init__(
        self,
        folder: str | Path,
        base: str | Path | None = None,
        compute: ComputeParams | None = None,
        max_answer_tokens: int = 10,
        beams: int = 1,
        images_per_micro_batch: int = 32,
        pairs_per_micro_batch: int = 1280,
    ) -> None:
        """Load a version.

        Args:
            folder: an adapter (models/v13), the base itself (models/base), or what `vqatune export` wrote.
            base: an adapter's base model; None for the folder `base` beside it.
            compute: device, precision and quantization; None for a GPU where there is one, in float32, with torch's number of threads.
            max_answer_tokens: the maximum length of an answer, its end token included.
            beams: of beam search; 1 for greedy search.
            images_per_micro_batch: the most images in a micro-batch.
            pairs_per_micro_batch: the most questions, or (question, choice) pairs, in a micro-batch.

        Raises:
            ModelError: the folder holds no model, or not one of this base.
            ParameterError: the device is absent, or compute.quantization impossible on it.
            MissingExtraError: bitsandbytes, which quantizes, is not installed.
        """
        self.compute = compute or ComputeParams(
            device="auto",
            precision="float32",
            threads=torch.get_num_threads(),
            compile=False,
            loader_processes=0,
        )
        # Keep the caller's random state.
        with torch.random.fork_rng(devices=[]):
            self.device = start(self.compute, 0, "answering")
            check_quantization(self.compute, self.device)
            model, self.encoder = load_version(
                Path(folder),
                None if base is None else Path(base),
                PRECISIONS[self.compute.precision],
                self.compute.quantization,
            )
        self._folder, self._has_done = folder, set[str]()
        prepare_model(model.requires_grad_(False), self.device, self.compute.precision)
        self.model = model.eval()
        self.max_answer_tokens, self.beams = max_answer_tokens, beams
        self.images_per_micro_batch, self.pairs_per_micro_batch = (
            images_per_micro_batch,
            pairs_per_micro_batch,
        )

    def ask(
        self, image: ImageInput, questions: str | Sequence[str], choices: Sequence[str] | None = None
    ) -> list[Answer]:
        """Return the answer to each question about an image; with choices, the most probable of them.

        Raises:
            ImageError: the image is missing, does not open, or is too large.
            DataError: a question or a choice is empty, two choices are the same to the model, or one is not among the labels
                that it answers with.
            ParameterError: there are no choices, and the model only ranks.
        """
        questions = [questions] if isinstance(questions, str) else list(questions)
        [answers] = self.ask_many([(image, questions)], choices)
        if isinstance(answers, ImageError):
            raise answers
        return answers

    def rank(self, image: ImageInput, question: str, choices: Sequence[str]) -> list[Answer]:
        """Return all choices with their shares, the most probable first; ties keep their order.

        Raises as `ask` does.
        """
        self.candidates(choices)
        states = self.states(self.picture(image))
        return self.ranked(states, [[(check_question(question), choices)]])[0]

    def ask_many(
        self, images: Iterable[tuple[ImageInput, Sequence[str]]], choices: Sequence[str] | None = None
    ) -> Iterator[list[Answer] | ImageError]:
        """Yield the answers about each image with its questions, in order; its error where an image does not open.

        Images are opened as they are needed. Raises DataError as `ask` does.
        """
        return self.ask_groups([images], choices)

    def ask_groups(
        self,
        groups: Iterable[Iterable[tuple[ImageInput, Sequence[str]]]],
        choices: Sequence[str] | None = None,
    ) -> Generator[list[Answer] | ImageError, None, None]:
        """Yield what `ask_many` yields for one group after the other, with the same bits.

        The images of the next group are preprocessed while the model works on this one.
        """
        checked = (
            ((image, [check_question(question) for question in questions]) for image, questions in group)
            for group in groups
        )
        if choices is None:
            self.check_generates()
            return answer_in_micro_batches(self._micro_batching(self.generate, len), checked)
        choose = partial(self.choose, self.candidates(choices), choices)
        return answer_in_micro_batches(self._micro_batching(choose, len), checked)

    def choose_groups(
        self, groups: Iterable[Iterable[tuple[ImageInput, Sequence[ChoiceQuestion]]]]
    ) -> Generator[list[Answer] | ImageError, None, None]:
        """Yield, as `ask_groups` does, the most probable answers, where each question has its own choices.

        Choices are not checked: see `check_choices`.
        """

        def best(states: Ragged, questions: Sequence[Sequence[ChoiceQuestion]]) -> list[Answer]:
            return [ranked[0] for ranked in self.ranked(states, questions)]

        return answer_in_micro_batches(self._micro_batching(best, _pairs), groups)

    def check_asked(self, asked: AskedQuestion) -> None:
        """Raise what `ask` raises about a question and its choices."""
        check_question(asked.question)
        if asked.choices is None:
            self.check_generates()
        else:
            self.candidates(asked.choices)

    def check_generates(self) -> None:
        """Raise ParameterError where the model only ranks given answers."""
        generating_family(self.encoder.model_type)

    def distinct(self, choices: Sequence[str]) -> list[str]:
        """Return the choices without those that have the ids of an earlier one, and those that the model cannot give."""
        unlabelled = set(self.encoder.without_label(choices))
        if unlabelled:
            _logger.warning("%s of %s choices are no label of the model", len(unlabelled), len(choices))
            choices = [choice for choice in choices if choice not in unlabelled]
        first: dict[tuple[int, ...], str] = {}
        for ids, choice in zip(self.encoder.answers(list(choices)), choices, strict=True):
            first.setdefault(tuple(ids), choice)
        return list(first.values())

    def too_long(self, questions: Sequence[str]) -> list[str]:
        """Return the questions that are truncated."""
        return self.encoder.too_long(list(questions))

    def picture(self, image: ImageInput) -> Ragged:
        """Return a preprocessed image, on the CPU; raises ImageError."""
        return self.encoder.images([open_image(image)])

    def batch(
        self,
        pictures: Ragged | None,
        counts: Sequence[int],
        questions: Sequence[str],
        answers: Sequence[str] | None = None,
    ) -> PackedBatch:
        """Pack images with their questions into a batch, on the model's device.

        Args:
            pictures: preprocessed images; None where `image_states` will be set.
            counts: the number of questions of each image, at least one.
            questions: image by image.
            answers: one per question, to score given answers.
        """
        ids = dict(zip(questions, self.encoder.questions(list(questions)), strict=True))
        answer_ids = None if answers is None else self.encoder.answers(list(answers))
        return to_device(
            pack_batch(pictures, counts, [ids[text] for text in questions], answer_ids), self.device
        )

    def generate(self, states: Ragged, grouped: Sequence[Sequence[str]]) -> list[Answer]:
        """Return an answer in the model's words to each question, image by image."""

        def generate(batch: PackedBatch) -> Iterable[tuple[str, float]]:
            if self.beams > 1:
                ids, sums = beam_answers(self.model, batch, self.max_answer_tokens, self.beams)
            else:
                ids, sums = greedy_answers(self.model, batch, self.max_answer_tokens)
            return zip(self.encoder.decode(ids), sums.double().tolist(), strict=True)

        questions = [question for group in grouped for question in group]
        results = self.in_micro_batches(generate, states, list(map(len, grouped)), questions)
        return [make_answer(question, *result) for question, result in zip(questions, results, strict=True)]

    def choose(
        self,
        candidates: list[list[int]],
        choices: Sequence[str],
        states: Ragged,
        grouped: Sequence[Sequence[str]],
    ) -> list[Answer]:
        """Return the most probable choice for each question, image by image; `candidates` are the choices' ids."""

        def choose(batch: PackedBatch) -> Iterable[tuple[str, float]]:
            chosen, sums = ranked_answers(self.model, batch, candidates)
            return zip([choices[index] for index in chosen.tolist()], sums.double().tolist(), strict=True)

        questions = [question for group in grouped for question in group]
        results = self.in_micro_batches(choose, states, list(map(len, grouped)), questions)
        return [make_answer(question, *result) for question, result in zip(questions, results, strict=True)]

    def ranked(self, states: Ragged, grouped: Sequence[Sequence[ChoiceQuestion]]) -> list[list[Answer]]:
        """Return all choices of each question with their shares, the most probable first, image by image."""
        if ranking := ranking_family_of(self.model):
            return self._ranked_together(ranking, states, grouped)

        def score(batch: PackedBatch) -> list[float]:
            return answer_log_probabilities(self.model, batch).double().tolist()

        pairs = [(question, choice) for group in grouped for question, choices in group for choice in choices]
        questions, answers = zip(*pairs, strict=True)
        sums = self.in_micro_batches(score, states, list(map(_pairs, grouped)), questions, answers)
        scored = iter(map(make_answer, questions, answers, sums))
        return [by_share([next(scored) for _ in choices]) for group in grouped for _, choices in group]

    def _ranked_together(
        self, family: RankingFamily, states: Ragged, grouped: Sequence[Sequence[ChoiceQuestion]]
    ) -> list[list[Answer]]:
        """Rank by a family whose log-probabilities are over all choices of a question."""
        questions, choices = zip(*(pair for group in grouped for pair in group), strict=True)
        upcoming = iter([self.encoder.answers(list(own)) for own in choices])

        def score(batch: PackedBatch) -> list[list[float]]:
            own = list(islice(upcoming, batch.pairs))
            return candidate_log_probabilities(family, self.model, batch, own).double().tolist()

        found = self.in_micro_batches(score, states, list(map(len, grouped)), questions)
        return [
            by_share([make_answer(question, text, value) for text, value in zip(own, values, strict=False)])
            for question, own, values in zip(questions, choices, found, strict=True)
        ]

    @torch.inference_mode()
    def states(self, pictures: Ragged) -> Ragged:
        """Return the states of preprocessed images, on the model's device."""
        with self._first_time("images"), autocast(self.device, self.compute.precision):
            on_device = pictures.map(lambda tensor: tensor.to(self.device))
            vision_options = VisionOptions(compiled=self.compute.compile)
            return family_of(self.model).encode_images(self.model, on_device, vision_options)

    @torch.inference_mode()
    def in_micro_batches(
        self,
        infer: Callable[[PackedBatch], Iterable[Any]],
        states: Ragged,
        counts: Sequence[int],
        questions: Sequence[str],
        answers: Sequence[str] | None = None,
    ) -> list[Any]:
        """Return the results of `infer` for all pairs, in micro-batches of pairs.

        Args:
            infer: returns a result for each pair of a batch.
            states: of the images.
            counts: the number of pairs of each image, at least one.
            questions: of all pairs, image by image.
            answers: of all pairs, to score given answers.
        """
        owners = [image for image, count in enumerate(counts) for _ in range(count)]
        results: list[Any] = []
        with self._first_time("answers"), autocast(self.device, self.compute.precision):
            for first in range(0, len(owners), self.pairs_per_micro_batch):
                part = slice(first, first + self.pairs_per_micro_batch)
                images = range(owners[part][0], owners[part][-1] + 1)
                own_counts = [owners[part].count(image) for image in images]
                batch = self.batch(None, own_counts, questions[part], answers and answers[part])
                results += infer(replace(batch, image_states=states.select(images.start, images.stop)))
        return results

    @contextmanager
    def _first_time(self, what: str) -> Iterator[None]:
        """Turn an error into a ModelError until the model has once computed: parts of it, or its processor, do not fit."""
        if what in self._has_done:
            yield
            return
        with model_errors(f"{self._folder} cannot compute {what} with what its files say"):
            yield
        self._has_done.add(what)

    def _micro_batching(
        self, answer: Callable[..., list[Answer]], size: Callable[[Sequence[Any]], int]
    ) -> MicroBatching:
        """Return how micro-batches are answered, by a function of the images' states and their questions."""

        def encode_and_answer(pictures: Ragged, grouped: list[Sequence[Any]]) -> list[Answer]:
            return answer(self.states(pictures), grouped)

        return MicroBatching(
            self.picture, encode_and_answer, size, self.images_per_micro_batch, self.pairs_per_micro_batch
        )

    def candidates(self, choices: Sequence[str]) -> list[list[int]]:
        """Return the choices' token ids; raises DataError as `ask` does about choices."""
        check_choices(choices)
        candidates = self.encoder.answers(list(choices))
        # Sorting makes duplicates adjacent.
        order = sorted(range(len(choices)), key=candidates.__getitem__)
        for one, other in pairwise(order):
            if candidates[one] == candidates[other]:
                raise DataError(
                    f"the choices {choices[one]!r} and {choices[other]!r} are the same to the model: leave one out"
                )
        return candidates


def _pairs(questions: Sequence[ChoiceQuestion]) -> int:
    return sum(len(choices) for _, choices in questions)
