"""What a request asks of the model, and what it gets."""

import time
from concurrent.futures import Future
from dataclasses import dataclass, field

from vqatune.inference.answering.answer import Answer, AskedQuestion


class ModelFailed(Exception):
    """The model could not answer what was right to ask; the log has the reason."""


@dataclass(frozen=True)
class Reply:
    """The answers of one request."""

    answers: list[list[Answer]]
    """Of each question, the most probable first."""
    truncated: list[str]
    """Questions that are longer than the model reads."""
    question_tokens: int
    """The tokens of all questions, as they are read."""
    answer_tokens: list[list[int]]
    """Of each question the number of tokens of each answer, without start and end."""
    cut: list[list[bool]]
    """Of each question whether each answer was cut before its end."""


@dataclass(frozen=True, eq=False)
class Job:
    """The questions of one request about one picture, and the future of their reply."""

    picture: bytes
    """The bytes of an image file."""
    questions: tuple[AskedQuestion, ...]
    longest: int | None = None
    """Tokens after which an answer is cut; None for those of the model's settings."""
    reply: "Future[Reply]" = field(default_factory=Future)
    """Cancelled while it waits: it is not computed."""

    arrived: float = field(default_factory=time.monotonic)
    """Seconds of the monotonic clock."""

    @property
    def pairs(self) -> int:
        """The number of (question, answer) pairs that the model computes."""
        return sum(len(asked.choices or (asked.question,)) for asked in self.questions)
