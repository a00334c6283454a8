"""Splits the pairs into training, validation and test set, by hash rank, without leakage between them."""

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import pandas as pd

from vqatune.errors import DataError
from vqatune.params import SplitParams
from vqatune.tables.hash_ranks import hash_ranks


class SplitPairs(NamedTuple):
    """The pairs of each set (tables.PAIRS), sorted by image_id and qa_id."""

    train: pd.DataFrame
    validation: pd.DataFrame
    """The best version is chosen by it; empty where no product type has a unit that fits, or none is wanted."""
    test: pd.DataFrame


def split_pairs(pairs: pd.DataFrame, params: SplitParams, seed: int) -> SplitPairs:
    """Return the pairs (tables.PAIRS) of the training, the validation and the test set.

    Of a product type with n > `minimum_images` images, at most round(test_fraction·n) go to the test set and
    round(validation_fraction·n) to the validation set, and never all: its listings (by: listing) or images (by: image)
    are selected by hash rank, the test set first, and one that exceeds the type's quota is skipped. A listing of
    several types must fit into the quota of each. The sets are disjoint in their images, and with `by: listing` in
    their listings; the test set does not depend on `validation_fraction`.

    Raises DataError where an image belongs to two listings or types, or where the test set would be empty.
    """
    images = pairs[["image_id", "item_id", "product_type"]].drop_duplicates()
    shared = images.loc[images["image_id"].duplicated(), "image_id"]
    if len(shared):
        raise DataError(
            f"image {shared.min()} has pairs under two listings or types: run the generate stage again"
        )
    unit = "item_id" if params.by == "listing" else "image_id"
    sizes = images.groupby([unit, "product_type"], as_index=False).size()
    sizes["hash_rank"] = hash_ranks(seed, "split", sizes[unit])
    sizes = sizes.sort_values(["hash_rank", unit, "product_type"])
    units = _grouped(sizes[unit], sizes["product_type"], sizes["size"])

    # Images of each type that another set may still take: one stays in the training set.
    counts = images["product_type"].value_counts().to_dict()
    left = {name: count - 1 if count > params.minimum_images else 0 for name, count in counts.items()}
    test_units = _select(units.items(), counts, left, params.test_fraction)
    if not test_units:
        raise DataError(
            f"the test set is empty: no type of more than {params.minimum_images} images has a {params.by} that fits "
            f"into a share of {params.test_fraction}; lower split.minimum_images or raise split.test_fraction"
        )
    others = ((name, types) for name, types in units.items() if name not in test_units)
    validation_units = _select(others, counts, left, params.validation_fraction)

    ordered = pairs.sort_values(["image_id", "qa_id"], ignore_index=True)
    in_test, in_validation = (ordered[unit].isin(chosen) for chosen in (test_units, validation_units))
    return SplitPairs(
        *(
            ordered[rows].reset_index(drop=True)
            for rows in (~(in_test | in_validation), in_validation, in_test)
        )
    )


def describe_split(sets: SplitPairs) -> dict[str, dict[str, int]]:
    """Return the number of product types, listings, images and pairs of each set."""
    return {name: _describe(side) for name, side in sets._asdict().items()}


def _select(
    units: Iterable[tuple[str, dict[str, int]]], counts: dict[str, int], left: dict[str, int], fraction: float
) -> set[str]:
    """Return the units that fit, in their order, into a share of each type's images; takes their images off `left`."""
    quotas = {
        product_type: min(round(Fraction(str(fraction)) * count), left[product_type])
        for product_type, count in counts.items()
    }
    chosen = set()
    for name, sizes in units:
        if all(size <= quotas[product_type] for product_type, size in sizes.items()):
            chosen.add(name)
            for product_type, size in sizes.items():
                quotas[product_type] -= size
                left[product_type] -= size
    return chosen


def _grouped(units: pd.Series, types: pd.Series, sizes: pd.Series) -> dict[str, dict[str, int]]:
    """Return each unit, in order, with its number of images by type; the rows of a unit are adjacent."""
    grouped: dict[str, dict[str, int]] = {}
    for unit, product_type, size in zip(units, types, sizes, strict=True):
        grouped.setdefault(unit, {})[product_type] = size
    return grouped


def _describe(side: pd.DataFrame) -> dict[str, int]:
    columns = {"types": "product_type", "listings": "item_id", "images": "image_id"}
    return {name: int(side[column].nunique()) for name, column in columns.items()} | {"pairs": len(side)}
