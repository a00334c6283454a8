"""Divides the training set into master batches, one per version; an image keeps all its pairs together."""

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.params import BatchParams
from vqatune.tables import BATCH
from vqatune.tables.hash_ranks import hash_ranks


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
    images = train[["image_id", "product_type"]].drop_duplicates("image_id").sort_values("image_id")
    if len(images) < count:
        raise DataError(
            f"{len(images)} training images are too few for {count} batches: cut the list versions in "
            "params.yaml, or have more images sampled (sample.*, raw.*)"
        )
    copies = _copies(images, repeats)
    assign = _assign_stratified if params.strategy == "stratified" else _assign_rotation
    copies["batch"] = assign(copies, count, seed)
    keys = copies["image_id"] + "\x1f" + copies["copy"].astype("str")
    copies["order"] = hash_ranks(seed, "batch order", keys)
    copies = copies.sort_values(["batch", "order", "image_id", "copy"])

    pairs = train.sort_values(["image_id", "qa_id"])
    batches = [
        copies.loc[copies["batch"] == batch, ["image_id", "copy"]]
        .merge(pairs, on="image_id", how="left")
        .astype({"copy": "int32"})[BATCH.names]
        for batch in range(count)
    ]
    return batches, _describe(copies, batches)


def _copies(images: pd.DataFrame, repeats: pd.DataFrame) -> pd.DataFrame:
    """Return image_id, product_type and copy, a row a copy, sorted by image_id and copy."""
    times = images["image_id"].map(repeats.set_index("image_id")["repeats"])
    if times.isna().any():
        image = images.loc[times.isna(), "image_id"].min()
        raise DataError(
            f"training image {image} is not among the sampled images: run the stages from sample again"
        )
    copies = images.loc[images.index.repeat(times.astype("int64"))].reset_index(drop=True)
    return copies.assign(copy=copies.groupby("image_id").cumcount())


def _assign_stratified(copies: pd.DataFrame, count: int, seed: int) -> np.ndarray:
    # In a sequence in which the copies of a type, and those of an image, are adjacent, every count-th element goes to
    # the same batch: each type and each image is spread evenly, and so is the whole.
    keyed = copies.assign(
        type_hash_rank=copies["product_type"].map(_hash_ranks_of(copies["product_type"], "batch type", seed)),
        image_hash_rank=copies["image_id"].map(_hash_ranks_of(copies["image_id"], "batch", seed)),
    )
    order = keyed.sort_values(["type_hash_rank", "product_type", "image_hash_rank", "image_id", "copy"]).index
    batch = np.empty(len(copies), dtype=np.int64)
    batch[order] = np.arange(len(copies)) % count
    return batch


def _assign_rotation(copies: pd.DataFrame, count: int, seed: int) -> np.ndarray:
    keyed = copies.assign(
        image_hash_rank=copies["image_id"].map(_hash_ranks_of(copies["image_id"], "batch", seed))
    )
    keyed = keyed.sort_values(["product_type", "copy", "image_hash_rank", "image_id"])
    keyed["turn"] = keyed.groupby("product_type").cumcount()
    order = keyed.sort_values(["turn", "product_type"]).index
    batch = np.empty(len(copies), dtype=np.int64)
    for number, part in enumerate(np.array_split(order.to_numpy(), count)):
        batch[part] = number
    return batch


def _hash_ranks_of(values: pd.Series, purpose: str, seed: int) -> pd.Series:
    distinct = values.unique()
    return pd.Series(hash_ranks(seed, purpose, distinct), index=distinct)


def _describe(copies: pd.DataFrame, batches: list[pd.DataFrame]) -> pd.DataFrame:
    counts = copies.groupby(["batch", "product_type"]).size().unstack(fill_value=0).sort_index(axis="columns")
    shares = counts.to_numpy() / counts.to_numpy().sum(axis=1, keepdims=True)
    whole = counts.to_numpy().sum(axis=0) / len(copies)
    return pd.DataFrame(
        {
            "batch": counts.index + 1,
            "images": counts.to_numpy().sum(axis=1),
            "pairs": [len(batch) for batch in batches],
            "types": (counts.to_numpy() > 0).sum(axis=1),
            "total_variation": np.abs(shares - whole).sum(axis=1) / 2,
        }
    )
