"""What the fake model server was asked: one entry a request, and what can be counted from them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

KINDS_ASKED = frozenset({"generate", "chat", "batch"})
"""Kinds of entries that are about one image each."""


@dataclass(slots=True)
class Entry:
    """A request to the server, or one line of a batch job."""

    time: float
    """When it had come, whole, on the monotonic clock."""
    key: str
    kind: str
    """generate, chat, batch (a line of a job, when that is done), a kind of ModelServer.service_plans, or unknown."""
    image: str = ""
    try_number: int = 0
    """The number, from 1, among the requests about the image that key and quota let in; 0 for one turned away."""
    behaviour: str = ""
    """What the server did; bad_key and quota where the request was turned away."""
    status: int = 0
    """0 as long as nothing was written."""
    input_tokens: int = 0
    output_tokens: int = 0
    accepted: bool = False
    """Whether key and quota let it in."""
    answered: bool = False
    """Whether a whole reply of status 2xx was written to the client."""
    done: float | None = None
    """When the server was through with it; None as long as it is in flight."""
    body: dict | None = None

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class Window(NamedTuple):
    """The most that one key was used in any window of a minute, each maximum for itself."""

    accepted: int
    sent: int
    tokens: int
    """Input tokens of accepted requests."""


def worst_window(entries: Iterable[Entry], seconds: float) -> Window:
    """Return the most in any half-open window of so many seconds."""
    ordered = sorted(entries, key=lambda entry: entry.time)
    accepted = [(entry.time, 1) for entry in ordered if entry.accepted]
    sent = [(entry.time, 1) for entry in ordered]
    tokens = [(entry.time, entry.input_tokens) for entry in ordered if entry.accepted]
    return Window(*(_most(amounts, seconds) for amounts in (accepted, sent, tokens)))


def _most(amounts: list[tuple[float, int]], seconds: float) -> int:
    most = inside = first = 0
    for time, amount in amounts:
        inside += amount
        while amounts[first][0] <= time - seconds:
            inside -= amounts[first][1]
            first += 1
        most = max(most, inside)
    return most
