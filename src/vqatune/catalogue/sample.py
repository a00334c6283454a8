"""How many images of each product type are drawn, and which: proportional sampling in tiers of type size."""

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
    """Draw images by hashed rank and say how often each is to be repeated.

    `filtered` has the columns of tables.FILTERED, one row an image. With strategy tiered a type gives its target
    (see `target_of`), and a small type's images are repeated; random draws as many images in all as tiered would,
    whatever their type; all takes every image, without the cap. Only tiered repeats: the other two are there to
    be compared with, so that each of their images counts once.

    Returns the sampled rows (tables.SAMPLED, sorted by image_id) and a table of the types, largest first:
    product_type, images, tier (the tier's at_least), target (what tiered takes), sampled, repeats_total (the
    images with their repeats).

    Raises DataError where there is no image, or an image comes twice or has no product type.
    """
    _check_images(filtered)
    images = filtered["product_type"].value_counts()
    table = pd.DataFrame({"product_type": images.index.astype("str"), "images": images.to_numpy()})
    table = table.sort_values(["images", "product_type"], ascending=[False, True], ignore_index=True)
    table["tier"] = [tier_of(count, params).at_least for count in table["images"]]
    table["target"] = [target_of(count, params) for count in table["images"]]

    # Metadata is long, so only ids and types are sorted.
    ordered = filtered[["image_id", "product_type"]].reset_index(drop=True)
    ordered["rank"] = hash_ranks(seed, "sample", ordered["image_id"])
    ordered = ordered.sort_values(["rank", "image_id"])
    types = table.set_index("product_type")
    if params.strategy == "tiered":
        # 0 for the first image of its type by rank, 1 for the second, …
        place = ordered.groupby("product_type").cumcount()
        target = ordered["product_type"].map(types["target"])
        total = ordered["product_type"].map(_repeated(types, params))
        taken = place < target
        repeats = total // target.clip(lower=1) + (place < total % target.clip(lower=1))
    else:
        wanted = table["target"].sum() if params.strategy == "random" else len(ordered)
        taken = np.arange(len(ordered)) < wanted
        repeats = 1
    chosen = ordered.assign(repeats=repeats)[taken].sort_values("image_id")

    sampled = filtered.iloc[chosen.index].reset_index(drop=True)
    sampled["tier"] = sampled["product_type"].map(types["tier"]).astype("int32")
    sampled["repeats"] = chosen["repeats"].to_numpy(dtype="int32")
    seen = sampled.groupby("product_type")["repeats"].agg(["size", "sum"])
    seen = seen.reindex(table["product_type"], fill_value=0).astype("int64")
    table["sampled"], table["repeats_total"] = seen["size"].to_numpy(), seen["sum"].to_numpy()
    return sampled[SAMPLED.names], table


def tier_of(images: int, params: SampleParams) -> TierParams:
    """Return the tier of a type with so many images."""
    reached = [tier for tier in params.tiers if images >= tier.at_least]
    return max(reached, key=lambda tier: tier.at_least)


def target_of(images: int, params: SampleParams) -> int:
    """Return how many images a type with so many (n) gives.

    That is floor(ratio·n), or with log_scale α floor((log10(n)·α + ratio)·n); at least `minimum`, at most
    min(cap, n).
    """
    # Decimals, because 0.05·n in floats may fall below a whole number, and logarithms differ between machines.
    with localcontext(prec=50):
        share = Decimal(str(tier_of(images, params).ratio))
        if params.log_scale is not None:
            share += Decimal(images).log10() * Decimal(str(params.log_scale))
        target = int(share * images)
    return min(max(target, params.minimum), params.cap, images)


def _repeated(types: pd.DataFrame, params: SampleParams) -> pd.Series:
    """Return how many images each type has in the sample, repeats and all."""
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
