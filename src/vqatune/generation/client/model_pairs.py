"""Pairs from a model that is asked about every image: what is missing is asked, then every reply is read.

Replies are kept raw and read anew each time, so a changed check or repair reads what was paid for and asks nothing.
"""

import asyncio
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.generation.checks.check_pairs import check_part
from vqatune.generation.client.api_keys import key_mark, read_keys
from vqatune.generation.client.display import Watch
from vqatune.generation.client.jobs import Assignment, Progress, Standing, Subject
from vqatune.generation.client.key_pool import Lane, Lanes
from vqatune.generation.client.rate_limiter import Pace
from vqatune.generation.client.scheduler import Asker
from vqatune.generation.client.usage import Outcome, about_asking
from vqatune.generation.prompts.prompt import fence, load_prompt
from vqatune.generation.providers import Reading, load_provider, mime_type
from vqatune.generation.replies.outcomes import ask_again, kind_of_failure, pairs_of
from vqatune.generation.replies.store import REPLIES, ReplyStore, reply_key
from vqatune.loading.archive import read_bytes
from vqatune.params import ComputeParams, GenerateParams
from vqatune.runtime.interrupt import Interrupts
from vqatune.runtime.live_display import Display
from vqatune.runtime.locks import only_one
from vqatune.runtime.progress import track
from vqatune.tables import write_csv

IMAGES_PER_PART = 500


def asked_parts(
    images: pd.DataFrame,
    params: GenerateParams,
    compute: ComputeParams,
    outcome: Outcome,
    path: Path = REPLIES,
    pause: float = 1.0,
    minute: float = 60.0,
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield the images part by part, in the order of their image_id, each with the pairs that the model wrote.

    `images` has the columns of tables.SAMPLED. The pairs have image_id, place, question, answer, difficulty (Int8, -1
    for one that does not exist), question_type (may be missing) and source (the model's name). `outcome` is filled as
    the parts are taken. `pause` is the first back-off in seconds, `minute` how long a minute is (tests use shorter
    ones).

    Raises ParameterError where there is no key, or the server takes none of them, or not the model; DataError where
    replies cannot be kept; Stopped at a signal. Whatever happens, all replies so far are kept.
    """
    prompt = load_prompt(params.prompt_file or params.prompt, params.reply_format)
    provider = load_provider(params.provider)
    if not images["image_id"].is_monotonic_increasing:
        images = images.sort_values("image_id", kind="stable")
    outcome.about = about_asking(params, compute, prompt)
    with ReplyStore(path) as store:
        keys, missing, standing = _find_missing(images, outcome, params.attempts, provider.read, store)
        if len(missing):
            subjects = _subjects(images, keys, missing)
            check = partial(_count_kept, images, params.model)
            assignment = Assignment(
                subjects, standing, prompt, outcome.about, params, compute, store, check, pause, minute
            )
            # Two runs would pay for the same images.
            running = f"{path}: another run is asking already: wait for it, or stop that process"
            with only_one(path.with_suffix(".lock"), running):
                if params.provider == "batch":
                    # Here, because the others do without.
                    from vqatune.generation.client.batch_jobs import ask_in_batches

                    ask_in_batches(assignment)
                else:
                    _ask_now(assignment)
        reasons = []
        for start in range(0, len(images), IMAGES_PER_PART):
            positions = slice(start, start + IMAGES_PER_PART)
            part = images.iloc[positions]
            pairs, kinds = _read_part(part, keys[positions], params, provider.read, store, outcome)
            reasons += [(name, kind) for name, kind in zip(part["image_id"], kinds, strict=True) if kind]
            yield part, pairs
        outcome.tallies = store.tallies(outcome.about)
    write_csv(pd.DataFrame(reasons, columns=["image_id", "reason"]), path.with_name("set_aside.csv"))


def _find_missing(
    images: pd.DataFrame,
    outcome: Outcome,
    attempts: int,
    read: Callable[[dict[str, Any]], Reading],
    store: ReplyStore,
) -> tuple[list[bytes], pd.Series, Standing]:
    """Return every image's key, in order (b'' for a picture of a kind that no model takes), and those to ask about.

    The latter are int64, by place in the order the number of replies that there are already; images of one key are
    asked about once.
    """
    keys: list[bytes] = []
    # Of a whole catalogue, Python's own numbers would take ten times as much.
    places, tries = array("q"), array("q")
    pairs = input_tokens = output_tokens = 0
    seen: set[bytes] = set()
    starts = range(0, len(images), IMAGES_PER_PART)
    for start in track(starts, "looking for replies", total=len(starts)):
        part = images.iloc[start : start + IMAGES_PER_PART]
        found = [_key(image, outcome.about) for image in part.itertuples(index=False)]
        wanted = sorted({key for key in found if key})
        replies, set_aside = store.load(wanted), store.reasons(wanted, attempts)
        for place, key in enumerate(found, start=start):
            if key in seen:
                outcome.shared.add(key)
            elif key:
                seen.add(key)
                kept = [read(reply) for reply in replies.get(key, [])]
                input_tokens += sum(reading.input_tokens for reading in kept)
                output_tokens += sum(reading.output_tokens for reading in kept)
                if found_pairs := next((len(found.pairs) for found in map(pairs_of, kept) if found.pairs), 0):
                    pairs += found_pairs
                    continue
                if key in set_aside:
                    continue
                if not kept or ask_again(kind_of_failure(kept[-1]), len(kept), attempts):
                    places.append(place)
                    tries.append(len(kept))
        keys += found
    standing = Standing(len(seen), len(seen) - len(places), pairs, input_tokens, output_tokens)
    return keys, pd.Series(tries, index=places, dtype="int64"), standing


def _key(image: Any, about: str) -> bytes:
    content = read_bytes(image.archive, image.offset, image.length)
    return reply_key(content, _fenced(image), about) if mime_type(content) else b""


def _fenced(image: Any) -> str:
    return fence(image.metadata, image.product_type, image.language)


def _load(image: Any) -> tuple[bytes, str]:
    return read_bytes(image.archive, image.offset, image.length), _fenced(image)


def _subjects(images: pd.DataFrame, keys: list[bytes], missing: pd.Series) -> Iterator[Subject]:
    for start in range(0, len(missing), IMAGES_PER_PART):
        some = missing.iloc[start : start + IMAGES_PER_PART]
        rows = images.iloc[some.index].itertuples(index=False)
        for (place, tries), image in zip(some.items(), rows, strict=True):
            yield Subject(image.image_id, image.product_type, keys[place], tries, partial(_load, image))


def _count_kept(images: pd.DataFrame, source: str, replies: list[tuple[str, list[dict[str, Any]]]]) -> int:
    """Return how many of the pairs pass the checks; what they are about is looked up in `images`."""
    pairs = _pair_table([row for image_id, pairs in replies for row in _rows(image_id, pairs)], source)
    about = images[images["image_id"].isin(pairs["image_id"])]
    return int(check_part(pairs, about)["check"].isna().sum()) if len(pairs) else 0


def _ask_now(assignment: Assignment) -> None:
    """Ask one request an image."""
    params = assignment.params
    provider = load_provider(params.provider)
    keys = read_keys(params.provider)

    async def ask_all(display: Display, interrupts: Interrupts) -> Progress:
        lanes = Lanes(
            [Lane(number, key, _pace(key, assignment)) for number, key in enumerate(keys, start=1)],
            # In this process one image is looked at after the other, and one may wait.
            2 if params.provider == "local" else params.concurrency,
            params.attempts,
            display.tell,
            assignment.pause,
            assignment.minute,
        )
        async with provider.opened(params, assignment.compute) as ask:
            watch = Watch(display, params.price)
            return await Asker(assignment, ask, provider.read, lanes).run(watch, interrupts)

    with Interrupts() as interrupts, Display(f"asking {params.model}") as display:
        progress = asyncio.run(ask_all(display, interrupts))
    if interrupts.pending:
        interrupts.stop(f"with replies about {progress.done} of {progress.total} images")


def _pace(key: str, assignment: Assignment) -> Pace:
    """Return the pace of a key, which knows what was sent with it in the last day."""
    return Pace(
        assignment.params.limits,
        assignment.minute,
        assignment.store.sent_before(key_mark(key)) if key else None,
    )


def _read_part(
    part: pd.DataFrame,
    keys: list[bytes],
    params: GenerateParams,
    read: Callable[[dict[str, Any]], Reading],
    store: ReplyStore,
    outcome: Outcome,
) -> tuple[pd.DataFrame, list[str]]:
    """Return the pairs of a part's images, and for each image why it has none ('' where it has)."""
    wanted = sorted({key for key in keys if key})
    replies, set_aside = store.load(wanted), store.reasons(wanted)
    rows: list[tuple] = []
    reasons = []
    for image_id, key in zip(part["image_id"], keys, strict=True):
        readings = [read(reply) for reply in replies.get(key, [])]
        outcome.count(key, readings)
        found = next((found for reading in readings if (found := pairs_of(reading)).pairs), None)
        if found:
            kind, reason = "repaired" if found.repairs else "as_asked", ""
            outcome.repairs.update(found.repairs)
            rows += _rows(image_id, found.pairs)
        elif not key:
            kind = reason = "unsupported image"
        else:
            kind = reason = set_aside.get(key) or (
                kind_of_failure(readings[-1]) if readings else "unanswered"
            )
        outcome.kinds[kind] += 1
        reasons.append(reason)
    return _pair_table(rows, params.model), reasons


def _rows(image_id: str, pairs: list[dict[str, Any]]) -> list[tuple]:
    return [
        (image_id, place, pair["question"], pair["answer"], pair["difficulty"], pair["question_type"])
        for place, pair in enumerate(pairs)
    ]


def _pair_table(rows: list[tuple], source: str | None) -> pd.DataFrame:
    columns = ["image_id", "place", "question", "answer", "difficulty", "question_type"]
    frame = pd.DataFrame(rows, columns=columns).assign(source=source)
    texts = ["image_id", "question", "answer", "question_type", "source"]
    return frame.astype({"place": "int32", "difficulty": "Int8"} | dict.fromkeys(texts, "str"))
