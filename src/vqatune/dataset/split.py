"""Which images are trained on and which are tested on, by hashed rank."""

from fractions import Fraction

import pandas as pd

from vqatune.errors import DataError
from vqatune.params import SplitParams
from vqatune.tables.hash_ranks import hash_ranks


def split_pairs(pairs: pd.DataFrame, params: SplitParams, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the pairs of the training and of the test set.

    `pairs` has the columns of tables.PAIRS; so have both results, sorted by image_id and qa_id. A product type
    with n images, more than `minimum_images`, gives at most round(test_fraction·n) of them to the test set, and
    never all: its listings (by: listing) or images (by: image) are taken in the order of their ranks, and one that
    no longer fits is passed over. A listing under several types is taken where it fits in each of them. Nothing
    is on both sides: no image, and with `listing` no listing.

    Raises DataError where an image comes under two listings or types, or where no image is left for the test set.
    """
    images = pairs[["image_id", "item_id", "product_type"]].drop_duplicates()
    shared = images.loc[images["image_id"].duplicated(), "image_id"]
    if len(shared):
        raise DataError(
            f"image {shared.min()} has pairs under two listings or types: run the generate stage again"
        )
    room = {
        product_type: _quota(count, params)
        for product_type, count in images["product_type"].value_counts().items()
    }
    unit = "item_id" if params.by == "listing" else "image_id"
    sizes = images.groupby([unit, "product_type"], as_index=False).size()
    sizes["rank"] = hash_ranks(seed, "split", sizes[unit])
    sizes = sizes.sort_values(["rank", unit, "product_type"])

    tested = set()
    for name, unit_sizes in _grouped(sizes[unit], sizes["product_type"], sizes["size"]):
        if all(size <= room[product_type] for product_type, size in unit_sizes.items()):
            tested.add(name)
            for product_type, size in unit_sizes.items():
                room[product_type] -= size
    if not tested:
        raise DataError(
            f"the test set is empty: no type of more than {params.minimum_images} images has a {params.by} that fits "
            f"into a share of {params.test_fraction}; lower split.minimum_images or raise split.test_fraction"
        )
    ordered = pairs.sort_values(["image_id", "qa_id"], ignore_index=True)
    in_test = ordered[unit].isin(tested)
    return ordered[~in_test].reset_index(drop=True), ordered[in_test].reset_index(drop=True)


def describe_split(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return how many product types, listings, images and pairs are on each side."""
    return {name: _describe(side) for name, side in (("train", train), ("test", test))}


def _quota(images: int, params: SplitParams) -> int:
    if images <= params.minimum_images:
        return 0
    return min(round(Fraction(str(params.test_fraction)) * images), images - 1)


def _grouped(units: pd.Series, types: pd.Series, sizes: pd.Series) -> list[tuple[str, dict[str, int]]]:
    """Return each unit, in order, with its images by type; the rows of a unit stand together."""
    grouped: dict[str, dict[str, int]] = {}
    for unit, product_type, size in zip(units, types, sizes, strict=True):
        grouped.setdefault(unit, {})[product_type] = size
    return list(grouped.items())


def _describe(side: pd.DataFrame) -> dict[str, int]:
    columns = {"types": "product_type", "listings": "item_id", "images": "image_id"}
    return {name: int(side[column].nunique()) for name, column in columns.items()} | {"pairs": len(side)}
