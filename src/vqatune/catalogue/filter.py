"""Filters listings by language and text, and their images by whether they open; removes duplicates of both.

A table of many parts is filtered part by part. What a part needs of the others comes to it in buckets: the references of
listings to images, the digests of images, and the texts of listings to the images that are kept.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vqatune.catalogue.filter_images import LOST, OPENED, WANTED, find_same_bytes, open_images
from vqatune.catalogue.filter_listings import ALL, KEPT, count_languages, keep_listings
from vqatune.errors import DataError
from vqatune.params import FilterParams
from vqatune.runtime.dropped import dropped_line
from vqatune.runtime.parts import map_parts, stop_here_in_job_array
from vqatune.tables import (
    DIGESTS,
    FILTERED,
    PartFiles,
    link_or_copy,
    read_bucket,
    read_table,
    replacing,
    replacing_parts,
    same_parts,
    write_table,
    writing_buckets,
)
from vqatune.tables.hash_ranks import hash_ranks

Tally = dict[str, Any]
_ROWS = 20_000


def filter_table(
    listings: Path | str,
    images: Path | str,
    target: Path | str,
    digests: Path | str,
    params: FilterParams,
    work: Path,
    executor: str = "local",
) -> dict[str, int]:
    """Keep the images that open, once each, of the listings with text in a selected language.

    Of listings with the same item_id, the one with the most images is kept. An image of several listings stays with
    the one that has it as main image, then with the smallest item_id; so do identical bytes under several ids.

    Args:
        listings: tables.LISTINGS, in any order.
        images: tables.IMAGES, in any order, of as many parts.
        target: tables.FILTERED, to be written, of as many parts; each is sorted by image_id.
        digests: tables.DIGESTS, to be written, of the same rows.
        params: languages and fields.
        work: a folder for what is not done yet; work that it holds is gone on with.
        executor: as compute.executor.

    Returns:
        The counts of dropped rows by reason: listings = listings_dropped_* + listings_kept, and image_references (of the
        listings not dropped before) = references_* + images_kept.

    Raises DataError where no listing or no image is left, ArchiveError where the images cannot be read.
    """
    parts = same_parts(listings, images)
    files = PartFiles(work, len(parts))

    def each(function: Callable[..., Tally], what: str, **arguments: Any) -> list[Tally]:
        done = work / "done" / function.__name__.strip("_")
        return map_parts(partial(function, files=files, **arguments), len(parts), done, what, executor)

    sources, pictures = zip(*parts, strict=True)
    kept = _total(each(_keep_listings, "reading metadata", sources=sources, params=params))
    _check_some_left(kept, Path(listings), params)
    opened = _total(each(_open_images, "opening images", sources=pictures))
    same = _total(each(_find_same_bytes, "comparing images"))
    each(_send_texts, "sorting metadata")
    written = each(_write_images, "writing images")
    if not sum(tally["images_kept"] for tally in written):
        raise DataError(
            f"no image is left of the {kept['image_references']} that {_kept(kept)} listings name: "
            f"{opened['references_missing']} are not in images.csv with their bytes, {opened['references_unreadable']} "
            "do not open as an image: check that listings and pictures belong together"
        )
    stop_here_in_job_array()
    with replacing_parts(target, len(parts)) as filtered, replacing_parts(digests, len(parts)) as digested:
        for part in range(len(parts)):
            link_or_copy(files.of("filtered", part), filtered(part))
            link_or_copy(files.of("digests", part), digested(part))
    with_images = _distinct_listings(files)
    return {
        **kept,
        **opened,
        **same,
        "listings_dropped_no_image_left": _kept(kept) - with_images,
        "listings_kept": with_images,
        "images_kept": sum(tally["images_kept"] for tally in written),
        "product_types": len({name for tally in written for name in tally["product_types"]}),
    }


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


def _keep_listings(part: int, sources: Sequence[Path], params: FilterParams, files: PartFiles) -> Tally:
    kept, references = files.of("listings", part), files.of("references", part)
    return keep_listings(sources[part], kept, references, params, files.count)


def _open_images(part: int, sources: Sequence[Path], files: PartFiles) -> Tally:
    written = (files.of(kind, part) for kind in ("opened", "same", "wanted"))
    return open_images(part, sources[part], files.all("references"), *written, files.count)


def _find_same_bytes(part: int, files: PartFiles) -> Tally:
    return find_same_bytes(part, files.all("same"), files.of("lost", part), files.count)


def _send_texts(part: int, files: PartFiles) -> Tally:
    """Send each listing of a part to the parts with images of it."""
    listings = read_table(files.of("listings", part), KEPT)
    index = pd.Index(listings["item_id"])
    wanted = [read_bucket([file], WANTED, part, files.count)["item_id"] for file in files.all("wanted")]
    rows = np.concatenate([index.get_indexer(pd.Index(some)) for some in wanted])
    to = np.repeat(np.arange(files.count), [len(some) for some in wanted])
    with writing_buckets(files.of("texts", part), KEPT, files.count) as write:
        # Some at a time, as a listing goes to several parts.
        for begin in range(0, len(rows), _ROWS):
            some = slice(begin, begin + _ROWS)
            write(listings.iloc[rows[some]], to[some])
    return {}


def _write_images(part: int, files: PartFiles) -> Tally:
    """Write the rows of a part, and hashes of their listings."""
    opened = read_table(files.of("opened", part), OPENED)
    lost = read_bucket(files.all("lost"), LOST, part, files.count)["image_id"]
    texts = read_bucket(files.all("texts"), KEPT, part, files.count)
    kept = opened[~opened["image_id"].isin(lost)]
    kept = kept.merge(texts, on="item_id", how="left", validate="many_to_one")
    write_table(kept, files.of("filtered", part), FILTERED)
    write_table(kept, files.of("digests", part), DIGESTS)
    hashes = np.unique(hash_ranks(0, "listing", kept["item_id"]))
    with replacing(files.of("hashes", part)) as temporary, temporary.open("wb") as file:
        np.save(file, hashes)
    return {"images_kept": len(kept), "product_types": sorted(kept["product_type"].unique())}


def _distinct_listings(files: PartFiles) -> int:
    """Return the number of listings that have an image; each counts once, though its images lie in several parts."""
    return len(np.unique(np.concatenate([np.load(file) for file in files.all("hashes")])))


def _total(tallies: Sequence[Tally]) -> Tally:
    """Return the sums of counts, in the order of their names in the first."""
    return {name: sum(tally[name] for tally in tallies) for name in tallies[0]}


def _selected(kept: Tally) -> int:
    return kept["listings"] - kept["listings_dropped_other_language"]


def _kept(kept: Tally) -> int:
    dropped = (count for name, count in kept.items() if name.startswith("listings_dropped_"))
    return kept["listings"] - sum(dropped)


def _check_some_left(kept: Tally, listings: Path, params: FilterParams) -> None:
    """Raise DataError where no listing has a selected language, or none of them has text."""
    if not _selected(kept):
        counts = count_languages(listings)
        common = sorted(counts, key=lambda tag: (-counts[tag], tag))[:12]
        there = ", ".join(f"{tag} ({counts[tag]} listings)" for tag in common) or "no language at all"
        raise DataError(
            f"no listing has text in {', '.join(params.languages)} (filter.languages); the catalogue has {there}"
        )
    if _selected(kept) == kept["listings_dropped_no_text"]:
        raise DataError(
            f"the {_selected(kept)} listings in {', '.join(params.languages)} have no text in the fields of filter.fields "
            f"({params.fields if params.fields == ALL else ', '.join(params.fields)}): add fields to it"
        )
