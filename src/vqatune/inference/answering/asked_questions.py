"""Answering questions of several kinds about several images at once: an image is encoded once for all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from vqatune.inference.answering.answer import Answer, AskedQuestion, make_answer
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.answering.likeliest import likeliest_answers
from vqatune.loading.ragged import Ragged
from vqatune.models.packing import PackedBatch

_CHOICES = 0


@dataclass(frozen=True)
class ClosedList:
    """The choices of all questions that have none of their own."""

    choices: list[str]
    ids: list[list[int]]
    """Their token ids, made once."""


def make_closed_list(answerer: Answerer, choices: Sequence[str]) -> ClosedList:
    """Return a closed list; raises DataError where two choices are the same to the model."""
    return ClosedList(list(choices), answerer.candidates(choices))


def answer_each(
    answerer: Answerer,
    pictures: Sequence[Ragged],
    asked: Sequence[Sequence[AskedQuestion]],
    closed: ClosedList | None = None,
) -> list[list[list[Answer]]]:
    """Return, for each image, the answers to each of its questions, the most probable first.

    One answer without choices is that of `Answerer.ask`; several are the most probable of all texts that the model can
    write, each once, without blank ones and special tokens.

    Args:
        answerer: of the version.
        pictures: preprocessed images, which go through the model together.
        asked: of each image one question or more, which are not checked: see `Answerer.check_asked`.
        closed: the choices of questions that have none; None for answers in the model's words.
    """
    states = answerer.states(Ragged.joined(pictures))
    answers: list[list[list[Answer]]] = [[[] for _ in group] for group in asked]
    kinds = [[_kind(one, closed is not None) for one in group] for group in asked]
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
        found = iter(answer(answerer, closed, own_states, own_asked))
        for image, own in places.items():
            for place in own:
                answers[image][place] = next(found)[: asked[image][place].count]
    return answers


def _kind(one: AskedQuestion, is_closed: bool) -> int:
    """Return _CHOICES where choices are ranked, or the number of answers to search for."""
    return _CHOICES if one.choices is not None or (is_closed and one.count > 1) else one.count


def _best(
    answerer: Answerer,
    closed: ClosedList | None,
    states: Ragged,
    asked: Sequence[Sequence[AskedQuestion]],
) -> list[list[Answer]]:
    questions = [[one.question for one in group] for group in asked]
    if closed is None:
        return [[answer] for answer in answerer.generate(states, questions)]
    found = answerer.choose(closed.ids, closed.choices, states, questions)
    return [[answer] for answer in found]


def _ranked(
    answerer: Answerer,
    closed: ClosedList | None,
    states: Ragged,
    asked: Sequence[Sequence[AskedQuestion]],
) -> list[list[Answer]]:
    common = () if closed is None else closed.choices
    return answerer.ranked(
        states, [[(one.question, one.choices or common) for one in group] for group in asked]
    )


def _most_probable(
    count: int,
    answerer: Answerer,
    closed: ClosedList | None,
    states: Ragged,
    asked: Sequence[Sequence[AskedQuestion]],
) -> list[list[Answer]]:
    def search(batch: PackedBatch) -> Iterable[list[tuple[str, float]]]:
        return (answers for answers, _ in likeliest_answers(answerer, batch, count))

    questions = [one.question for group in asked for one in group]
    results = answerer.in_micro_batches(search, states, list(map(len, asked)), questions)
    return [
        [make_answer(question, *answer) for answer in found]
        for question, found in zip(questions, results, strict=True)
    ]
