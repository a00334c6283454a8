"""What a version says to a question, and the closed lists that it may choose from."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vqatune.errors import DataError


@dataclass(frozen=True)
class Answer:
    """What a version says to a question."""

    question: str
    answer: str
    probability: float
    """Of this answer among all that the model could write, from 0 to 1."""
    log_probability: float
    """Its natural logarithm."""
    share: float | None = None
    """Where all choices were weighed: the answer's part of their probability; the shares of all add up to 1."""


def make_answer(question: str, text: str, log_probability: float) -> Answer:
    """Return an answer without a share."""
    return Answer(question, text, math.exp(log_probability), log_probability)


def by_share(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers to one question with their shares, the most probable first, of equals the first given."""
    most = max(answer.log_probability for answer in answers)
    parts = [math.exp(answer.log_probability - most) for answer in answers]
    whole = sum(parts)
    shared = [replace(answer, share=part / whole) for answer, part in zip(answers, parts, strict=True)]
    return sorted(shared, key=lambda answer: -answer.log_probability)


def check_choices(choices: Sequence[str]) -> None:
    """Raise DataError unless there are at least two choices, none of them empty, no text, or there twice."""
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


def check_question(question: str) -> str:
    """Return a question; raises DataError where it is empty, or no text."""
    if not question.strip():
        raise DataError("a question is empty: ask something")
    _check_text("the question", question)
    return question


def _check_text(what: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        # Such are the bytes of a command line in another encoding, and halves of pairs in JSON.
        raise DataError(
            f"{what} {text[:60]!r} has something in it that is no character: write it in UTF-8"
        ) from error
