"""The listings with text in a selected language, one part of the table at a time, and the images that they name."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from vqatune.catalogue.listing_text import clean
from vqatune.params import FilterParams
from vqatune.runtime.progress import map_chunks
from vqatune.tables import LISTINGS, count_rows, parts_of, read_groups, write_table, writing_buckets

ALL = "all"
"""All languages, or all fields."""
UNKNOWN = "und"
"""The language tag of a listing none of whose texts has one (ISO 639)."""
_REFERENCES = frozenset(("item_id", "main_image_id", "other_image_id"))
"""What all fields leave out."""
_LISTINGS_PER_CHUNK = 2000
KEPT = pa.schema(
    {
        "item_id": pa.string(),
        "product_type": pa.string(),
        "language": pa.string(),
        "metadata": pa.large_string(),
    }
)
"""A listing, `language` and `metadata` as in tables.FILTERED."""
REFERENCES = pa.schema({"image_id": pa.string(), "item_id": pa.string(), "other": pa.bool_()})
"""An image of a listing, and whether it is another than the main one."""


_EMPTY = pd.DataFrame(
    {name: pd.Series(dtype="str") for name in KEPT.names} | {"image_ids": pd.Series(dtype=object)}
)


def keep_listings(
    source: Path, listings: Path, references: Path, params: FilterParams, count: int
) -> dict[str, Any]:
    """Keep the listings of a part that have text in a selected language, and images.

    Of listings with the same item_id, the one with the most images is kept.

    Args:
        source: the part of tables.LISTINGS.
        listings: the file of what is kept (KEPT), sorted by item_id.
        references: the file of their images (REFERENCES), in buckets by the parts of image_id.
        params: languages and fields.
        count: the number of parts.

    Returns:
        The counts of listings, of those that are dropped by reason (`listings_dropped_*`), and of image_references.
    """
    tally: Counter[str] = Counter()
    cleaned = pd.concat(list(_with_text(source, params, tally)), ignore_index=True)
    kept = _with_images(_distinct_listings(cleaned, tally), tally)
    write_table(kept, listings, KEPT)
    names = kept["image_ids"]
    counts = names.map(len).to_numpy(dtype=np.int64)
    position = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    images = pd.DataFrame(
        {
            "image_id": pd.Series([name for some in names for name in some], dtype="str"),
            "item_id": np.repeat(kept["item_id"].to_numpy(), counts),
            "other": position > 0,
        }
    )
    tally["image_references"] = len(images)
    with writing_buckets(references, REFERENCES, count) as write:
        write(images, parts_of(images["image_id"], count))
    return dict(tally)


def count_languages(source: Path) -> Counter[str]:
    """Return how many listings of a table have each language tag."""
    groups = read_groups(source, LISTINGS, ["languages"])
    return Counter(tag for group in groups for tags in group["languages"] for tag in tags)


def _with_text(source: Path, params: FilterParams, tally: Counter[str]) -> Iterator[pd.DataFrame]:
    """Yield the listings with text in a selected language, with KEPT's columns and image_ids."""
    fields, languages = (each if each == ALL else tuple(each) for each in (params.fields, params.languages))
    clean_chunk = partial(_clean_chunk, fields=fields, languages=languages, one_language=params.one_language)
    dropped = ("listings", "listings_dropped_other_language", "listings_dropped_no_text")
    tally.update(dict.fromkeys(dropped, 0))
    yield _EMPTY
    chunks = _selected(source, params, tally)
    total = -(-count_rows(source) // _LISTINGS_PER_CHUNK)
    for cleaned, without_text in map_chunks(clean_chunk, chunks, "reading metadata", total):
        tally["listings_dropped_no_text"] += without_text
        yield cleaned


def _selected(source: Path, params: FilterParams, tally: Counter[str]) -> Iterator[pd.DataFrame]:
    """Yield the listings that have a selected language, chunk by chunk."""
    is_selected = _selects(params.languages)
    for group in read_groups(source, LISTINGS):
        # With all languages, those without any are selected, too.
        own = [params.languages == ALL or any(map(is_selected, tags)) for tags in group["languages"]]
        tally["listings"] += len(group)
        tally["listings_dropped_other_language"] += own.count(False)
        for begin in range(0, len(group), _LISTINGS_PER_CHUNK):
            some = slice(begin, begin + _LISTINGS_PER_CHUNK)
            yield group.iloc[some][np.array(own[some], bool)]


def _selects(languages: Collection[str] | str) -> Callable[[str], bool]:
    """Return a function that says whether a tag is selected; `en-US` is `en_US` everywhere."""
    if languages == ALL:
        return lambda tag: True
    wanted = [language.replace("-", "_") for language in languages]

    @cache
    def is_selected(tag: str) -> bool:
        tag = tag.replace("-", "_")
        return any(tag == language or tag.startswith(f"{language}_") for language in wanted)

    return is_selected


def _clean_chunk(
    listings: pd.DataFrame,
    fields: tuple[str, ...] | str,
    languages: tuple[str, ...] | str,
    one_language: bool,
) -> tuple[pd.DataFrame, int]:
    """Return the listings of a chunk that have text, and how many have none."""
    is_selected = _selects(languages)
    rows = []
    for text in listings["metadata"]:
        record = json.loads(text)
        row = _clean_record(record, fields, is_selected)
        if one_language and row[0] is not None:
            row = _clean_record(record, fields, row[0].__eq__)
        rows.append(row)
    languages_of, texts = zip(*rows, strict=True) if rows else ((), ())
    language = pd.Series(languages_of, index=listings.index, dtype="str")
    metadata = pd.Series(texts, index=listings.index, dtype="str")
    if languages == ALL:
        # Those of a listing without texts are what its source says.
        said = [tags[0] if len(tags) else UNKNOWN for tags in listings["languages"]]
        language = language.fillna(pd.Series(said, index=listings.index, dtype="str"))
    cleaned = listings.assign(language=language, metadata=metadata)[[*KEPT.names, "image_ids"]]
    kept = cleaned[language.notna()]
    return kept, len(cleaned) - len(kept)


def _clean_record(
    record: dict, fields: tuple[str, ...] | str, is_selected: Callable[[str], bool]
) -> tuple[str | None, str]:
    """Return the most frequent language of the kept values, None where none has one, and these as JSON."""
    kept: dict[str, list[str]] = {}
    tags: Counter[str] = Counter()
    for field in record if fields == ALL else fields:
        if fields == ALL and field in _REFERENCES:
            continue
        values = record.get(field)
        texts = []
        for value in values if isinstance(values, list) else [values]:
            tag = value.get("language_tag") if isinstance(value, dict) else None
            has_tag = isinstance(tag, str)
            if has_tag and not is_selected(tag):
                continue
            text = clean(value)
            if text:
                texts.append(text)
                if has_tag:
                    tags[tag] += 1
        if texts:
            kept[field] = list(dict.fromkeys(texts))
    language = min(tags, key=lambda tag: (-tags[tag], tag)) if tags else None
    return language, json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _distinct_listings(listings: pd.DataFrame, tally: Counter[str]) -> pd.DataFrame:
    """Return one listing per item_id, sorted by it."""
    repeated = listings["item_id"].duplicated(keep=False)
    duplicates = listings[repeated].assign(images=listings.loc[repeated, "image_ids"].map(len))
    # product_type and metadata only break ties.
    order = ["item_id", "images", "product_type", "metadata"]
    duplicates = duplicates.sort_values(order, ascending=[True, False, True, True]).drop_duplicates("item_id")
    tally["listings_dropped_repeated"] = int(repeated.sum()) - len(duplicates)
    kept = pd.concat([listings[~repeated], duplicates.drop(columns="images")])
    return kept.sort_values("item_id", ignore_index=True)


def _with_images(listings: pd.DataFrame, tally: Counter[str]) -> pd.DataFrame:
    has_images = listings["image_ids"].map(len) > 0
    tally["listings_dropped_without_images"] = int((~has_images).sum())
    return listings[has_images].reset_index(drop=True)
