"""Answering questions of several kinds about several images at once: an image is encoded once for all of them."""

from collections.abc import Iterable, Sequence
from functools import partial

import torch

from vqatune.inference.answering.answer import Answer, AskedQuestion, make_answer
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.answering.top_k import top_k_answers
from vqatune.loading.ragged import Ragged
from vqatune.models.packing import PackedBatch

_CHOICES = 0


def answer_each(
    answerer: Answerer,
    pictures: Sequence[Ragged],
    asked: Sequence[Sequence[AskedQuestion]],
    choices: Sequence[str] | None = None,
) -> list[list[list[Answer]]]:
    """Return, for each image, the answers to each of its questions, the most probable first.

    One answer without choices is that of `Answerer.ask`; several are the most probable of all texts that the model can
    write, each once.

    Args:
        answerer: of the version.
        pictures: preprocessed images, which go through the model together.
        asked: of each image one question or more, which are not checked: see `Answerer.check_asked`.
        choices: for the questions that have none, each distinct to the model; None for answers in its words.
    """
    states = answerer.states(Ragged.joined(pictures))
    answers: list[list[list[Answer]]] = [[[] for _ in group] for group in asked]
    kinds = [[_kind(one, choices is not None) for one in group] for group in asked]
    for kind in sorted({kind for group in kinds for kind in group}):
        places = {
            image: [place for place, own in enumerate(group) if own == kind]
            for image, group in enumerate(kinds)
            if kind in group
        }
        own_states = states
        if len(places) < len(asked):
            own_states = Ragged.joined([states.select(image, image + 1) for image in places])
        own_asked = [[asked[image][place] for place in own] for image, own in places.items()]
        answer = {_CHOICES: _ranked, 1: _best}.get(kind, partial(_most_probable, kind))
        found = iter(answer(answerer, choices, own_states, own_asked))
        for image, own in places.items():
            for place in own:
                answers[image][place] = next(found)[: asked[image][place].count]
    return answers


def _kind(one: AskedQuestion, closed: bool) -> int:
    """Return _CHOICES where choices are ranked, or the number of answers to search for."""
    return _CHOICES if one.choices is not None or (closed and one.count > 1) else one.count


def _best(
    answerer: Answerer,
    choices: Sequence[str] | None,
    states: Ragged,
    asked: Sequence[Sequence[AskedQuestion]],
) -> list[list[Answer]]:
    questions = [[one.question for one in group] for group in asked]
    if choices is None:
        return [[answer] for answer in answerer.generate(states, questions)]
    found = answerer.choose(answerer.candidates(choices), choices, states, questions)
    return [[answer] for answer in found]


def _ranked(
    answerer: Answerer,
    choices: Sequence[str] | None,
    states: Ragged,
    asked: Sequence[Sequence[AskedQuestion]],
) -> list[list[Answer]]:
    return answerer.ranked(
        states, [[(one.question, one.choices or choices or ()) for one in group] for group in asked]
    )


def _most_probable(
    count: int,
    answerer: Answerer,
    choices: Sequence[str] | None,
    states: Ragged,
    asked: Sequence[Sequence[AskedQuestion]],
) -> list[list[Answer]]:
    def text(ids: tuple[int, ...]) -> str:
        return answerer.encoder.decode(torch.tensor([ids]))[0]

    def search(batch: PackedBatch) -> Iterable[list[tuple[str, float]]]:
        for found in top_k_answers(answerer.model, batch, count, answerer.max_answer_tokens, key=text):
            yield list(zip(map(text, found.ids), found.log_probabilities, strict=True))

    questions = [one.question for group in asked for one in group]
    results = answerer.in_micro_batches(search, states, list(map(len, asked)), questions)
    return [
        [make_answer(question, *answer) for answer in found]
        for question, found in zip(questions, results, strict=True)
    ]
