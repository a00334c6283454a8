"""What a model is to be asked about, and how far that has come: plain data between those who ask and those who watch."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from vqatune.generation.client.key_pool import Lanes
from vqatune.generation.prompts.prompt import Prompt
from vqatune.generation.replies.store import ReplyStore
from vqatune.params import ComputeParams, GenerateParams


@dataclass(frozen=True, slots=True)
class Subject:
    """An image to ask about: `load` returns its bytes and its fenced listing, `tries` are the replies it has already."""

    image_id: str
    product_type: str
    key: bytes
    tries: int
    load: Callable[[], tuple[bytes, str]]


@dataclass(frozen=True)
class Standing:
    """Where asking stands when it begins: images in all, those done in earlier runs, their pairs and tokens."""

    total: int
    done: int = 0
    pairs: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True)
class Assignment:
    """What is to be asked, how, and where replies go.

    `about` is what stands with every reply on record (store.StoredReply); `pause` is the first back-off in seconds,
    and `minute` how long a minute is (tests take shorter ones).
    """

    subjects: Iterator[Subject]
    standing: Standing
    prompt: Prompt
    about: str
    params: GenerateParams
    compute: ComputeParams
    store: ReplyStore
    check: Callable[[list[tuple[str, list[dict[str, Any]]]]], int]
    """Returns how many pairs pass the checks, of some images' (image_id, pairs)."""
    pause: float = 1.0
    minute: float = 60.0


@dataclass
class Progress:
    """What has been asked and answered, for whoever watches; images, pairs and tokens are those of all runs."""

    standing: Standing
    lanes: Lanes
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    pairs: int = 0
    checked: int = 0
    kept: int = 0
    """Of the pairs of this run, those that were checked, and those that passed."""
    replies: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    failures: Counter = field(default_factory=Counter)
    """Requests that brought no pairs, by kind."""
    set_aside: dict[bytes, str] = field(default_factory=dict)
    """By the image's key, why it is without pairs."""

    def __post_init__(self) -> None:
        before = self.standing
        self.done, self.pairs = before.done, before.pairs
        self.input_tokens, self.output_tokens = before.input_tokens, before.output_tokens

    @property
    def total(self) -> int:
        """Images that there are to ask about, in all."""
        return self.standing.total

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return self.lanes.in_flight

    @property
    def seconds(self) -> float:
        """Seconds since asking began."""
        return time.monotonic() - self.began
