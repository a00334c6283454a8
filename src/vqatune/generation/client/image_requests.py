"""Requests about images: the data of one, the data that a run shares, and the rule for retries."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from vqatune.generation.prompts.prompt import Prompt
from vqatune.generation.replies.store import ReplyStore
from vqatune.params import ComputeParams, GenerateParams
from vqatune.runtime.request_display import RequestProgress

MOST_WITHOUT_PAIRS = 50
"""After so many replies without a pair the run ends: the rest would hold none either, and each is paid for."""
_FINAL = ("blocked",)
"""Kinds of replies that a repeated request would get again."""


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """An image to ask about: `load` returns its bytes and its fenced listing, `tries` counts its earlier replies."""

    image_id: str
    product_type: str
    key: bytes
    tries: int
    load: Callable[[], tuple[bytes, str]]


@dataclass(frozen=True)
class RequestPlan:
    """The requests of a run, and all that they share.

    `about` is the JSON of the settings that is stored with every reply (store.StoredReply); `backoff` is the first
    back-off in seconds, `minute` the length of a minute in seconds (tests use shorter ones).
    """

    image_requests: Iterator[ImageRequest]
    progress: RequestProgress
    """Figures of earlier runs, on which this one counts on."""
    prompt: Prompt
    about: str
    params: GenerateParams
    compute: ComputeParams
    store: ReplyStore
    check: Callable[[list[tuple[str, list[dict[str, Any]]]]], int]
    """Takes (image_id, pairs) of some images and returns how many of the pairs pass the checks."""
    backoff: float = 1.0
    minute: float = 60.0


def should_retry(kind: str, tries: int, attempts: int) -> bool:
    """Return whether to repeat a request after so many `tries` without pairs, the last of which failed with `kind`."""
    return kind not in _FINAL and tries < attempts


def no_pairs_message(replies: int, failures: Counter) -> str:
    """Return the error message for a model none of whose replies had a pair; `failures` are counted by kind."""
    most = ", ".join(f"{kind} {count}" for kind, count in failures.most_common(3))
    return (
        f"the first {replies} replies hold no pairs (most often: {most}): look at generate.model, generate.prompt, "
        "generate.reply_format and generate.max_output_tokens"
    )
