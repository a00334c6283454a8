"""A version of the model that answers questions about pictures: loaded once, asked as often as one likes.

An image is encoded once for all that is asked about it. An answer and its log-probability are those that prediction
gives for the same picture, question and parameters.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from vqatune.errors import DataError, ImageError
from vqatune.inference.answering.answer import Answer, by_share, check_choices, check_question, make_answer
from vqatune.inference.answering.image_input import Picture, open_picture
from vqatune.inference.answering.load_version import load_version
from vqatune.inference.answering.micro_batches import Asking, ask_in_passes
from vqatune.inference.decoding import answer_log_probabilities, beam_answers, greedy_answers, ranked_answers
from vqatune.loading.loader import Encoder
from vqatune.models.device import autocast, place, start
from vqatune.models.families.blip import Tower, encode_images
from vqatune.models.packing import Batch, make_batch, to
from vqatune.params import ComputeParams

Choosing = tuple[str, Sequence[str]]
"""A question, and the answers to choose from."""


class Answerer:
    """A version, loaded, that answers questions about any picture.

    >>> from vqatune import Answerer
    >>> answerer = Answerer("models/v13")
    >>> for answer in answerer.ask("mug.jpg", ["What colour is it?", "Is it striped?"]):
    ...     print(answer.question, answer.answer, round(answer.probability, 2))
    >>> [best] = answerer.ask("mug.jpg", "What colour is it?", choices=["red", "green", "blue"])
    >>> ranked = answerer.rank("mug.jpg", "What colour is it?", ["red", "green", "blue"])

    A picture is an opened PIL image, the bytes of a file, a path or a URL. What a question has beyond 128 tokens is
    not read; `too_long` says which ones have.
    """

    def __init__(
        self,
        folder: str | Path,
        base: str | Path | None = None,
        compute: ComputeParams | None = None,
        max_answer_tokens: int = 10,
        beams: int = 1,
        images_per_pass: int = 32,
        pairs_per_pass: int = 1280,
    ) -> None:
        """Load a version.

        Args:
            folder: an adapter (models/v13), the base itself (models/base), or what `vqatune export` wrote.
            base: an adapter's base model; None for the folder `base` beside it.
            compute: what it runs on; None for a GPU where there is one, in float32, with as many threads as torch has.
            max_answer_tokens: the longest answer, its end included.
            beams: of the search for an answer; 1 takes the likeliest word each time.
            images_per_pass: the most images that the model takes at once.
            pairs_per_pass: the most questions, or questions with a choice each, that it takes at once.

        Raises:
            ModelError: the folder holds no model, or not one of this base.
            ParameterError: the device is absent.
        """
        self.compute = compute or ComputeParams(
            device="auto",
            precision="float32",
            threads=torch.get_num_threads(),
            compile=False,
            loader_processes=0,
        )
        # The random numbers of whoever asks stay as they are.
        with torch.random.fork_rng(devices=[]):
            self.device = start(self.compute, 0, "answering")
            model, processor = load_version(Path(folder), None if base is None else Path(base))
        place(model.requires_grad_(False), self.device, self.compute.precision)
        self.model = model.eval()
        self.encoder = Encoder(processor)
        self.max_answer_tokens, self.beams = max_answer_tokens, beams
        self.images_per_pass, self.pairs_per_pass = images_per_pass, pairs_per_pass

    def ask(
        self, picture: Picture, questions: str | Sequence[str], choices: Sequence[str] | None = None
    ) -> list[Answer]:
        """Return the answer to each question about a picture; with choices, the most probable of them.

        Raises:
            ImageError: the picture is missing, does not open, or is too large.
            DataError: a question or a choice is empty, or two choices are the same to the model.
        """
        asked = [questions] if isinstance(questions, str) else list(questions)
        [answers] = self.ask_many([(picture, asked)], choices)
        if isinstance(answers, ImageError):
            raise answers
        return answers

    def rank(self, picture: Picture, question: str, choices: Sequence[str]) -> list[Answer]:
        """Return all choices, the most probable first (of equals the first given), each with its share.

        Raises as `ask` does.
        """
        self._candidates(choices)
        return self._ranked(self.pixels(picture)[None], [[(check_question(question), choices)]])[0]

    def ask_many(
        self, asked: Iterable[tuple[Picture, Sequence[str]]], choices: Sequence[str] | None = None
    ) -> Iterator[list[Answer] | ImageError]:
        """Yield the answers about each picture, in order; where a picture does not open, its error.

        Pictures are opened as they are needed. Raises DataError as `ask` does.
        """
        return self.ask_groups([asked], choices)

    def ask_groups(
        self,
        groups: Iterable[Iterable[tuple[Picture, Sequence[str]]]],
        choices: Sequence[str] | None = None,
    ) -> Iterator[list[Answer] | ImageError]:
        """Yield what `ask_many` yields for one group after the other, to the last digit.

        While the model works on a group the pictures of the next are made ready.
        """
        checked = (
            ((picture, [check_question(question) for question in questions]) for picture, questions in group)
            for group in groups
        )
        if choices is None:
            return ask_in_passes(self._asking(self._written, len), checked)
        chosen = partial(self._chosen, self._candidates(choices), choices)
        return ask_in_passes(self._asking(chosen, len), checked)

    def choose_groups(
        self, groups: Iterable[Iterable[tuple[Picture, Sequence[Choosing]]]]
    ) -> Iterator[list[Answer] | ImageError]:
        """Yield, as `ask_groups` does, the most probable answer where each question has choices of its own.

        Choices are taken as they are: `check_choices` says what is wrong with some.
        """

        def best(pixel_values: torch.Tensor, asked: Sequence[Sequence[Choosing]]) -> list[Answer]:
            return [ranked[0] for ranked in self._ranked(pixel_values, asked)]

        return ask_in_passes(self._asking(best, _pairs), groups)

    def distinct(self, choices: Sequence[str]) -> list[str]:
        """Return the choices without those that the tokenizer writes like one before."""
        first: dict[tuple[int, ...], str] = {}
        for ids, choice in zip(self.encoder.answers(list(choices)), choices, strict=True):
            first.setdefault(tuple(ids), choice)
        return list(first.values())

    def too_long(self, questions: Sequence[str]) -> list[str]:
        """Return the questions that have more tokens than are read."""
        read = self.encoder.questions(list(questions))
        whole = self.encoder.processor.tokenizer(list(questions)).input_ids
        each = zip(questions, whole, read, strict=True)
        return [question for question, ids, cut in each if len(ids) > len(cut)]

    def pixels(self, picture: Picture) -> torch.Tensor:
        """Return a picture as the model takes it: (3, height, width), float32, on the CPU; raises ImageError."""
        return self.encoder.images([open_picture(picture)])[0]

    def batch(
        self,
        pixel_values: torch.Tensor | None,
        counts: Sequence[int],
        questions: Sequence[str],
        answers: Sequence[str] | None = None,
    ) -> Batch:
        """Return pictures with their questions as a batch of models/ragged.py, on the model's device.

        Args:
            pixel_values: (images, 3, height, width), float32; None where what they are encoded as is put in.
            counts: how many questions each image has, at least one.
            questions: image by image.
            answers: one a question, for what is computed of given answers.
        """
        ids = dict(zip(questions, self.encoder.questions(list(questions)), strict=True))
        given = None if answers is None else self.encoder.answers(list(answers))
        return to(make_batch(pixel_values, counts, [ids[text] for text in questions], given), self.device)

    def _written(self, pixel_values: torch.Tensor, asked: Sequence[Sequence[str]]) -> list[Answer]:
        def write(batch: Batch) -> Iterable[tuple[str, float]]:
            if self.beams > 1:
                ids, sums = beam_answers(self.model, batch, self.max_answer_tokens, self.beams)
            else:
                ids, sums = greedy_answers(self.model, batch, self.max_answer_tokens)
            return zip(self.encoder.decode(ids), sums.double().tolist(), strict=True)

        questions = [question for group in asked for question in group]
        found = self._through(write, pixel_values, list(map(len, asked)), questions)
        return [make_answer(question, *said) for question, said in zip(questions, found, strict=True)]

    def _chosen(
        self,
        candidates: list[list[int]],
        choices: Sequence[str],
        pixel_values: torch.Tensor,
        asked: Sequence[Sequence[str]],
    ) -> list[Answer]:
        def choose(batch: Batch) -> Iterable[tuple[str, float]]:
            chosen, sums = ranked_answers(self.model, batch, candidates)
            return zip([choices[place] for place in chosen.tolist()], sums.double().tolist(), strict=True)

        questions = [question for group in asked for question in group]
        found = self._through(choose, pixel_values, list(map(len, asked)), questions)
        return [make_answer(question, *said) for question, said in zip(questions, found, strict=True)]

    def _ranked(self, pixel_values: torch.Tensor, asked: Sequence[Sequence[Choosing]]) -> list[list[Answer]]:
        def weigh(batch: Batch) -> list[float]:
            return answer_log_probabilities(self.model, batch).double().tolist()

        pairs = [(question, choice) for group in asked for question, choices in group for choice in choices]
        questions, answers = zip(*pairs, strict=True)
        sums = self._through(weigh, pixel_values, list(map(_pairs, asked)), questions, answers)
        weighed = iter(map(make_answer, questions, answers, sums))
        return [by_share([next(weighed) for _ in choices]) for group in asked for _, choices in group]

    @torch.inference_mode()
    def _through(
        self,
        work: Callable[[Batch], Iterable[Any]],
        pixel_values: torch.Tensor,
        counts: Sequence[int],
        questions: Sequence[str],
        answers: Sequence[str] | None = None,
    ) -> list[Any]:
        """Return what `work` makes of all pairs, in batches of no more than there may be, of images encoded once."""
        owners = [image for image, count in enumerate(counts) for _ in range(count)]
        results: list[Any] = []
        with autocast(self.device, self.compute.precision):
            tower = Tower(compiled=self.compute.compile)
            states = encode_images(self.model, pixel_values.to(self.device), tower)
            for begin in range(0, len(owners), self.pairs_per_pass):
                here = slice(begin, begin + self.pairs_per_pass)
                images = range(owners[here][0], owners[here][-1] + 1)
                shown = [owners[here].count(image) for image in images]
                batch = self.batch(None, shown, questions[here], answers and answers[here])
                results += work(replace(batch, image_states=states[images.start : images.stop]))
        return results

    def _asking(self, answer: Callable[..., list[Answer]], size: Callable[[Sequence[Any]], int]) -> Asking:
        return Asking(self.pixels, answer, size, self.images_per_pass, self.pairs_per_pass)

    def _candidates(self, choices: Sequence[str]) -> list[list[int]]:
        check_choices(choices)
        candidates = self.encoder.answers(list(choices))
        # Sorted, those that are alike are neighbours.
        order = sorted(range(len(choices)), key=candidates.__getitem__)
        for one, other in pairwise(order):
            if candidates[one] == candidates[other]:
                raise DataError(
                    f"the choices {choices[one]!r} and {choices[other]!r} are the same to the model: leave one out"
                )
        return candidates


def _pairs(asked: Sequence[Choosing]) -> int:
    return sum(len(choices) for _, choices in asked)
