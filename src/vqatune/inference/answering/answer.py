"""Answers with their probabilities, and the checks of questions and choices that users give."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from vqatune.errors import DataError


@dataclass(frozen=True)
class Answer:
    """A version's answer to a question."""

    question: str
    answer: str
    probability: float
    """Of this answer among all texts that the model can generate, from 0 to 1; of a model that only ranks, among the choices."""
    log_probability: float
    """Its natural logarithm."""
    share: float | None = None
    """Where all choices were scored: the answer's share of their total probability."""


@dataclass(frozen=True)
class AskedQuestion:
    """A question, and which answers to it are wanted."""

    question: str
    choices: tuple[str, ...] | None = None
    """The answers to choose from; None for an answer in the model's words."""
    count: int = 1
    """The most answers."""


def make_answer(question: str, text: str, log_probability: float, share: float | None = None) -> Answer:
    """Make an answer, with the probability that its logarithm says."""
    return Answer(question, text, math.exp(log_probability), log_probability, share)


def by_share(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers to one question with their shares, the most probable first; ties keep their order."""
    most = max(answer.log_probability for answer in answers)
    parts = [math.exp(answer.log_probability - most) for answer in answers]
    whole = sum(parts)
    shared = [replace(answer, share=part / whole) for answer, part in zip(answers, parts, strict=True)]
    return sorted(shared, key=lambda answer: -answer.log_probability)


def check_choices(choices: Sequence[str]) -> None:
    """Raise DataError unless there are at least two choices, distinct, not empty, and valid Unicode."""
    for choice in choices:
        if not choice.strip():
            raise DataError("one of the choices is empty: leave it out")
        _check_text("the choice", choice)
    choice, times = Counter(choices).most_common(1)[0] if choices else ("", 0)
    if times > 1:
        raise DataError(f"the choice {choice!r} is there {times} times: name it once")
    if len(choices) < 2:
        raise DataError(
            "a choice needs two answers or more: name them, or none for an answer in the model's words"
        )


def parse_choices(text: str) -> list[str]:
    """Parse choices separated by commas or, where one contains a comma, given as a JSON list.

    Raises DataError where there are fewer than two, or one is empty or repeated.
    """
    choices: Any = [choice.strip() for choice in text.split(",")]
    if text.lstrip().startswith("["):
        wrong = 'the choices start with [ but are no JSON list of texts: write ["one", "two"]'
        try:
            choices = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(wrong) from error
        if not all(isinstance(choice, str) for choice in choices):
            raise DataError(wrong)
    check_choices(choices)
    return choices


def check_question(question: str) -> str:
    """Return the question; raises DataError where it is empty or not valid Unicode."""
    if not question.strip():
        raise DataError("a question is empty: ask something")
    _check_text("the question", question)
    return question


def _check_text(what: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        # Surrogates: from a command line in another encoding, or half of a pair in JSON.
        raise DataError(
            f"{what} {text[:60]!r} has something in it that is no character: write it in UTF-8"
        ) from error
