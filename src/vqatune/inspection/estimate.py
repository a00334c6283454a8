"""What the replies that are missing will take: requests, tokens, dollars and hours.

The figures of a request are those of the replies in the store (a pilot's, for example) or, where there are none, assumed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vqatune.errors import ParameterError
from vqatune.generation.client.model_pairs import FoundReplies, find_missing
from vqatune.generation.client.rate_limiter import SHARE
from vqatune.generation.client.usage import Usage, dollars, reply_settings
from vqatune.generation.generate import in_shard
from vqatune.generation.prompts.prompt import Prompt, fence, load_prompt
from vqatune.generation.providers import load_provider
from vqatune.generation.replies.store import REPLIES, ReplyStore
from vqatune.params import ComputeParams, GenerateParams, PriceParams

CHARACTERS_A_TOKEN = 4
"""Of English text, as Google's documentation has it."""
TOKENS_AN_IMAGE = 1100
"""Assumed: what servers take for an image is from a few hundred to a few thousand tokens."""
CHARACTERS_A_PAIR = 125
"""Of JSON: the mean of 118,170 pairs that Gemini wrote about products."""
PAIRS_AN_IMAGE = {"varied-v1": 15, "graded-v1": 5}
"""What the prompts of the package ask for; one of your own is assumed to ask for 15."""
SECONDS_A_REPLY = 8.0
"""Assumed, until replies have been timed."""
BATCH_HOURS = 24.0
"""A batch job takes up to a day."""
_SHARES_REPLIES = {"gemini": "gemini_batch", "gemini_batch": "gemini", "gemini_legacy": "gemini_batch"}
"""The provider that gives the same replies at another price: a batch job costs half."""
_GEMINI = {"gemini", "gemini_batch", "gemini_legacy"}


@dataclass(frozen=True)
class RequestFigures:
    """The means of what one image takes; `images` of them were counted, none where the figures are assumed."""

    images: int
    requests: float
    input_tokens: float
    output_tokens: float
    seconds: float
    """From a request to its reply."""
    timed: int
    """Replies of which the seconds were measured; none: they are assumed."""


@dataclass(frozen=True)
class Estimate:
    """What the missing images will take from one provider."""

    provider: str
    model: str
    images: int
    requests: int
    input_tokens: int
    output_tokens: int
    dollars: float | None
    """None where the price is not known."""
    hours: float
    held_by: str
    """What the hours come from: the limit that holds the run back, or the time of the replies."""


@dataclass(frozen=True)
class Estimates:
    """What the missing images will take, from the chosen provider first, and what the estimates come from."""

    images: int
    """Of the sample (of the shard, where there is one) that can be sent; those with the same request count once."""
    figures: RequestFigures
    by_provider: list[Estimate]


def as_asked(
    params: GenerateParams, provider: str | None, model: str | None, price: Sequence[float] | None
) -> GenerateParams:
    """Return the parameters with another provider, model or price, each where it is given.

    price: US dollars per million input and output tokens. generate.price is that of generate's own provider and model:
    for a batch job in the place of a single request it is halved, for another model it is not known.
    """
    provider = provider or params.provider
    model = model or params.model
    if price is not None:
        known = PriceParams(input=price[0], output=price[1])
    elif model != params.model:
        known = PriceParams()
    elif provider == params.provider:
        known = params.price
    else:
        known = _price_at(provider, params)
    return params.model_copy(update={"provider": provider, "model": model, "price": known})


def estimate(
    sampled: pd.DataFrame, params: GenerateParams, compute: ComputeParams, path: Path = REPLIES
) -> Estimates:
    """Return what asking about the images without a stored reply will take.

    Args:
        sampled: the columns of tables.SAMPLED.
        params: whose provider asks a model; the price is that of the provider.
        compute: decides the replies of provider local.
        path: the store of replies.

    Raises ParameterError where no model is asked, or the prompt does not exist; DataError where the store is damaged.
    """
    if params.provider in ("template", "recorded"):
        raise ParameterError(
            f"generate.provider is {params.provider!r}, which asks no model: nothing is paid for. To see the price of a "
            "model, name one: vqatune estimate --provider gemini --model NAME"
        )
    images = sampled[in_shard(sampled["product_type"], params.shard)] if params.shard else sampled
    images = images.sort_values("image_id", kind="stable")
    prompt = load_prompt(params.prompt_file or params.prompt, params.reply_format, params.answer_words)
    provider = load_provider(params.provider)
    usage = Usage(about=reply_settings(params, compute, prompt))
    with ReplyStore(path) as store:
        found = find_missing(images, usage, params.attempts, provider.parse_reply, store)
        tallies = store.tallies(usage.about)
        replies, keys = store.totals().get(usage.about, (0, 0))
    missing = images.iloc[found.missing.index]
    figures = _figures(found, tallies, replies, keys, missing if len(missing) else images, prompt)
    estimates = [_estimate(params, figures, len(missing))]
    if other := _SHARES_REPLIES.get(params.provider):
        changed = {"provider": other, "price": _price_at(other, params)}
        estimates.append(_estimate(params.model_copy(update=changed), figures, len(missing)))
    return Estimates(found.progress.total, figures, estimates)


def _figures(
    found: FoundReplies,
    tallies: dict[str, float],
    replies: int,
    keys: int,
    missing: pd.DataFrame,
    prompt: Prompt,
) -> RequestFigures:
    timed = int(tallies.get("timed replies", 0))
    seconds = tallies.get("reply seconds", 0.0) / timed if timed else SECONDS_A_REPLY
    if found.replied and (found.progress.input_tokens or found.progress.output_tokens):
        # Replies from other machines have no requests on record here.
        sent = max(tallies.get("requests", 0.0), replies) / keys
        tokens = (found.progress.input_tokens / found.replied, found.progress.output_tokens / found.replied)
        return RequestFigures(found.replied, sent, *tokens, seconds, timed)
    listings = [
        len(fence(image.metadata, image.product_type, image.language))
        for image in missing.itertuples(index=False)
    ]
    listing = sum(listings) / len(listings) if listings else 0.0
    inputs = (len(prompt.text) + listing) / CHARACTERS_A_TOKEN + TOKENS_AN_IMAGE
    outputs = PAIRS_AN_IMAGE.get(prompt.name, 15) * CHARACTERS_A_PAIR / CHARACTERS_A_TOKEN
    return RequestFigures(0, 1.0, inputs, outputs, seconds, timed)


def _estimate(params: GenerateParams, each: RequestFigures, missing: int) -> Estimate:
    requests = math.ceil(missing * each.requests)
    tokens = round(missing * each.input_tokens), round(missing * each.output_tokens)
    hours, held_by = _hours(params, each, requests, tokens[0])
    return Estimate(
        params.provider,
        str(params.model),
        missing,
        requests,
        *tokens,
        dollars(params.price, *tokens),
        hours,
        held_by,
    )


def _hours(
    params: GenerateParams, each: RequestFigures, requests: int, input_tokens: int
) -> tuple[float, str]:
    """Return the hours, and what they come from.

    Keys stand in for one another, so the limits per minute are those of one key.
    """
    info = load_provider(params.provider).INFO
    if info.in_batch_jobs:
        return (BATCH_HOURS if requests else 0.0), "batch jobs take up to a day"
    at_once = min(params.concurrency, info.max_concurrency or params.concurrency)
    limits = params.limits
    held = {
        f"{at_once} requests at once, {each.seconds:.1f} s each": requests * each.seconds / at_once / 3600
    }
    if limits.requests_per_minute:
        held["generate.limits.requests_per_minute"] = requests / (limits.requests_per_minute * SHARE) / 60
    if limits.tokens_per_minute:
        held["generate.limits.tokens_per_minute"] = input_tokens / (limits.tokens_per_minute * SHARE) / 60
    slowest = max(held, key=lambda name: held[name])
    if limits.requests_per_day and requests > limits.requests_per_day:
        # Every full day's requests but the last are followed by a wait until that day is over.
        days = math.ceil(requests / limits.requests_per_day) - 1
        rest = requests - days * limits.requests_per_day
        return 24 * days + held[slowest] * rest / requests, "generate.limits.requests_per_day"
    return held[slowest], slowest


def _price_at(provider: str, params: GenerateParams) -> PriceParams:
    """Return the price of the same model at another provider, unknown where it is not Gemini's at both."""
    if not {provider, params.provider} <= _GEMINI:
        return PriceParams()
    was, is_now = params.provider == "gemini_batch", provider == "gemini_batch"
    factor = 2.0 ** (was - is_now)
    return PriceParams(
        input=None if params.price.input is None else params.price.input * factor,
        output=None if params.price.output is None else params.price.output * factor,
    )
