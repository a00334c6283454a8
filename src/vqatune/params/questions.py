"""The parameters of generate: where the question-answer pairs come from."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from vqatune.params.section import Count, Fraction, Positive, Section, WatchedPath

_MOST_SHARDS = 1000


class LimitsParams(Section):
    """What a key may ask, where it is known beforehand; null is learned from the server."""

    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    requests_per_day: Positive | None = None


class PriceParams(Section):
    """US dollars per million tokens."""

    input: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    output: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class GenerateParams(Section):
    """Where the question-answer pairs come from; what only models that are asked need may be left out."""

    provider: Literal["template", "recorded", "gemini", "gemini_legacy", "gemini_batch", "openai", "local"]
    path: WatchedPath
    model: str | None = None
    revision: str | None = None
    prompt: str = "varied-v1"
    prompt_file: WatchedPath = None
    reply_format: Literal["schema", "json", "text"] = "schema"
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_output_tokens: Count = 8192
    shard: str | None = None
    endpoint: str | None = None
    timeout_seconds: Positive = 120
    attempts: Count = 6
    max_failed: Fraction = 0.01
    # The SDKs' HTTP clients open no more than 100 connections.
    concurrency: Annotated[int, Field(ge=1, le=100)] = 16
    limits: LimitsParams = LimitsParams()
    price: PriceParams = PriceParams()

    @model_validator(mode="after")
    def _needs_of_the_provider(self) -> "GenerateParams":
        if self.provider == "recorded" and not self.path:
            raise ValueError(
                "provider is 'recorded', so path must name the file, folder or tar with the pairs"
            )
        if self.provider not in ("recorded", "template") and not self.model:
            raise ValueError(f"provider is {self.provider!r}, so model must name the model to ask")
        if self.provider == "openai" and not self.endpoint:
            raise ValueError(
                "provider is 'openai', so endpoint must be the server's URL, such as http://localhost:11434/v1"
            )
        return self

    @field_validator("provider", mode="before")
    @classmethod
    def _is_not_renamed(cls, value: object) -> object:
        if value == "batch":
            raise ValueError("'batch' is now called 'gemini_batch'")
        return value

    @field_validator("prompt")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if value.endswith(".md"):
            raise ValueError(f"{value!r} is a file: name a prompt of your own by generate.prompt_file")
        return value

    @field_validator("shard")
    @classmethod
    def _one_of_several(cls, value: str | None) -> str | None:
        found = re.fullmatch("([1-9][0-9]*)/([1-9][0-9]*)", "1/1" if value is None else value)
        if not found or not int(found[1]) <= int(found[2]) <= _MOST_SHARDS:
            raise ValueError(
                f"{value!r} is no share of the work, which is 1/3, 2/3 or 3/3 where three share it"
            )
        return value

    @field_validator("endpoint")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(
            r"https?://[\w.-]+(:\d+)?(/\S*)?|https?://\[[0-9a-fA-F:]+\](:\d+)?(/\S*)?", value
        ):
            raise ValueError(f"{value!r} is no URL, which starts with http:// or https:// and a host")
        return value
