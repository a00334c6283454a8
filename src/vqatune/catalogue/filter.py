"""Filters listings by language and text, and their images by whether they open; removes duplicates of both."""

import io
import json
import warnings
from collections import Counter
from collections.abc import Callable, Collection
from functools import cache, partial
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from vqatune.catalogue.listing_text import clean
from vqatune.errors import DataError
from vqatune.loading.archive import read_spans
from vqatune.loading.pictures import DECODE_ERRORS, FORMATS
from vqatune.params import FilterParams
from vqatune.runtime.dropped import dropped_line
from vqatune.runtime.progress import map_chunks
from vqatune.tables import FILTERED

ALL = "all"
"""All languages, or all fields."""
UNKNOWN = "und"
"""The language tag of a listing none of whose texts has one (ISO 639)."""
_REFERENCES = frozenset(("item_id", "main_image_id", "other_image_id"))
"""What all fields leave out."""
_LISTINGS_PER_PART = 2000
_IMAGES_PER_PART = 2000
_LARGEST_PICTURE = 2**30
"""Bytes; more than any picture that PIL decodes has."""
_CLEANED = pa.schema({"language": pa.large_string(), "metadata": pa.large_string()})


def filter_images(
    listings: pd.DataFrame, images: pd.DataFrame, params: FilterParams
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Keep the images that open, once each, of the listings with text in a selected language.

    `listings` has the columns of tables.LISTINGS, `images` those of tables.IMAGES, in any order. Returns the rows
    of tables.FILTERED sorted by image_id, and the counts of dropped rows by reason: listings = listings_dropped_*
    + listings_kept, and image_references (of the listings not dropped before) = references_* + images_kept.

    Of listings with the same item_id, the one with the most images is kept. An image of several listings stays with
    the one that has it as main image, then with the smallest item_id; so do identical bytes under several ids.

    Raises DataError where no listing or no image is left, ArchiveError where the images cannot be read.
    """
    report = {"listings": len(listings)}
    kept = _with_text(listings, params, report)
    kept = _with_images(_distinct_listings(kept, report), report)
    images = images.sort_values(["image_id", "path"]).drop_duplicates("image_id").reset_index(drop=True)
    references = _distinct_references(_references(kept, images, report), report)
    digests = digests_of_images(images.iloc[references["image"]])
    references = _distinct_images(references.assign(digest=digests.to_numpy()), report)
    if references.empty:
        raise DataError(
            f"no image is left of the {report['image_references']} that {len(kept)} listings name: "
            f"{report['references_missing']} are not in images.csv with their bytes, {report['references_unreadable']} "
            "do not open as an image: check that listings and pictures belong together"
        )
    filtered = _rows(kept, images, references)
    with_images = references["listing"].nunique()
    report["listings_dropped_no_image_left"] = len(kept) - with_images
    report["listings_kept"] = with_images
    report["images_kept"] = len(filtered)
    report["product_types"] = int(filtered["product_type"].nunique())
    return filtered, report


def dropped_lines(report: dict[str, int]) -> list[str]:
    """Return what to say of a report where more than a tenth of the listings or of their images are dropped."""
    lines = []
    for what, total, prefix, decides in (
        (
            "listings",
            "listings",
            "listings_dropped_",
            {"other language": "filter.languages", "no text": "filter.fields"},
        ),
        ("references to images", "image_references", "references_", {}),
    ):
        reasons = {
            name.removeprefix(prefix).replace("_", " "): count
            for name, count in report.items()
            if name.startswith(prefix)
        }
        lines.append(dropped_line(what, report[total], reasons, decides))
    return [line for line in lines if line]


def _with_text(listings: pd.DataFrame, params: FilterParams, report: dict) -> pd.DataFrame:
    """Return the listings with text in a selected language, `metadata` and `language` as in tables.FILTERED."""
    if params.languages == ALL:
        selected = np.ones(len(listings), bool)
    else:
        is_selected = _selects(params.languages)
        selected = np.array([any(map(is_selected, tags)) for tags in listings["languages"]], bool)
    report["listings_dropped_other_language"] = int((~selected).sum())
    if not selected.any():
        raise DataError(_no_language(listings, params))
    cleaned = _cleaned(listings["metadata"], selected, params)
    if params.languages == ALL:
        # Those of a listing without texts are what its source says.
        said = pd.Series([tags[0] if len(tags) else UNKNOWN for tags in listings["languages"]], dtype="str")
        cleaned["language"] = cleaned["language"].fillna(said)
    has_text = cleaned["language"].notna().to_numpy()
    report["listings_dropped_no_text"] = int((~has_text).sum())
    if not has_text.any():
        raise DataError(
            f"the {len(cleaned)} listings in {', '.join(params.languages)} have no text in the fields of filter.fields "
            f"({params.fields if params.fields == ALL else ', '.join(params.fields)}): add fields to it"
        )
    kept = listings.loc[selected, ["item_id", "product_type", "image_ids"]].reset_index(drop=True)
    return kept.assign(language=cleaned["language"], metadata=cleaned["metadata"])[has_text]


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


def _no_language(listings: pd.DataFrame, params: FilterParams) -> str:
    counts = Counter(tag for tags in listings["languages"] for tag in tags)
    common = sorted(counts, key=lambda tag: (-counts[tag], tag))[:12]
    there = ", ".join(f"{tag} ({counts[tag]} listings)" for tag in common) or "no language at all"
    return (
        f"no listing has text in {', '.join(params.languages)} (filter.languages); the catalogue has {there}"
    )


class _Texts:
    """The selected texts of a slice of a column, which are not copied until they are read or sent to a worker."""

    def __init__(self, column: pa.Array, selected: pa.Array) -> None:
        self.column, self.selected = column, selected

    def __reduce__(self) -> tuple:
        # Pickling a slice would send the whole column.
        texts = self.column.filter(self.selected)
        return _Texts, (texts, pa.repeat(True, len(texts)))

    def read(self) -> list[str]:
        return self.column.filter(self.selected).to_pylist()


def _cleaned(metadata: pd.Series, selected: np.ndarray, params: FilterParams) -> pd.DataFrame:
    columns = {"metadata": pa.array(metadata, type=pa.large_string()), "selected": pa.array(selected)}
    batches = pa.table(columns).to_batches(max_chunksize=_LISTINGS_PER_PART)
    fields, languages = (each if each == ALL else tuple(each) for each in (params.fields, params.languages))
    clean_part = partial(_clean_part, fields=fields, languages=languages, one_language=params.one_language)
    parts = map_chunks(clean_part, [_Texts(*batch.columns) for batch in batches], "reading metadata")
    return pa.Table.from_batches(parts, schema=_CLEANED).to_pandas()


def _clean_part(
    part: _Texts, fields: tuple[str, ...] | str, languages: tuple[str, ...] | str, one_language: bool
) -> pa.RecordBatch:
    is_selected = _selects(languages)
    rows = []
    for text in part.read():
        record = json.loads(text)
        row = _clean_record(record, fields, is_selected)
        if one_language and row[0] is not None:
            row = _clean_record(record, fields, row[0].__eq__)
        rows.append(row)
    columns = [pa.array(column, type=pa.large_string()) for column in zip(*rows, strict=True)]
    return pa.record_batch(columns or [[], []], schema=_CLEANED)


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


def _distinct_listings(listings: pd.DataFrame, report: dict) -> pd.DataFrame:
    """Return one listing per item_id, sorted by it."""
    repeated = listings["item_id"].duplicated(keep=False)
    duplicates = listings[repeated].assign(images=listings.loc[repeated, "image_ids"].map(len))
    # product_type and metadata only break ties.
    order = ["item_id", "images", "product_type", "metadata"]
    duplicates = duplicates.sort_values(order, ascending=[True, False, True, True]).drop_duplicates("item_id")
    report["listings_dropped_repeated"] = int(repeated.sum()) - len(duplicates)
    kept = pd.concat([listings[~repeated], duplicates.drop(columns="images")])
    return kept.sort_values("item_id", ignore_index=True)


def _with_images(listings: pd.DataFrame, report: dict) -> pd.DataFrame:
    has_images = listings["image_ids"].map(len) > 0
    report["listings_dropped_without_images"] = int((~has_images).sum())
    return listings[has_images].reset_index(drop=True)


def _references(listings: pd.DataFrame, images: pd.DataFrame, report: dict) -> pd.DataFrame:
    """Return a row per image of a listing: row numbers of both (int64), and whether it is not the main image."""
    counts = listings["image_ids"].map(len).to_numpy(dtype=np.int64)
    listing = np.repeat(np.arange(len(listings)), counts)
    position = np.arange(len(listing)) - np.repeat(np.cumsum(counts) - counts, counts)
    names = pd.Series([name for names in listings["image_ids"] for name in names], dtype="str")
    image = pd.Index(images["image_id"]).get_indexer(pd.Index(names))
    found = image >= 0
    report["image_references"] = len(image)
    report["references_missing"] = int((~found).sum())
    return pd.DataFrame({"listing": listing, "image": image, "other": position > 0})[found]


def _distinct_references(references: pd.DataFrame, report: dict) -> pd.DataFrame:
    """Return one reference per image."""
    kept = references.sort_values(["image", "other", "listing"]).drop_duplicates("image")
    report["references_repeated"] = len(references) - len(kept)
    return kept


def _distinct_images(references: pd.DataFrame, report: dict) -> pd.DataFrame:
    """Return one reference per digest, of the images that open."""
    opening = references[references["digest"].notna()]
    report["references_unreadable"] = len(references) - len(opening)
    kept = opening.sort_values(["other", "listing", "image"]).drop_duplicates("digest")
    report["references_same_bytes"] = len(opening) - len(kept)
    return kept


def _rows(listings: pd.DataFrame, images: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:
    references = references.sort_values("image")
    columns = ["item_id", "product_type", "language", "metadata"]
    of_listing = listings[columns].iloc[references["listing"]].reset_index(drop=True)
    of_image = images.iloc[references["image"]].reset_index(drop=True)
    return pd.concat([of_image, of_listing], axis=1)[FILTERED.names]


def digests_of_images(images: pd.DataFrame) -> pd.Series:
    """Return a hash of each image's bytes (16 bytes, object dtype), None where they do not open as an image.

    `images` has archive, offset and length as in tables.IMAGES; the result has its index. An image opens where
    all of it decodes and converts to RGB. Each archive is read front to back, in worker processes.

    Raises ArchiveError where an archive is missing or ends before an image does.
    """
    ordered = images.sort_values(["archive", "offset"])
    columns = (ordered["archive"], ordered["offset"].tolist(), ordered["length"].tolist())
    places = list(zip(*columns, strict=True))
    # Loose files are archives of one image, so a part may go over several.
    starts = range(0, len(places), _IMAGES_PER_PART)
    parts = [places[start : start + _IMAGES_PER_PART] for start in starts]
    digests = [digest for part in map_chunks(_digests, parts, "opening images") for digest in part]
    return pd.Series(digests, index=ordered.index, dtype=object).reindex(images.index)


def _digests(part: list[tuple[str, int, int]]) -> list[bytes | None]:
    digests: list[bytes | None] = []
    with warnings.catch_warnings():
        # PIL warns about much that it corrects; an image too large to decode safely is refused.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for archive, places in groupby(part, key=itemgetter(0)):
            # One that is too large counts as damaged, and none of it is read.
            spans = [(offset, length if length <= _LARGEST_PICTURE else 0) for _, offset, length in places]
            for content in read_spans(archive, spans):
                digests.append(blake2b(content, digest_size=16).digest() if _opens(content) else None)
    return digests


def _opens(content: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            # A JPEG decodes at an eighth of its size in half the time, and a truncated one fails all the same.
            image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
            image.load()
            if image.mode not in ("RGB", "L"):
                image.convert("RGB")
    except DECODE_ERRORS:
        return False
    return True
