"""Models that are asked about pictures, behind one small interface; a module each.

A provider module has two functions:

- `opened(params, compute)`, an async context manager that gives `ask(image, metadata, prompt, key) -> raw reply`;
- `read(reply)`, which says what a raw reply holds, so that stored replies can be read again without asking.

Everything else (retries, keys, limits, storage, checks) is shared and lies outside.
"""

import importlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from vqatune.generation.prompts.prompt import Prompt
from vqatune.params import ComputeParams, GenerateParams

Ask = Callable[[bytes, str, Prompt, str], Awaitable[dict[str, Any]]]
"""Asks about one image: its bytes, its fenced listing, the prompt, and the key ('' for none).

Returns the reply's JSON as it came. Raises one of the failures of questions/failures.py, or ParameterError where the
model or the endpoint is wrong; no message holds the key.
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a raw reply holds: the model's text, why it ended ('stop' if by itself), and the tokens it took."""

    text: str
    finish: str
    input_tokens: int = 0
    output_tokens: int = 0


class Provider(Protocol):
    """A module of this package."""

    def opened(self, params: GenerateParams, compute: ComputeParams) -> AbstractAsyncContextManager[Ask]:
        """Give the function that asks, for as long as the context lasts."""

    def read(self, reply: dict[str, Any]) -> Reading:
        """Return what a raw reply holds, whatever JSON object it is."""


MODULES = {
    "gemini": "gemini",
    "gemini_legacy": "gemini_legacy",
    "openai": "openai",
    "local": "local",
    "batch": "gemini",
}
"""The module of each provider that asks a model (the others, template and recorded, ask nobody)."""


def load_provider(name: str) -> Provider:
    """Return the module of a provider; its SDK is loaded with it."""
    return importlib.import_module(f"{__name__}.{MODULES[name]}")  # type: ignore[return-value]


_signatures = {
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/png": ((0, b"\x89PNG"),),
    "image/webp": ((0, b"RIFF"), (8, b"WEBP")),
}


def mime_type(image: bytes) -> str | None:
    """Return the type that a picture's first bytes tell; None for one that the models do not take."""
    for kind, parts in _signatures.items():
        if all(image[start : start + len(part)] == part for start, part in parts):
            return kind
    return None
