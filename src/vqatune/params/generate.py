"""The parameters of generate: the source of the question-answer pairs."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from vqatune.params.section import Count, Fraction, NonNegative, Positive, Section, WatchedPath

_MOST_SHARDS = 1000


class LimitsParams(Section):
    """Rate limits of a key."""

    REQUIRED: ClassVar[tuple[str, ...] | None] = ()

    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    requests_per_day: Positive | None = None


class PriceParams(Section):
    """US dollars per million tokens."""

    REQUIRED: ClassVar[tuple[str, ...] | None] = ()

    input: NonNegative | None = None
    output: NonNegative | None = None


class PairColumnsParams(Section):
    """The columns of recorded pairs in a table."""

    REQUIRED: ClassVar[tuple[str, ...] | None] = ()

    image: str | None = None
    question: str | None = None
    answer: str | None = None
    difficulty: str | None = None


class GenerateParams(Section):
    """The source of the question-answer pairs. Parameters that only models need may be left out."""

    REQUIRED: ClassVar[tuple[str, ...] | None] = ("provider", "path")

    provider: Literal[
        "template", "recorded", "gemini", "gemini_legacy", "gemini_batch", "openai", "local"
    ] = Field(
        "template",
        description="template: pairs made from the metadata; recorded: pairs read from path. The others ask a model "
        "about every image: gemini: Google's, through google-genai; gemini_legacy: through google-generativeai, "
        "which is no longer supported; gemini_batch: Gemini's batch API, at half the price, within a day; openai: "
        "any OpenAI-compatible server (Ollama, vLLM, llama.cpp); local: a model of the Hugging Face Hub or a "
        "folder, in this process. Gemini's keys come from the environment variable GEMINI_API_KEY or the file "
        ".gemini-key, never from here.",
    )
    path: WatchedPath = Field(
        "data/unset/generate.path",
        description="With provider recorded: a table with a row a pair (CSV, JSON Lines, Parquet, …), JSON with the "
        "pairs of each image, or a folder or tar of one JSON file per image, which DVC watches. "
        "data/unset/generate.path: not set (DVC fails on null).",
    )
    columns: PairColumnsParams = Field(
        PairColumnsParams(),
        description="With provider recorded and a table: the columns. null: the first of common names.",
    )
    attributes: list[str] = Field(
        [],
        description="With provider template: the fields of the metadata that are asked for by their names, their first value "
        "being the answer, as for a museum: type, subject, material, place, … (docs/museum.md lists them). []: what "
        "can be seen of a product, by its words for colours, patterns, materials and the like.",
    )
    model: str | None = Field(
        "gemini-3.5-flash-lite",
        description="The model to ask. This and all that follows is for providers that ask a model. Another model, "
        "revision, prompt, reply format, temperature or output limit queries every image again.",
    )
    revision: str | None = Field(
        None, description="With provider local: the model's revision on the Hub. null: the newest."
    )
    prompt: str = Field(
        "varied-v1",
        description="varied-v1: at least 15 pairs an image; graded-v1: five pairs, of difficulty 0, 1, 2, 3 and 5.",
    )
    prompt_file: WatchedPath = Field(
        "data/unset/generate.prompt_file",
        description="A prompt of your own, used instead of prompt: the path of an .md file, which DVC watches. "
        "data/unset/generate.prompt_file: not set (DVC fails on null).",
    )
    answer_words: Count | None = Field(
        1,
        description="Maximum number of words of an answer, in pairs of any provider; prompts ask for it. null: any length. "
        "With more than 1, see to predict.max_answer_tokens.",
    )
    reviews: WatchedPath = Field(
        "data/unset/generate.reviews",
        description="The CSV of reviewed pairs that `vqatune review` writes, of any provider; DVC watches it. Wrong pairs are "
        "dropped, mended ones replaced. data/unset/generate.reviews: not set (DVC fails on null).",
    )
    reply_format: Literal["schema", "json", "text"] = Field(
        "schema",
        description="schema: JSON, which the server validates against a schema; json: JSON without a schema; text: "
        "free text. Provider local always asks for text.",
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        None,
        description="Sampling temperature. null: the model's default (with local: greedy decoding). "
        "gemini-3.5-flash-lite and models from 3.6 on ignore any other.",
    )
    max_output_tokens: Count = Field(
        8192,
        description="Maximum length of a reply, including a model's thoughts; a truncated reply loses its last pairs.",
    )
    shard: str | None = Field(
        None,
        description='"1/3": only the product types in the first of three shards, to share the work among three '
        "people.",
    )
    endpoint: str | None = Field(
        None,
        description="URL of a proxy, or of a server that speaks the same protocol; null: Google's.",
    )
    timeout_seconds: Positive = Field(120, description="Timeout of a request.")
    attempts: Count = Field(
        6,
        description="Maximum number of requests about an image that gets no reply, or one without pairs; then the "
        "image is set aside.",
    )
    max_failed: Fraction = Field(
        0.01,
        description="If a larger share of the images is set aside, the stage fails at the end; replies are kept.",
    )
    # The SDKs' HTTP clients open no more than 100 connections.
    concurrency: Annotated[int, Field(ge=1, le=100)] = Field(
        16,
        description="Maximum number of concurrent requests; fewer at the start, and while the server fails.",
    )
    limits: LimitsParams = Field(
        LimitsParams(),
        description="Rate limits of a key, where you know them; null: learned from the server's refusals.",
    )
    price: PriceParams = Field(
        PriceParams(),
        description="US dollars per million tokens, to show the cost (with gemini_batch: the price of batch jobs). "
        "null: not shown.",
    )

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
