"""What determines a reply, and what came of asking: what stands with the replies, in the report and in generation.json."""

import json
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from vqatune.generation.client.display import dollars
from vqatune.generation.prompts.prompt import Prompt
from vqatune.generation.providers import Reading
from vqatune.params import ComputeParams, GenerateParams, PriceParams

_FAMILIES = {"gemini_legacy": "gemini", "batch": "gemini"}
"""Ways to the same models: their replies stand for one another."""


@dataclass
class Outcome:
    """What came of asking about the images: what generation.json and the report are made of."""

    about: str = ""
    kinds: Counter = field(default_factory=Counter)
    """Images by what they got: as_asked, repaired, or why they are without pairs."""
    repairs: Counter = field(default_factory=Counter)
    replies: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tallies: dict[str, float] = field(default_factory=dict)
    shared: set[bytes] = field(default_factory=set)
    """The keys that several images have."""
    _counted: set[bytes] = field(default_factory=set)

    def count(self, key: bytes, readings: list[Reading]) -> None:
        """Count the replies to a key, once for all the images that have it."""
        if key in self._counted:
            return
        if key in self.shared:
            self._counted.add(key)
        self.replies += len(readings)
        self.input_tokens += sum(reading.input_tokens for reading in readings)
        self.output_tokens += sum(reading.output_tokens for reading in readings)

    @property
    def failed(self) -> int:
        """Images without pairs."""
        return self.kinds.total() - self.kinds["as_asked"] - self.kinds["repaired"]

    def summary(self, price: PriceParams) -> dict[str, Any]:
        """Return what asking has taken so far, in all runs: the same whenever nothing new is asked."""
        tallies = dict(self.tallies)
        requests, seconds = int(tallies.pop("requests", 0)), tallies.pop("seconds", 0.0)
        cost = dollars(price, self.input_tokens, self.output_tokens)
        return {
            "images_failed": self.failed,
            "requests": requests,
            "replies": self.replies,
            "failures": {name.removeprefix("failed: "): int(count) for name, count in tallies.items()},
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": None if cost is None else round(cost, 4),
            "seconds": round(seconds, 1),
        }


def about_asking(params: GenerateParams, compute: ComputeParams, prompt: Prompt) -> str:
    """Return the JSON of all that determines a reply beside the image and its listing."""
    schema = sha256(json.dumps(prompt.schema).encode()).hexdigest()[:16]
    about = {
        "provider": _FAMILIES.get(params.provider, params.provider),
        "model": params.model,
        "revision": params.revision,
        "prompt": prompt.name,
        "prompt_digest": prompt.digest,
        "reply_format": prompt.form,
        "schema_digest": schema if prompt.form == "schema" else None,
        "temperature": params.temperature,
        "max_output_tokens": params.max_output_tokens,
    }
    if params.provider == "local":
        # A server does not say what it runs on; here it is known, and decides the last digits.
        about |= {"device": compute.device, "precision": compute.precision}
    return json.dumps(about, sort_keys=True)
