"""Splits the pairs into training and test set, by hash rank, without leakage between them."""

from fractions import Fraction

import pandas as pd

from vqatune.errors import DataError
from vqatune.params import SplitParams
from vqatune.tables.hash_ranks import hash_ranks


def split_pairs(pairs: pd.DataFrame, params: SplitParams, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the pairs of the training and of the test set.

    `pairs` has the columns of tables.PAIRS; so have both results, sorted by image_id and qa_id. Of a product type
    with n > `minimum_images` images, at most round(test_fraction·n) go to the test set, and never all: its listings
    (by: listing) or images (by: image) are selected by hash rank, and one that exceeds the type's quota is skipped.
    A listing of several types must fit into the quota of each. The sets are disjoint in their images, and with
    `by: listing` in their listings.

    Raises DataError where an image belongs to two listings or types, or where the test set would be empty.
    """
    images = pairs[["image_id", "item_id", "product_type"]].drop_duplicates()
    shared = images.loc[images["image_id"].duplicated(), "image_id"]
    if len(shared):
        raise DataError(
            f"image {shared.min()} has pairs under two listings or types: run the generate stage again"
        )
    remaining = {
        product_type: _quota(count, params)
        for product_type, count in images["product_type"].value_counts().items()
    }
    unit = "item_id" if params.by == "listing" else "image_id"
    sizes = images.groupby([unit, "product_type"], as_index=False).size()
    sizes["hash_rank"] = hash_ranks(seed, "split", sizes[unit])
    sizes = sizes.sort_values(["hash_rank", unit, "product_type"])

    test_units = set()
    for name, unit_sizes in _grouped(sizes[unit], sizes["product_type"], sizes["size"]):
        if all(size <= remaining[product_type] for product_type, size in unit_sizes.items()):
            test_units.add(name)
            for product_type, size in unit_sizes.items():
                remaining[product_type] -= size
    if not test_units:
        raise DataError(
            f"the test set is empty: no type of more than {params.minimum_images} images has a {params.by} that fits "
            f"into a share of {params.test_fraction}; lower split.minimum_images or raise split.test_fraction"
        )
    ordered = pairs.sort_values(["image_id", "qa_id"], ignore_index=True)
    in_test = ordered[unit].isin(test_units)
    return ordered[~in_test].reset_index(drop=True), ordered[in_test].reset_index(drop=True)


def describe_split(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return the number of product types, listings, images and pairs of each set."""
    return {name: _describe(side) for name, side in (("train", train), ("test", test))}


def _quota(images: int, params: SplitParams) -> int:
    if images <= params.minimum_images:
        return 0
    return min(round(Fraction(str(params.test_fraction)) * images), images - 1)


def _grouped(units: pd.Series, types: pd.Series, sizes: pd.Series) -> list[tuple[str, dict[str, int]]]:
    """Return each unit, in order, with its number of images by type; the rows of a unit are adjacent."""
    grouped: dict[str, dict[str, int]] = {}
    for unit, product_type, size in zip(units, types, sizes, strict=True):
        grouped.setdefault(unit, {})[product_type] = size
    return list(grouped.items())


def _describe(side: pd.DataFrame) -> dict[str, int]:
    columns = {"types": "product_type", "listings": "item_id", "images": "image_id"}
    return {name: int(side[column].nunique()) for name, column in columns.items()} | {"pairs": len(side)}
