"""Divides the training images into master batches, one per version; an image keeps all its pairs together.

Images are seen by keys alone: type, hashes, repeats and number of pairs. dataset/dealing.py deals the pairs.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.params import BatchParams
from vqatune.tables import BATCH
from vqatune.tables.hash_ranks import hash_ranks, joined


class TrainingImages(NamedTuple):
    """The training images in the order of the table, and their copies: an image with repeats k has k of them."""

    names: list[str]
    """The product types, sorted."""
    type_ranks: np.ndarray
    """uint64: the hash rank of each type."""
    types: np.ndarray
    """int32: the place of each image's type in `names`."""
    ranks: np.ndarray
    """uint64: the hash rank of each image."""
    pairs: np.ndarray
    """int32: the number of pairs of each image."""
    repeats: np.ndarray
    """int32: the number of copies of each image."""
    order_ranks: np.ndarray
    """uint64: the hash rank of each copy, by image and number, by which a batch is ordered."""


class Deal(NamedTuple):
    """Where each copy goes, in the order of images and of their copies."""

    images: np.ndarray
    """int32: its image."""
    copies: np.ndarray
    """int32: its number among the copies of the image, from 0."""
    batches: np.ndarray
    """int32: its batch, from 0."""
    places: np.ndarray
    """int32: its place among the copies of the batch, from 0."""


def make_master_batches(
    train: pd.DataFrame, repeats: pd.DataFrame, params: BatchParams, count: int, seed: int
) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """Distribute the training images over `count` master batches.

    `train` has the columns of tables.PAIRS; `repeats` has image_id and repeats (int ≥ 1) for every image of it,
    others ignored. An image with repeats k occurs k times, as copies 0 to k−1, each with all its pairs. The sizes of
    the batches, in copies, differ by at most one. Strategies:

    - stratified: the copies of each product type, and those of each image, are spread evenly: their counts in any
      two batches differ by at most one;
    - rotation: round-robin over the types in alphabetical order, an image of each at a time, and the sequence is cut
      into consecutive batches. Small types are exhausted early, so the last batches lack them.

    Returns the batches (tables.BATCH; images in hash order, the pairs of an image together, by qa_id) and a table:
    batch (from 1), images (copies), pairs, types, total_variation (½·Σ|p_batch(type) − p_all(type)| over copies).

    Raises DataError where there are fewer images than batches, or an image without repeats.
    """
    pairs = train.sort_values(["image_id", "qa_id"], ignore_index=True)
    rows = (
        pairs.groupby(["image_id", "product_type"], as_index=False).size().rename(columns={"size": "pairs"})
    )
    rows["repeats"] = rows["image_id"].map(repeats.set_index("image_id")["repeats"])
    images = training_images([rows], seed)
    deal, table = deal_images(images, params, count)
    first = np.cumsum(images.pairs, dtype=np.int64) - images.pairs
    batches = []
    for batch in range(count):
        own = np.flatnonzero(deal.batches == batch)
        own = own[np.argsort(deal.places[own])]
        times = images.pairs[deal.images[own]]
        found = pairs.iloc[np.repeat(first[deal.images[own]], times) + counted(times)]
        batches.append(
            found.assign(copy=np.repeat(deal.copies[own], times))[BATCH.names].reset_index(drop=True)
        )
    return batches, table


def counted(times: np.ndarray) -> np.ndarray:
    """Return 0, 1, … up to each number in turn: [2, 3] → [0, 1, 0, 1, 2]."""
    return np.arange(times.sum()) - np.repeat(np.cumsum(times, dtype=np.int64) - times, times)


def training_images(groups: Iterable[pd.DataFrame], seed: int) -> TrainingImages:
    """Return the keys of images; each group has image_id, product_type, pairs and repeats, sorted by image_id.

    Raises DataError where repeats is missing: the image was not sampled.
    """
    seen: dict[str, int] = {}
    types, ranks, pairs, repeats, order = [], [], [], [], []
    for group in groups:
        missing = group.loc[group["repeats"].isna(), "image_id"]
        if len(missing):
            raise DataError(
                f"training image {missing.min()} is not among the sampled images: run the stages from sample again"
            )
        times = group["repeats"].to_numpy(np.int32)
        types.append(np.array([seen.setdefault(name, len(seen)) for name in group["product_type"]], np.int32))
        ranks.append(hash_ranks(seed, "batch", group["image_id"]))
        pairs.append(group["pairs"].to_numpy(np.int32))
        repeats.append(times)
        keys = zip(np.repeat(group["image_id"].to_numpy(object), times), counted(times).tolist(), strict=True)
        order.append(hash_ranks(seed, "batch order", (f"{image}\x1f{number}" for image, number in keys)))
    names = sorted(seen)
    # Numbered as they came; now by name.
    numbers = np.empty(len(names), np.int32)
    numbers[[seen[name] for name in names]] = np.arange(len(names))
    return TrainingImages(
        names,
        hash_ranks(seed, "batch type", names),
        numbers[joined(types, np.int32)],
        joined(ranks, np.uint64),
        joined(pairs, np.int32),
        joined(repeats, np.int32),
        joined(order, np.uint64),
    )


def deal_images(images: TrainingImages, params: BatchParams, count: int) -> tuple[Deal, pd.DataFrame]:
    """Return where each copy goes, and the table of the batches, as `make_master_batches` describes them."""
    if len(images.types) < count:
        raise DataError(
            f"{len(images.types)} training images are too few for {count} batches: cut the list versions in "
            "params.yaml, or have more images sampled (sample.*, raw.*)"
        )
    of_copy = np.repeat(np.arange(len(images.types), dtype=np.int32), images.repeats)
    copies = counted(images.repeats).astype(np.int32)
    assign = _stratified if params.strategy == "stratified" else _rotation
    batches = assign(images, of_copy, copies, count)
    # Of equal ranks the first by image and number, as they lie.
    order = np.lexsort((images.order_ranks, batches))
    sizes = np.bincount(batches, minlength=count)
    places = np.empty(len(order), np.int32)
    places[order] = counted(sizes)
    return Deal(of_copy, copies, batches, places), _describe(images, of_copy, batches, count)


def _stratified(images: TrainingImages, of_copy: np.ndarray, copies: np.ndarray, count: int) -> np.ndarray:
    # In a sequence in which the copies of a type, and those of an image, are adjacent, every count-th element goes to
    # the same batch: each type and each image is spread evenly, and so is the whole.
    # Types by their hash ranks: a number of 32 bits a copy.
    positions = np.empty(len(images.names), np.int32)
    positions[np.argsort(images.type_ranks, kind="stable")] = np.arange(len(images.names))
    order = np.lexsort((images.ranks[of_copy], positions[images.types[of_copy]]))
    batches = np.empty(len(of_copy), np.int32)
    batches[order] = np.arange(len(of_copy)) % count
    return batches


def _rotation(images: TrainingImages, of_copy: np.ndarray, copies: np.ndarray, count: int) -> np.ndarray:
    types = images.types[of_copy]
    order = np.lexsort((images.ranks[of_copy], copies, types))
    turns = np.empty(len(of_copy), np.int32)
    turns[order] = counted(np.bincount(types, minlength=len(images.names)))
    batches = np.empty(len(of_copy), np.int32)
    for number, part in enumerate(np.array_split(np.lexsort((types, turns)), count)):
        batches[part] = number
    return batches


def _describe(images: TrainingImages, of_copy: np.ndarray, batches: np.ndarray, count: int) -> pd.DataFrame:
    kinds = len(images.names)
    counts = np.bincount(
        batches.astype(np.int64) * kinds + images.types[of_copy], minlength=count * kinds
    ).reshape(count, kinds)
    shares = counts / counts.sum(axis=1, keepdims=True)
    whole = counts.sum(axis=0) / len(of_copy)
    return pd.DataFrame(
        {
            "batch": np.arange(1, count + 1),
            "images": counts.sum(axis=1),
            "pairs": np.bincount(batches, images.pairs[of_copy], minlength=count).astype(np.int64),
            "types": (counts > 0).sum(axis=1),
            "total_variation": np.abs(shares - whole).sum(axis=1) / 2,
        }
    )
