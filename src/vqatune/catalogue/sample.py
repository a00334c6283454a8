"""Samples images per product type, at ratios that fall with the number of images of the type (tiers)."""

from collections.abc import Iterable
from decimal import Decimal, localcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.params import SampleParams, TierParams
from vqatune.tables import (
    FILTERED,
    SAMPLED,
    read_groups,
    replacing_parts,
    sorted_groups,
    table_parts,
    writing_table,
)
from vqatune.tables.hash_ranks import hash_ranks, joined


class ImageKeys(NamedTuple):
    """What sampling sees of the images, in the order of the table, each id once."""

    ranks: np.ndarray
    """uint64: the hash rank of each image."""
    types: np.ndarray
    """int32: the place of each image's product type in `names`."""
    names: list[str]
    """The product types."""


class Chosen(NamedTuple):
    """The sampled images, by their places among all, ascending."""

    rows: np.ndarray
    """int64."""
    tiers: np.ndarray
    """int32: the lower bound, in images, of the tier of each one's type."""
    repeats: np.ndarray
    """int32: how often training sees each."""


def sample_table(source: Path | str, target: Path | str, params: SampleParams, seed: int) -> pd.DataFrame:
    """Sample the images of a table (tables.FILTERED, sorted by image_id) into another (tables.SAMPLED); return the types.

    As `sample_images` does, with some 50 bytes of memory an image, and with as many parts as the table has.

    Raises DataError as it does, and where the table is not sorted.
    """
    groups = sorted_groups(source, FILTERED, ["image_id"], ["image_id", "product_type"])
    chosen, types = choose_images(_image_keys(groups, seed), params)
    first = 0
    parts = table_parts(source)
    with replacing_parts(target, len(parts)) as part_of:
        for number, part in enumerate(parts):
            with writing_table(part_of(number), SAMPLED) as write:
                for group in read_groups(part, FILTERED):
                    begin, end = np.searchsorted(chosen.rows, [first, first + len(group)])
                    rows = group.iloc[chosen.rows[begin:end] - first]
                    write(rows.assign(tier=chosen.tiers[begin:end], repeats=chosen.repeats[begin:end]))
                    first += len(group)
    return types


def sample_images(
    filtered: pd.DataFrame, params: SampleParams, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sample images by hash rank, with the number of repeats of each.

    `filtered` has the columns of tables.FILTERED, a row an image. Strategy tiered samples each type's target
    (see `target_of`) and repeats the images of small types; random samples as many images in all as tiered,
    whatever their type; all keeps every image, without the cap. The latter two are for comparison and do not
    repeat images.

    Returns the sampled rows (tables.SAMPLED, sorted by image_id) and a table of the types, largest first:
    product_type, images, tier (the tier's at_least), target (of strategy tiered), sampled, repeats_total (the
    images with their repeats).

    Raises DataError where there is no image, an image occurs twice, or one has no product type.
    """
    repeated = filtered.loc[filtered["image_id"].duplicated(), "image_id"]
    if len(repeated):
        raise DataError(f"image {repeated.min()} comes more than once: run the filter stage again")
    # Metadata is large, so only ids and types are sorted.
    keys = filtered[["image_id", "product_type"]].reset_index(drop=True).sort_values("image_id")
    chosen, types = choose_images(_image_keys([keys], seed), params)
    sampled = filtered.iloc[keys.index[chosen.rows]].reset_index(drop=True)
    return sampled.assign(tier=chosen.tiers, repeats=chosen.repeats)[SAMPLED.names], types


def choose_images(images: ImageKeys, params: SampleParams) -> tuple[Chosen, pd.DataFrame]:
    """Return the sampled images and the table of their types, as `sample_images` describes them."""
    if not len(images.ranks):
        raise DataError("there is no image to sample from: see what the filter stage dropped, and why")
    counts = np.bincount(images.types, minlength=len(images.names))
    table = pd.DataFrame({"product_type": pd.Series(images.names, dtype="str"), "images": counts})
    table["tier"] = [tier_of(count, params).at_least for count in counts.tolist()]
    table["target"] = [target_of(count, params) for count in counts.tolist()]
    # Of equal ranks the first by image_id.
    order = np.argsort(images.ranks, kind="stable")
    if params.strategy == "tiered":
        targets, totals = table["target"].to_numpy(), _target_with_repeats(table, params).to_numpy()
        order, position = _within_types(order, images.types, counts)
        own = images.types[order]
        selected, target = position < targets[own], np.maximum(targets[own], 1)
        repeats = totals[own] // target + (position < totals[own] % target)
    else:
        count = table["target"].sum() if params.strategy == "random" else len(order)
        selected, repeats = np.arange(len(order)) < count, np.ones(len(order), dtype=np.int64)
    rows, repeats = order[selected], repeats[selected]
    ascending = np.argsort(rows)
    rows, repeats = rows[ascending], repeats[ascending].astype(np.int32)
    types = images.types[rows]
    table["sampled"] = np.bincount(types, minlength=len(counts))
    table["repeats_total"] = np.bincount(types, repeats, minlength=len(counts)).astype(np.int64)
    tiers = table["tier"].to_numpy(np.int32)[types]
    table = table.sort_values(["images", "product_type"], ascending=[False, True], ignore_index=True)
    return Chosen(rows, tiers, repeats), table


def _within_types(order: np.ndarray, types: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the images of each type together, by rank, and the place of each in its type, from 0."""
    order = order[np.argsort(types[order], kind="stable")]
    return order, np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)


def _image_keys(groups: Iterable[pd.DataFrame], seed: int) -> ImageKeys:
    """Return the keys of images; each group has image_id and product_type. Raises DataError where one has no type."""
    places: dict[str, int] = {}
    ranks, types = [], []
    for group in groups:
        untyped = group.loc[group["product_type"].isna(), "image_id"]
        if len(untyped):
            raise DataError(f"image {untyped.min()} has no product type: run the filter stage again")
        ranks.append(hash_ranks(seed, "sample", group["image_id"]))
        own = [places.setdefault(name, len(places)) for name in group["product_type"]]
        types.append(np.array(own, dtype=np.int32))
    return ImageKeys(joined(ranks, np.uint64), joined(types, np.int32), list(places))


def tier_of(images: int, params: SampleParams) -> TierParams:
    """Return the tier of a type by its number of images."""
    reached = [tier for tier in params.tiers if images >= tier.at_least]
    return max(reached, key=lambda tier: tier.at_least)


def target_of(images: int, params: SampleParams) -> int:
    """Return the number of images to sample of a type with n images.

    That is floor(ratio·n), or with log_scale α floor((log10(n)·α + ratio)·n); at least `minimum`, at most
    min(cap, n).
    """
    # Decimals, because 0.05·n in floats may be rounded to below an integer, and logarithms differ between machines.
    with localcontext(prec=50):
        share = Decimal(str(tier_of(images, params).ratio))
        if params.log_scale is not None:
            share += Decimal(images).log10() * Decimal(str(params.log_scale))
        target = int(share * images)
    return min(max(target, params.minimum), params.cap, images)


def _target_with_repeats(types: pd.DataFrame, params: SampleParams) -> pd.Series:
    """Return the number of images of each type in the sample, repeats included."""
    small = (types["tier"] == 0) & (types["target"] > 0) & (types["images"] < params.small_type_minimum)
    return types["target"].where(~small, types["target"].clip(lower=params.small_type_minimum))
