"""The pairs of one generator: of stored replies (a model and a prompt), of the tables of generate, or of a file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.checks.checks import clean_and_check
from vqatune.generation.client.model_pairs import image_key, pair_rows, pair_table
from vqatune.generation.providers import load_provider
from vqatune.generation.replies.parsing import extract_pairs
from vqatune.generation.replies.store import REPLIES, ReplyStore
from vqatune.generation.sources.pairs_of_images import pairs_of_images
from vqatune.generation.sources.recorded import read_recorded
from vqatune.params import GenerateParams, PriceParams
from vqatune.tables import CHECKED, PAIRS, read_table

_AT_ONCE = 500


@dataclass(frozen=True)
class Generator:
    """The pairs of a generator, checked by themselves, and what they took."""

    name: str
    images: pd.Index
    """The image_ids that it was asked about, or has pairs of."""
    checked: pd.DataFrame
    """The columns of tables.CHECKED."""
    tokens: pd.DataFrame | None
    """By image_id: input_tokens and output_tokens of all its replies; None where no model was asked here."""
    price: PriceParams


def load_generator(
    name: str,
    sampled: pd.DataFrame,
    params: GenerateParams,
    price: Sequence[float] | None,
    path: Path = REPLIES,
) -> Generator:
    """Return a generator's pairs about the sampled images.

    Args:
        name: a file of recorded pairs; a model, a prompt, or a model and a prompt of stored replies; or a generator in the
            tables of the stage generate.
        sampled: the columns of tables.SAMPLED.
        params: the checks' parameters; the price, where the model is its own.
        price: US dollars per million input and output tokens, None for that of `params`.
        path: the store of replies.

    Raises DataError where there is no such generator, or several.
    """
    sampled = sampled.sort_values("image_id", kind="stable")
    given = None if price is None else PriceParams(input=price[0], output=price[1])
    if Path(name).exists():
        pairs, _ = pairs_of_images(read_recorded(name), sampled)
        return _of_pairs(name, pairs.assign(source=name), sampled, params, given)
    abouts = _stored(path)
    found = [about for about in abouts if name in _names(about)]
    if len(found) > 1:
        raise DataError(
            f"{name!r} fits the replies of several settings: name one of "
            + ", ".join(repr(_shortest(about, abouts)) for about in found)
        )
    if found:
        own = json.loads(found[0]).get("model") == params.model
        return _of_replies(
            found[0], name, sampled, params, given or (params.price if own else PriceParams()), path
        )
    tables = _tables()
    if tables is not None and name in set(tables["generator"]):
        pairs = tables[tables["generator"] == name].rename(columns={"generator": "source"})
        pairs = pairs[["image_id", "question", "answer", "difficulty", "question_type", "source"]]
        return _of_pairs(name, pairs, sampled, params, given)
    known = [_shortest(about, abouts) for about in abouts]
    known += sorted(set(tables["generator"])) if tables is not None else []
    raise DataError(
        f"there is no generator {name!r}: name a file of recorded pairs, or one of {', '.join(map(repr, known)) or '(none yet)'}"
    )


def _stored(path: Path) -> list[str]:
    """Return the settings of all stored replies."""
    if not path.exists():
        return []
    with ReplyStore(path) as store:
        return [about for about, (replies, _) in store.totals().items() if replies]


def _names(about: str) -> list[str]:
    """Return what settings are called, the shortest name first; the last is theirs alone."""
    settings = json.loads(about)
    provider, model, prompt = (str(settings.get(name)) for name in ("provider", "model", "prompt"))
    digest = blake2b(about.encode(), digest_size=3).hexdigest()
    both = f"{model} {prompt}"
    return [model, prompt, both, f"{provider} {both}", f"{provider} {both} @{digest}"]


def _shortest(about: str, others: Sequence[str]) -> str:
    taken = {name for other in others if other != about for name in _names(other)}
    return next(name for name in _names(about) if name not in taken)


def _tables(data: Path = Path("data")) -> pd.DataFrame | None:
    """Return the pairs of the stage generate, kept and dropped; None where it has not run."""
    paths = [(data / "qa.parquet", PAIRS), (data / "dropped.parquet", CHECKED)]
    if not all(path.exists() for path, _ in paths):
        return None
    return pd.concat([read_table(path, schema)[PAIRS.names] for path, schema in paths], ignore_index=True)


def _of_pairs(
    name: str, pairs: pd.DataFrame, sampled: pd.DataFrame, params: GenerateParams, price: PriceParams | None
) -> Generator:
    checked = clean_and_check(pairs.reset_index(drop=True), sampled, params.answer_words)
    images = pd.Index(checked["image_id"].unique())
    return Generator(name, images, checked, None, price or PriceParams())


def _of_replies(
    about: str, name: str, sampled: pd.DataFrame, params: GenerateParams, price: PriceParams, path: Path
) -> Generator:
    settings = json.loads(about)
    parse_reply = load_provider(settings["provider"]).parse_reply
    rows: list[tuple] = []
    tokens: list[tuple[str, int, int]] = []
    with ReplyStore(path) as store:
        for start in range(0, len(sampled), _AT_ONCE):
            some = sampled.iloc[start : start + _AT_ONCE]
            keys = [image_key(image, about) for image in some.itertuples(index=False)]
            replies = store.load([key for key in set(keys) if key])
            for image_id, key in zip(some["image_id"], keys, strict=True):
                parsed = [parse_reply(reply) for reply in replies.get(key, [])]
                if parsed:
                    pairs: list[dict[str, Any]] = next(
                        (found.pairs for found in map(extract_pairs, parsed) if found.pairs), []
                    )
                    rows += pair_rows(image_id, pairs)
                    inputs, outputs = (
                        sum(getattr(each, name) for each in parsed)
                        for name in ("input_tokens", "output_tokens")
                    )
                    tokens.append((image_id, inputs, outputs))
    table = pd.DataFrame(tokens, columns=["image_id", "input_tokens", "output_tokens"]).set_index("image_id")
    checked = clean_and_check(pair_table(rows, settings.get("model")), sampled, params.answer_words)
    return Generator(name, table.index, checked, table, price)
