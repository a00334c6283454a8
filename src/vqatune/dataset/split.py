"""Splits the pairs into training, validation and test set, by hash rank, without leakage between them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.params import SplitParams
from vqatune.tables import PAIRS, read_groups, replacing_parts, sorted_groups, table_parts, writing_table
from vqatune.tables.hash_ranks import hash_ranks, joined

_IMAGE = ["image_id", "item_id", "product_type"]


class SplitPairs(NamedTuple):
    """The pairs of each set (tables.PAIRS), sorted by image_id and qa_id."""

    train: pd.DataFrame
    validation: pd.DataFrame
    """The best version is chosen by it; empty where no product type has a unit that fits, or none is wanted."""
    test: pd.DataFrame


SETS = SplitPairs._fields
Counts = dict[str, dict[str, int]]
"""The number of product types, listings, images and pairs of each set."""


class SplitImages(NamedTuple):
    """What splitting sees of the images, in the order of the table."""

    names: list[str]
    """The product types."""
    types: np.ndarray
    """int32: the place of each image's type in `names`."""
    listings: np.ndarray
    """uint64: a hash of each image's listing."""
    ranks: np.ndarray
    """uint64: the hash rank of what is not parted, its listing or itself."""
    pairs: np.ndarray
    """int32: the number of pairs of each image."""


def split_table(source: Path | str, folder: Path, params: SplitParams, seed: int) -> Counts:
    """Split the pairs of a table (tables.PAIRS, sorted by image_id and qa_id) into tables of a folder, one a set.

    As `split_pairs` does, with some 70 bytes of memory an image, and with as many parts as the table has. Returns the counts of each set.

    Raises DataError as it does, and where the table is not sorted.
    """
    columns = ["image_id", "qa_id", "item_id", "product_type"]
    groups = sorted_groups(source, PAIRS, ["image_id", "qa_id"], columns)
    images = split_images(groups, params.by, seed)
    sets = choose_sets(images, params)
    parts = table_parts(source)
    first = 0
    with ExitStack() as tables:
        paths = [
            tables.enter_context(replacing_parts(folder / f"{name}.parquet", len(parts))) for name in SETS
        ]
        for part, file in enumerate(parts):
            first = _write_sets(file, [path(part) for path in paths], sets, first)
    return count_sets(images, sets)


def _write_sets(source: Path, targets: Sequence[Path], sets: np.ndarray, first: int) -> int:
    """Write a part's pairs of each set; `first` is the number of its first image. Return that of the next part's."""
    with ExitStack() as files:
        writes = [files.enter_context(writing_table(target, PAIRS)) for target in targets]
        last = -1
        for group, numbers in numbered(read_groups(source, PAIRS)):
            own = sets[first + numbers]
            for number, write in enumerate(writes):
                write(group[own == number])
            last = int(numbers[-1])
    return first + last + 1


def split_pairs(pairs: pd.DataFrame, params: SplitParams, seed: int) -> SplitPairs:
    """Return the pairs (tables.PAIRS) of the training, the validation and the test set.

    Of a product type with n > `minimum_images` images, at most round(test_fraction·n) go to the test set and
    round(validation_fraction·n) to the validation set, and never all: its listings (by: listing) or images (by: image)
    are selected by hash rank, the test set first, and one that exceeds the type's quota is skipped. A listing of
    several types must fit into the quota of each. The sets are disjoint in their images, and with `by: listing` in
    their listings; the test set does not depend on `validation_fraction`.

    Raises DataError where an image belongs to two listings or types, or where the test set would be empty.
    """
    ordered = pairs.sort_values(["image_id", "qa_id"], ignore_index=True)
    sets = choose_sets(split_images([ordered], params.by, seed), params)
    own = sets[next(numbered([ordered]))[1]] if len(ordered) else sets
    return SplitPairs(*(ordered[own == number].reset_index(drop=True) for number in range(len(SETS))))


def describe_split(sets: SplitPairs) -> Counts:
    """Return the number of product types, listings, images and pairs of each set."""
    columns = {"types": "product_type", "listings": "item_id", "images": "image_id"}
    return {
        name: {key: int(side[column].nunique()) for key, column in columns.items()} | {"pairs": len(side)}
        for name, side in sets._asdict().items()
    }


def numbered(groups: Iterable[pd.DataFrame]) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Yield each group of pairs with the number of each one's image, from 0; an image's pairs are adjacent."""
    last, number = None, -1
    for group in groups:
        if group.empty:
            continue
        names = group["image_id"]
        is_new = (names != names.shift()).to_numpy(copy=True)
        is_new[0] = names.iloc[0] != last
        numbers = number + np.cumsum(is_new)
        yield group, numbers
        last, number = names.iloc[-1], int(numbers[-1])


def split_images(groups: Iterable[pd.DataFrame], by: str, seed: int) -> SplitImages:
    """Return the keys of the images of some pairs (image_id, item_id, product_type), an image's adjacent.

    by: listing or image, as split.by. Raises DataError where an image belongs to two listings or types.
    """
    seen: dict[str, int] = {}
    types, listings, ranks, pairs = [], [], [], []
    before = pd.DataFrame(columns=_IMAGE)
    for group, numbers in numbered(groups):
        distinct = group[_IMAGE].drop_duplicates()
        goes_on = len(before) and before["image_id"].iloc[0] == distinct["image_id"].iloc[0]
        known = pd.concat([before, distinct]).drop_duplicates() if goes_on else distinct
        shared = known.loc[known["image_id"].duplicated(), "image_id"]
        if len(shared):
            raise DataError(
                f"image {shared.min()} has pairs under two listings or types: run the generate stage again"
            )
        counts = np.bincount(numbers - numbers[0]).astype(np.int32)
        if goes_on:
            pairs[-1][-1] += counts[0]
        before = distinct.iloc[-1:]
        new = distinct.iloc[int(goes_on) :]
        if new.empty:
            # A group of one image, which the group before began.
            continue
        pairs.append(counts[int(goes_on) :])
        types.append(np.array([seen.setdefault(name, len(seen)) for name in new["product_type"]], np.int32))
        listings.append(hash_ranks(seed, "listing", new["item_id"]))
        ranks.append(hash_ranks(seed, "split", new["item_id" if by == "listing" else "image_id"]))
    return SplitImages(
        list(seen),
        joined(types, np.int32),
        joined(listings, np.uint64),
        joined(ranks, np.uint64),
        joined(pairs, np.int32),
    )


def choose_sets(images: SplitImages, params: SplitParams) -> np.ndarray:
    """Return the set of each image as `split_pairs` describes it: its place in SETS, as int8."""
    order, units, parts = _units(images, params.by)
    counts = np.bincount(images.types, minlength=len(images.names)).tolist()
    # Images of each type that another set may still take: one stays in the training set.
    left = [count - 1 if count > params.minimum_images else 0 for count in counts]
    sets = np.full(int(units[-1]) + 1 if len(units) else 0, SETS.index("train"), np.int8)
    for name, fraction in (("test", params.test_fraction), ("validation", params.validation_fraction)):
        _select(parts, counts, left, fraction, sets, SETS.index(name))
        if name == "test" and not (sets == SETS.index("test")).any():
            raise DataError(
                f"the test set is empty: no type of more than {params.minimum_images} images has a {params.by} that fits "
                f"into a share of {params.test_fraction}; lower split.minimum_images or raise split.test_fraction"
            )
    of_image = np.empty(len(order), np.int8)
    of_image[order] = sets[units]
    return of_image


class _Parts(NamedTuple):
    """How many images of a type a unit has, the parts of a unit adjacent, units in the order of their hash ranks."""

    units: np.ndarray
    types: np.ndarray
    sizes: np.ndarray

    def each(self) -> Iterator[tuple[int, int, int]]:
        """Yield them as numbers, of which a hundred thousand are in memory at once."""
        for first in range(0, len(self.units), 100_000):
            yield from zip(*(column[first : first + 100_000].tolist() for column in self), strict=True)


def _units(images: SplitImages, by: str) -> tuple[np.ndarray, np.ndarray, _Parts]:
    """Return the images in the order of units and types, the unit of each in that order, and the units' parts."""
    # Of units with the same rank the listing's other hash, or an image's place, tells which is which.
    others = (images.listings,) if by == "listing" else ()
    order = np.lexsort((images.types, *others, images.ranks))
    is_new = np.ones(len(order), bool)
    is_new[1:] = by == "image"
    for keys in (*others, images.ranks):
        own = keys[order]
        is_new[1:] |= own[1:] != own[:-1]
    units = np.cumsum(is_new, dtype=np.int32) - np.int32(1)
    types = images.types[order]
    is_new[1:] |= types[1:] != types[:-1]
    first = np.flatnonzero(is_new)
    sizes = np.diff(first, append=len(order))
    return order, units, _Parts(units[first], types[first], sizes)


def _select(
    parts: _Parts, counts: list[int], left: list[int], fraction: float, sets: np.ndarray, chosen: int
) -> None:
    """Put the units that fit, in their order, into a share of each type's images; take their images off `left`.

    Units that another set has are passed over.
    """
    shares = [round(Fraction(str(fraction)) * count) for count in counts]
    quotas = [min(share, spare) for share, spare in zip(shares, left, strict=True)]
    train = SETS.index("train")
    for unit, own in groupby(parts.each(), key=itemgetter(0)):
        if sets[unit] != train:
            continue
        sizes = [(product_type, size) for _, product_type, size in own]
        if all(size <= quotas[product_type] for product_type, size in sizes):
            sets[unit] = chosen
            for product_type, size in sizes:
                quotas[product_type] -= size
                left[product_type] -= size


def count_sets(images: SplitImages, sets: np.ndarray) -> Counts:
    """Return the number of product types, listings, images and pairs of each set."""
    found = {}
    for number, name in enumerate(SETS):
        own = sets == number
        found[name] = {
            "types": len(np.unique(images.types[own])),
            "listings": len(np.unique(images.listings[own])),
            "images": int(own.sum()),
            "pairs": int(images.pairs[own].sum()),
        }
    return found
