"""Samples images per product type, at ratios that fall with the number of images of the type (tiers)."""

from decimal import Decimal, localcontext

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.params import SampleParams, TierParams
from vqatune.tables import SAMPLED
from vqatune.tables.hash_ranks import hash_ranks


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
    _check_images(filtered)
    images = filtered["product_type"].value_counts()
    table = pd.DataFrame({"product_type": images.index.astype("str"), "images": images.to_numpy()})
    table = table.sort_values(["images", "product_type"], ascending=[False, True], ignore_index=True)
    table["tier"] = [tier_of(count, params).at_least for count in table["images"]]
    table["target"] = [target_of(count, params) for count in table["images"]]

    # Metadata is large, so only ids and types are sorted.
    ordered = filtered[["image_id", "product_type"]].reset_index(drop=True)
    ordered["hash_rank"] = hash_ranks(seed, "sample", ordered["image_id"])
    ordered = ordered.sort_values(["hash_rank", "image_id"])
    types = table.set_index("product_type")
    if params.strategy == "tiered":
        # 0 for the first image of its type by hash rank, 1 for the second, …
        position = ordered.groupby("product_type").cumcount()
        target = ordered["product_type"].map(types["target"])
        total = ordered["product_type"].map(_target_with_repeats(types, params))
        selected = position < target
        repeats = total // target.clip(lower=1) + (position < total % target.clip(lower=1))
    else:
        count = table["target"].sum() if params.strategy == "random" else len(ordered)
        selected = np.arange(len(ordered)) < count
        repeats = 1
    chosen = ordered.assign(repeats=repeats)[selected].sort_values("image_id")

    sampled = filtered.iloc[chosen.index].reset_index(drop=True)
    sampled["tier"] = sampled["product_type"].map(types["tier"]).astype("int32")
    sampled["repeats"] = chosen["repeats"].to_numpy(dtype="int32")
    counts = sampled.groupby("product_type")["repeats"].agg(["size", "sum"])
    counts = counts.reindex(table["product_type"], fill_value=0).astype("int64")
    table["sampled"], table["repeats_total"] = counts["size"].to_numpy(), counts["sum"].to_numpy()
    return sampled[SAMPLED.names], table


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


def _check_images(filtered: pd.DataFrame) -> None:
    if filtered.empty:
        raise DataError("there is no image to sample from: see what the filter stage dropped, and why")
    untyped = filtered.loc[filtered["product_type"].isna(), "image_id"]
    if len(untyped):
        raise DataError(f"image {untyped.min()} has no product type: run the filter stage again")
    repeated = filtered.loc[filtered["image_id"].duplicated(), "image_id"]
    if len(repeated):
        raise DataError(f"image {repeated.min()} comes more than once: run the filter stage again")
