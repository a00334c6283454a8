"""The limits of the server: on requests, and on what they ask."""

from dataclasses import dataclass

from vqatune.inference.answering.image_input import MOST_BYTES

PORT = 8000
MOST_HELD_BYTES = 1 << 30
"""Bytes of requests that are held at a time."""
LONGEST_TEXT = 4000
"""Characters of a question or a choice; a model reads 128 tokens of a question."""
MOST_CHOICES = 1000
MOST_BEST = 20
"""The most answers to a question."""


@dataclass(frozen=True)
class Limits:
    """What users may set."""

    seconds: float = 30.0
    """The longest that a request is received, and the longest that it waits for the model."""
    queue: int = 256
    """Requests that wait for the model."""
    questions: int = 64
    """Questions of a request."""
    grace: float = 30.0
    """Seconds in which the server answers what waits when it ends."""
    body: int = MOST_BYTES * 4 // 3 + (1 << 20)
    """Bytes of a request: the largest picture in base64, and what is around it."""
