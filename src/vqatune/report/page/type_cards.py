"""What was asked of what: for each type of question one picture, a question about it, and the answers to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vqatune.report.page.answers import Answers
from vqatune.report.page.example_links import example_link

MOST = 12
"""So many question types, those with most questions, have a card."""
UNTYPED = 4
"""So many cards there are where no question says its type."""


@dataclass(frozen=True)
class Answer:
    """What a version answers."""

    version: str
    text: str
    right: bool
    share: float
    """Of the questions of the card's type, those that the version answers right."""


@dataclass(frozen=True)
class TypeCard:
    """A question of a type about a picture.

    question_type: None where no question says its type. pairs: so many test questions are of this type. picture: a data
    URI. link: to all examples of the type.
    """

    question_type: str | None
    pairs: int
    product_type: str
    image: str
    picture: str
    question: str
    reference: str
    answers: list[Answer]
    link: str


def type_cards(answers: Answers, examples: Mapping[str, Any], versions: Iterable[str]) -> list[TypeCard]:
    """Return a card for each question type that the examples have, those with most questions first.

    The question is the first of its type among the examples, in the order in which their pictures were drawn by the seed,
    about a picture that no other card has, as far as there are enough.

    Args:
        answers: to the test set.
        examples: what example_data returns.
        versions: names of those whose answers are shown.
    """
    places = [answers.versions.index(name) for name in versions]
    counts = answers.pairs["question_type"].dropna().astype(str).value_counts(sort=False)
    types = sorted(counts.index, key=lambda name: (-counts[name], name))[:MOST]
    cards = []
    taken: set[str] = set()
    for question_type in types or [None] * UNTYPED:
        found = _first(examples, question_type, taken)
        if found is None and question_type is not None:
            found = _first(examples, question_type, set())
        if found is not None:
            image, question = found
            taken.add(image["id"])
            cards.append(_card(answers, examples["texts"], question_type, image, question, places))
    return cards


def _first(
    examples: Mapping[str, Any], question_type: str | None, taken: set[str]
) -> tuple[dict[str, Any], list[Any]] | None:
    """Return a picture and the first question of a type about it."""
    texts = examples["texts"]
    for image in examples["images"]:
        for question in image["questions"]:
            kind = None if question[3] is None else texts[question[3]]
            if kind == question_type and image["id"] not in taken:
                return image, question
    return None


def _card(
    answers: Answers,
    texts: Sequence[str],
    question_type: str | None,
    image: Mapping[str, Any],
    question: Sequence[Any],
    places: Sequence[int],
) -> TypeCard:
    of_type = np.ones(len(answers.pairs), dtype=bool)
    if question_type is not None:
        of_type = (answers.pairs["question_type"] == question_type).fillna(False).to_numpy(dtype=bool)
    shares = answers.right[of_type].mean(axis=0)
    asked, reference, _, _, given, _, right = question
    return TypeCard(
        question_type,
        int(of_type.sum()),
        image["type"],
        image["id"],
        image["source"],
        texts[asked],
        texts[reference],
        [
            Answer(answers.versions[place], texts[given[place]], right[place] == "1", float(shares[place]))
            for place in places
        ],
        example_link({} if question_type is None else {"kind": question_type}),
    )
