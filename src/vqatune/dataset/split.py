"""Splits the pairs into training, validation and test set, by hash rank, without leakage between them."""

from collections.abc import Iterable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.params import SplitParams
from vqatune.tables import PAIRS, read_groups, sorted_groups, writing_table
from vqatune.tables.hash_ranks import hash_ranks

_IMAGE = ["image_id", "item_id", "product_type"]


class SplitPairs(NamedTuple):
    """The pairs of each set (tables.PAIRS), sorted by image_id and qa_id."""

    train: pd.DataFrame
    validation: pd.DataFrame
    """The best version is chosen by it; empty where no product type has a unit that fits, or none is wanted."""
    test: pd.DataFrame


Counts = dict[str, dict[str, int]]
"""The number of product types, listings, images and pairs of each set."""


def split_table(source: Path | str, folder: Path, params: SplitParams, seed: int) -> Counts:
    """Split the pairs of a table (tables.PAIRS, sorted by image_id and qa_id) into tables of a folder, one a set.

    As `split_pairs` does, with memory for the images, not for their pairs. Returns the counts of `describe_split`.

    Raises DataError as it does, and where the table is not sorted.
    """
    columns = ["image_id", "qa_id", "item_id", "product_type"]
    images, pairs = [], []
    for group in sorted_groups(source, PAIRS, ["image_id", "qa_id"], columns):
        images.append(group.drop_duplicates(_IMAGE)[_IMAGE])
        pairs.append(group.groupby("image_id", sort=False).size())
    images = (
        pd.concat(images, ignore_index=True).drop_duplicates() if images else pd.DataFrame(columns=_IMAGE)
    )
    images["set"] = choose_sets(images, params, seed)
    set_of = images.set_index("image_id")["set"]
    with ExitStack() as stack:
        files = [
            stack.enter_context(writing_table(folder / f"{name}.parquet", PAIRS))
            for name in SplitPairs._fields
        ]
        for group in read_groups(source, PAIRS):
            own = group["image_id"].map(set_of)
            for number, write in enumerate(files):
                write(group[own == number])
    images["pairs"] = images["image_id"].map(pd.concat(pairs).groupby(level=0).sum())
    return {
        name: _describe(images[images["set"] == number]) for number, name in enumerate(SplitPairs._fields)
    }


def split_pairs(pairs: pd.DataFrame, params: SplitParams, seed: int) -> SplitPairs:
    """Return the pairs (tables.PAIRS) of the training, the validation and the test set.

    Of a product type with n > `minimum_images` images, at most round(test_fraction·n) go to the test set and
    round(validation_fraction·n) to the validation set, and never all: its listings (by: listing) or images (by: image)
    are selected by hash rank, the test set first, and one that exceeds the type's quota is skipped. A listing of
    several types must fit into the quota of each. The sets are disjoint in their images, and with `by: listing` in
    their listings; the test set does not depend on `validation_fraction`.

    Raises DataError where an image belongs to two listings or types, or where the test set would be empty.
    """
    images = pairs[_IMAGE].drop_duplicates()
    set_of = pd.Series(choose_sets(images, params, seed), index=images["image_id"])
    ordered = pairs.sort_values(["image_id", "qa_id"], ignore_index=True)
    own = ordered["image_id"].map(set_of)
    return SplitPairs(
        *(ordered[own == number].reset_index(drop=True) for number in range(len(SplitPairs._fields)))
    )


def choose_sets(images: pd.DataFrame, params: SplitParams, seed: int) -> np.ndarray:
    """Return the set of each image as `split_pairs` describes it: its place in SplitPairs, as int8.

    `images` has image_id, item_id and product_type, a row an image.
    """
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
    sets = [SplitPairs._fields.index(name) for name in ("test", "validation", "train")]
    in_test, in_validation = (images[unit].isin(chosen) for chosen in (test_units, validation_units))
    return np.select([in_test, in_validation], sets[:2], sets[2]).astype(np.int8)


def describe_split(sets: SplitPairs) -> Counts:
    """Return the number of product types, listings, images and pairs of each set."""
    return {
        name: _describe(side.groupby(_IMAGE, as_index=False).size().rename(columns={"size": "pairs"}))
        for name, side in sets._asdict().items()
    }


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


def _describe(images: pd.DataFrame) -> dict[str, int]:
    columns = {"types": "product_type", "listings": "item_id", "images": "image_id"}
    found = {name: int(images[column].nunique()) for name, column in columns.items()}
    return found | {"pairs": int(images["pairs"].sum())}
