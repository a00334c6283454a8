"""Pairs written by a model: requests are sent for images without a stored reply, then all replies are parsed.

Replies are stored raw and parsed anew in every run, so a changed check or repair needs no new requests.
"""

import asyncio
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.generation.checks.checks import clean_and_check
from vqatune.generation.client.api_keys import key_mark, read_keys
from vqatune.generation.client.image_requests import ImageRequest, RequestPlan, should_retry
from vqatune.generation.client.key_pool import KeyPool, PooledKey
from vqatune.generation.client.rate_limiter import RateLimiter
from vqatune.generation.client.scheduler import Scheduler
from vqatune.generation.client.sent_pictures import as_sent, can_be_sent
from vqatune.generation.client.usage import Usage, dollars, reply_settings
from vqatune.generation.prompts.prompt import fence, load_prompt
from vqatune.generation.providers import ParsedReply, load_provider
from vqatune.generation.replies.parsing import extract_pairs, failure_kind
from vqatune.generation.replies.store import REPLIES, ReplyStore, reply_key
from vqatune.loading.archive import read_bytes
from vqatune.params import ComputeParams, GenerateParams
from vqatune.runtime.interrupt import Interrupts
from vqatune.runtime.live_display import Display
from vqatune.runtime.locks import only_one
from vqatune.runtime.progress import track
from vqatune.runtime.request_display import RequestDisplay, RequestProgress
from vqatune.tables import write_csv

ParseReply = Callable[[dict[str, Any]], ParsedReply]

IMAGES_PER_CHUNK = 500


def model_pairs(
    images: pd.DataFrame,
    params: GenerateParams,
    compute: ComputeParams,
    usage: Usage,
    path: Path = REPLIES,
    backoff: float = 1.0,
    minute: float = 60.0,
    pilot: bool = False,
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield the images in chunks, in the order of their image_id, each with the pairs that the model wrote.

    `images` has the columns of tables.SAMPLED. The pairs have image_id, place (in the reply, from 0), question, answer,
    difficulty (Int8, -1 for an invalid one), question_type (may be missing) and source (the model's name). `usage` is
    filled as the chunks are taken. `path` is the store of replies, beside which set_aside.csv names the images without
    pairs, but those of a `pilot`, whose images are a part of the sample. `backoff` is the first back-off in seconds, `minute`
    the length of a minute in seconds (tests use shorter ones).

    Raises ParameterError where there is no key, the server rejects all of them, or rejects the model; DataError where
    replies cannot be stored; Stopped at a signal. All replies received by then are stored.
    """
    prompt = load_prompt(params.prompt_file or params.prompt, params.reply_format, params.answer_words)
    provider = load_provider(params.provider)
    if not images["image_id"].is_monotonic_increasing:
        images = images.sort_values("image_id", kind="stable")
    usage.about = reply_settings(params, compute, prompt)
    with ReplyStore(path) as store:
        found = find_missing(images, usage, params.attempts, provider.parse_reply, store)
        keys, progress = found.keys, found.progress
        if len(found.missing):
            image_requests = _image_requests(images, keys, found.missing)
            check = partial(_count_kept, images, params.model, params.answer_words)
            plan = RequestPlan(
                image_requests, progress, prompt, usage.about, params, compute, store, check, backoff, minute
            )
            # Two runs would pay for the same images.
            running = f"{path}: another run is asking already: wait for it, or stop that process"
            with only_one(path.with_suffix(".lock"), running):
                if provider.INFO.in_batch_jobs:
                    # Imported here because the other providers do without.
                    from vqatune.generation.client.batch_jobs import run_batch_jobs

                    run_batch_jobs(plan)
                else:
                    _run_requests(plan)
        for start in range(0, len(images), IMAGES_PER_CHUNK):
            positions = slice(start, start + IMAGES_PER_CHUNK)
            chunk = images.iloc[positions]
            pairs, kinds = _parse_chunk(chunk, keys[positions], params, provider.parse_reply, store, usage)
            usage.reasons |= {name: kind for name, kind in zip(chunk["image_id"], kinds, strict=True) if kind}
            yield chunk, pairs
        usage.tallies = store.tallies(usage.about)
    if not pilot:
        set_aside = pd.DataFrame(usage.reasons.items(), columns=["image_id", "reason"])
        write_csv(set_aside, path.with_name("set_aside.csv"))


@dataclass(frozen=True)
class FoundReplies:
    """The stored replies of some images, and what is missing."""

    keys: list[bytes]
    """Each image's reply key, b'' for a format that no model takes."""
    missing: pd.Series
    """The images to request: by their position among the images, the number of their earlier replies (int64)."""
    progress: RequestProgress
    """Images in all and done, by distinct keys; pairs and tokens of all replies."""
    replied: int
    """Distinct keys with a reply, whatever it holds."""
    replies: int


def find_missing(
    images: pd.DataFrame,
    usage: Usage,
    attempts: int,
    parse_reply: ParseReply,
    store: ReplyStore,
) -> FoundReplies:
    """Return which images have replies, and which are to be requested; images that share a key are requested once.

    `images` has the columns of tables.SAMPLED, `usage` the settings of the replies; its `shared` is filled.
    """
    keys: list[bytes] = []
    # For a whole catalogue, lists of Python integers would take ten times as much memory.
    places, tries = array("q"), array("q")
    pairs = input_tokens = output_tokens = replied = replies_in_all = 0
    seen: set[bytes] = set()
    starts = range(0, len(images), IMAGES_PER_CHUNK)
    for start in track(starts, "looking for replies", total=len(starts)):
        chunk = images.iloc[start : start + IMAGES_PER_CHUNK]
        found = [image_key(image, usage.about) for image in chunk.itertuples(index=False)]
        wanted = sorted({key for key in found if key})
        replies, set_aside = store.load(wanted), store.reasons(wanted, attempts)
        for place, key in enumerate(found, start=start):
            if key in seen:
                usage.shared.add(key)
            elif key:
                seen.add(key)
                kept = [parse_reply(reply) for reply in replies.get(key, [])]
                replied, replies_in_all = replied + bool(kept), replies_in_all + len(kept)
                input_tokens += sum(parsed.input_tokens for parsed in kept)
                output_tokens += sum(parsed.output_tokens for parsed in kept)
                if found_pairs := next(
                    (len(found.pairs) for found in map(extract_pairs, kept) if found.pairs), 0
                ):
                    pairs += found_pairs
                    continue
                if key in set_aside:
                    continue
                if not kept or should_retry(failure_kind(kept[-1]), len(kept), attempts):
                    places.append(place)
                    tries.append(len(kept))
        keys += found
    progress = RequestProgress(len(seen), len(seen) - len(places), pairs, input_tokens, output_tokens)
    missing = pd.Series(tries, index=places, dtype="int64")
    return FoundReplies(keys, missing, progress, replied, replies_in_all)


def image_key(image: Any, about: str) -> bytes:
    """Return the reply key of an image (a row of tables.SAMPLED), b'' for a format that no model takes."""
    content = read_bytes(image.archive, image.offset, image.length)
    return reply_key(content, _fenced(image), about) if can_be_sent(content) else b""


def _fenced(image: Any) -> str:
    return fence(image.metadata, image.product_type, image.language)


def _load(image: Any) -> tuple[bytes, str]:
    return as_sent(read_bytes(image.archive, image.offset, image.length)), _fenced(image)


def _image_requests(images: pd.DataFrame, keys: list[bytes], missing: pd.Series) -> Iterator[ImageRequest]:
    for start in range(0, len(missing), IMAGES_PER_CHUNK):
        some = missing.iloc[start : start + IMAGES_PER_CHUNK]
        rows = images.iloc[some.index].itertuples(index=False)
        for (place, tries), image in zip(some.items(), rows, strict=True):
            yield ImageRequest(image.image_id, image.product_type, keys[place], tries, partial(_load, image))


def _count_kept(
    images: pd.DataFrame,
    source: str,
    answer_words: int | None,
    replies: list[tuple[str, list[dict[str, Any]]]],
) -> int:
    """Return how many of the pairs pass the checks; their listings are looked up in `images`."""
    pairs = pair_table([row for image_id, pairs in replies for row in pair_rows(image_id, pairs)], source)
    about = images[images["image_id"].isin(pairs["image_id"])]
    return int(clean_and_check(pairs, about, answer_words)["check"].isna().sum()) if len(pairs) else 0


def _run_requests(plan: RequestPlan) -> None:
    """Send one request per image."""
    params = plan.params
    provider = load_provider(params.provider)
    keys = read_keys(params.provider)

    async def run(display: Display, interrupts: Interrupts) -> RequestProgress:
        key_pool = KeyPool(
            [PooledKey(number, key, _rate_limiter_of(key, plan)) for number, key in enumerate(keys, start=1)],
            min(params.concurrency, provider.INFO.max_concurrency or params.concurrency),
            params.attempts,
            display.print_line,
            plan.backoff,
            plan.minute,
        )
        async with provider.connect(params, plan.compute) as ask:
            watch = RequestDisplay(display, partial(dollars, params.price))
            return await Scheduler(plan, ask, provider.parse_reply, key_pool).run(watch, interrupts)

    with Interrupts() as interrupts, Display(f"asking {params.model}") as display:
        progress = asyncio.run(run(display, interrupts))
    if interrupts.pending:
        interrupts.stop(f"with replies about {progress.done} of {progress.total} images")


def _rate_limiter_of(key: str, plan: RequestPlan) -> RateLimiter:
    """Return the rate limiter of a key, which counts the requests sent with it in the last day."""
    return RateLimiter(
        plan.params.limits,
        plan.minute,
        plan.store.sent_before(key_mark(key)) if key else None,
    )


def _parse_chunk(
    chunk: pd.DataFrame,
    keys: list[bytes],
    params: GenerateParams,
    parse_reply: ParseReply,
    store: ReplyStore,
    usage: Usage,
) -> tuple[pd.DataFrame, list[str]]:
    """Return the pairs of a chunk's images, and for each image the reason why it has none ('' where it has)."""
    wanted = sorted({key for key in keys if key})
    replies, set_aside = store.load(wanted), store.reasons(wanted)
    rows: list[tuple] = []
    reasons = []
    for image_id, key in zip(chunk["image_id"], keys, strict=True):
        parsed_replies = [parse_reply(reply) for reply in replies.get(key, [])]
        usage.count(key, parsed_replies)
        found = next((found for parsed in parsed_replies if (found := extract_pairs(parsed)).pairs), None)
        if found:
            kind, reason = "repaired" if found.repairs else "as_asked", ""
            usage.repairs.update(found.repairs)
            rows += pair_rows(image_id, found.pairs)
        elif not key:
            kind = reason = "unsupported image"
        else:
            kind = reason = set_aside.get(key) or (
                failure_kind(parsed_replies[-1]) if parsed_replies else "unanswered"
            )
        usage.kinds[kind] += 1
        reasons.append(reason)
    return pair_table(rows, params.model), reasons


def pair_rows(image_id: str, pairs: list[dict[str, Any]]) -> list[tuple]:
    """Return the rows of `pair_table` of the pairs of a reply."""
    return [
        (image_id, place, pair["question"], pair["answer"], pair["difficulty"], pair["question_type"])
        for place, pair in enumerate(pairs)
    ]


def pair_table(rows: list[tuple], source: str | None) -> pd.DataFrame:
    """Return the pairs of a model as `model_pairs` gives them."""
    columns = ["image_id", "place", "question", "answer", "difficulty", "question_type"]
    frame = pd.DataFrame(rows, columns=columns).assign(source=source)
    texts = ["image_id", "question", "answer", "question_type", "source"]
    return frame.astype({"place": "int32", "difficulty": "Int8"} | dict.fromkeys(texts, "str"))
