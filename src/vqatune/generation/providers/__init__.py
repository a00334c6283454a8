"""Providers: ways to have a model write question-answer pairs about images, a module each.

A provider module has

- `INFO`, its `ProviderInfo`: all that other modules need to know of it;
- `connect(params, compute)`, an async context manager that yields `ask(image, metadata, prompt, key) -> raw reply`
  (of a provider of batch jobs: the server of the jobs, gemini_batch.JobServer);
- `parse_reply(reply)`, which turns a raw reply into a `ParsedReply`, so that stored replies are read again without a
  request.

Retries, keys, rate limits, storage and checks are shared, and lie in generation/client, replies and checks. To add a
provider, add a module, and its name to generate.provider in vqatune/params.
"""

import importlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from vqatune.generation.prompts.prompt import Prompt
from vqatune.params import ComputeParams, GenerateParams

Ask = Callable[[bytes, str, Prompt, str], Awaitable[dict[str, Any]]]
"""Sends a request about one image: its bytes, its fenced listing, the prompt, and the API key ('' for none).

Returns the reply's JSON as the server sent it. Raises a ProviderError (providers/errors.py), or ParameterError where
the model or the endpoint is wrong; no message contains the key.
"""


@dataclass(frozen=True)
class ProviderInfo:
    """What other modules need to know of a provider."""

    family: str
    """Stored with every reply: providers of one family reach the same models, and share their replies."""
    key_variable: str | None = None
    """The environment variable of its API key; None where there are no keys."""
    key_file: str | None = None
    """The file, ignored by git, with a key per line."""
    key_required: bool = False
    max_concurrency: int | None = None
    """Requests at once, whatever generate.concurrency says."""
    in_batch_jobs: bool = False
    """Whether requests are sent in batch jobs (client/batch_jobs.py) rather than one by one."""
    runs_model_here: bool = False
    """Whether the model runs on this machine, so that compute.device and compute.precision decide the reply, too."""


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """The content of a raw reply: the model's text, its finish reason ('stop' where complete), and its tokens."""

    text: str
    finish: str
    input_tokens: int = 0
    output_tokens: int = 0


class Provider(Protocol):
    """A module of this package."""

    INFO: ProviderInfo

    def connect(self, params: GenerateParams, compute: ComputeParams) -> AbstractAsyncContextManager[Any]:
        """Yield the function that sends requests, usable while the context lasts."""

    def parse_reply(self, reply: dict[str, Any]) -> ParsedReply:
        """Return the content of a raw reply, which may be any JSON object."""


def load_provider(name: str) -> Provider:
    """Return a provider's module; its SDK is loaded by `connect`."""
    return importlib.import_module(f"{__name__}.{name}")  # type: ignore[return-value]


_signatures = {
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/png": ((0, b"\x89PNG"),),
    "image/webp": ((0, b"RIFF"), (8, b"WEBP")),
}


def mime_type(image: bytes) -> str | None:
    """Return the MIME type by an image's first bytes; None for a format that models do not take."""
    for kind, parts in _signatures.items():
        if all(image[start : start + len(part)] == part for start, part in parts):
            return kind
    return None
