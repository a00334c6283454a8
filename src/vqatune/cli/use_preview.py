"""What a catalogue would become, for `vqatune use`: pairs that templates make or a table holds, and the sizes of the sets."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pandas as pd

from vqatune.catalogue.look import Found
from vqatune.dataset.split import SETS, choose_sets, split_images
from vqatune.errors import DataError
from vqatune.generation.sources.language_files import code_of
from vqatune.generation.sources.template import TemplatePair, template_pairs
from vqatune.params import Params

LOOKED_AT = 500
"""Listings that are looked at for their language, and for what templates make of them."""
EXAMPLES = 3
"""So many pairs are shown."""


def covered_by_templates(found: Found, language: str | None, with_types: bool = True) -> float:
    """Return the share of the listings that templates have something to ask about.

    Args:
        found: holds the listings.
        language: the tag of those that have none.
        with_types: the product type counts as something, too.
    """
    if found.extracted is None:
        return 0.0
    made = [bool(pairs) for pairs in _by_templates(found, language, with_types)]
    return sum(made) / max(1, min(LOOKED_AT, len(found.extracted.listings)))


def example_pairs(found: Found, language: str | None) -> list[tuple[str, str]]:
    """Return some questions with their answers: those of a table with a pair a row, or else of templates, one a listing.

    Of a table whose pairs are in lists there are none, and a cell that is neither text nor a number is passed over.
    """
    pairs = found.pairs
    if pairs:
        if not (pairs.question and pairs.answer and found.table) or found.nested:
            return []
        columns = (found.table.columns[name] for name in (pairs.question, pairs.answer))
        rows = ((asked, answer) for asked, answer in zip(*columns, strict=True) if _plain(asked, answer))
        # Not the same question again and again, as far as there are others among the first.
        distinct = {str(asked): str(answer) for asked, answer in reversed(list(islice(rows, LOOKED_AT)))}
        return list(reversed(distinct.items()))[:EXAMPLES]
    if found.extracted is None:
        return []
    made = (pairs for pairs in _by_templates(found, language) if pairs)
    # Of each listing another one, as every listing's first is of the same kind.
    drawn = [pairs[place % len(pairs)] for place, pairs in zip(range(EXAMPLES), made, strict=False)]
    return [(pair.question, pair.answer) for pair in drawn]


def _plain(*cells: Any) -> bool:
    return all(
        isinstance(cell, str | int | float) and not isinstance(cell, bool) and cell != "" for cell in cells
    )


def set_sizes(found: Found, params: Params) -> dict[str, int] | None:
    """Return how many of all pictures each set would have, by name; None where there are no listings to count.

    It is an estimate: pictures that do not open, those with the bytes of another and those without a pair are counted, too.

    params: those of the run to be. Raises DataError where the test set would be empty.
    """
    if found.extracted is None:
        return None
    images = found.extracted.listings[["item_id", "product_type", "image_ids"]].explode("image_ids").dropna()
    images = images.rename(columns={"image_ids": "image_id"}).drop_duplicates("image_id")
    if images.empty:
        return None
    keys = split_images([images.sort_values("image_id", ignore_index=True)], params.split.by, params.seed)
    sets = pd.Series(choose_sets(keys, params.split)).value_counts()
    return {name: int(sets.get(place, 0)) for place, name in enumerate(SETS)}


def set_line(found: Found, params: Params) -> str:
    """Return a line on the sizes of the sets, or on why there would be no test set; empty where there is nothing to count."""
    try:
        sizes = set_sizes(found, params)
    except DataError as error:
        return f"sets:     {error}"
    if sizes is None:
        return ""
    return (
        f"sets:     of all pictures about {sizes['train']:,} for training, {sizes['validation']:,} for validation and "
        f"{sizes['test']:,} for the test set (split)"
    )


def _by_templates(
    found: Found, language: str | None, with_types: bool = True
) -> Iterator[list[TemplatePair]]:
    """Yield what templates ask about each of the first listings; nothing in languages without templates."""
    assert found.extracted is not None
    for row in found.extracted.listings.head(LOOKED_AT).itertuples(index=False):
        code = code_of(row.languages[0] if len(row.languages) else language)
        if code is None:
            continue
        record = json.loads(row.metadata)
        texts = {
            name: [value["value"] for value in values]
            for name, values in record.items()
            if isinstance(values, list) and all(isinstance(value, dict) for value in values)
        }
        product_type = row.product_type if with_types else ""
        yield template_pairs(texts, product_type, row.item_id, seed=0, code=code)
