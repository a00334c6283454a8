"""The settings that are stored with every reply, and the usage that metrics/generation.json reports."""

import json
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from vqatune.generation.prompts.prompt import Prompt
from vqatune.generation.providers import ParsedReply, load_provider
from vqatune.params import ComputeParams, GenerateParams, PriceParams


@dataclass
class Usage:
    """Replies, tokens and failures of the images: the source of generation.json and of parts of generate.json."""

    about: str = ""
    """The JSON of `reply_settings`."""
    kinds: Counter = field(default_factory=Counter)
    """Images by kind of reply: as_asked, repaired, or the reason why they have no pairs."""
    repairs: Counter = field(default_factory=Counter)
    replies: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tallies: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """image_id → why it has no pairs."""
    shared: set[bytes] = field(default_factory=set)
    """Reply keys that several images share."""
    _counted: set[bytes] = field(default_factory=set)

    def count(self, key: bytes, parsed_replies: list[ParsedReply]) -> None:
        """Count the replies stored under a key, once for all the images that share it."""
        if key in self._counted:
            return
        if key in self.shared:
            self._counted.add(key)
        self.replies += len(parsed_replies)
        self.input_tokens += sum(parsed.input_tokens for parsed in parsed_replies)
        self.output_tokens += sum(parsed.output_tokens for parsed in parsed_replies)

    @property
    def failed(self) -> int:
        """Images without pairs."""
        return self.kinds.total() - self.kinds["as_asked"] - self.kinds["repaired"]

    def summary(self, price: PriceParams) -> dict[str, Any]:
        """Return the usage of all runs so far; without new requests it stays the same."""
        requests, seconds = int(self.tallies.get("requests", 0)), self.tallies.get("seconds", 0.0)
        failed = "failed: "
        cost = dollars(price, self.input_tokens, self.output_tokens)
        return {
            "images_failed": self.failed,
            "requests": requests,
            "replies": self.replies,
            "failures": {
                name.removeprefix(failed): int(count)
                for name, count in self.tallies.items()
                if name.startswith(failed)
            },
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": None if cost is None else round(cost, 4),
            "seconds": round(seconds, 1),
        }


def dollars(price: PriceParams, input_tokens: int, output_tokens: int) -> float | None:
    """Return the cost of so many tokens in US dollars, None where a price is not known."""
    if price.input is None or price.output is None:
        return None
    return (input_tokens * price.input + output_tokens * price.output) / 1e6


def reply_settings(params: GenerateParams, compute: ComputeParams, prompt: Prompt) -> str:
    """Return the JSON of all settings that determine a reply, apart from the image and its listing."""
    info = load_provider(params.provider).INFO
    schema = sha256(json.dumps(prompt.schema).encode()).hexdigest()[:16]
    about = {
        "provider": info.family,
        "model": params.model,
        "revision": params.revision,
        "prompt": prompt.name,
        "prompt_digest": prompt.digest,
        "reply_format": prompt.form,
        "schema_digest": schema if prompt.form == "schema" else None,
        "temperature": params.temperature,
        "max_output_tokens": params.max_output_tokens,
    }
    if info.runs_model_here:
        # They decide the last digits; what a server runs on is not known.
        about |= {"device": compute.device, "precision": compute.precision, "arithmetic": compute.arithmetic}
    return json.dumps(about, sort_keys=True)
