"""The master batches, one per version: images dealt out with all their pairs, small types' images repeated."""

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.params import BatchParams
from vqatune.tables import BATCH
from vqatune.tables.hash_ranks import hash_ranks


def make_batches(
    train: pd.DataFrame, repeats: pd.DataFrame, params: BatchParams, count: int, seed: int
) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """Deal the training images out over `count` batches.

    `train` has the columns of tables.PAIRS; `repeats` has image_id and repeats (int ≥ 1) for every image of it,
    others ignored. An image with repeats k comes k times, as copies 0 to k−1, each with all its pairs. The batches
    differ by at most one copy in size. With strategy

    - stratified, the copies of each product type, and those of each image, are spread over the batches so that
      no two batches differ by more than one;
    - rotation, one image of each type is taken in turn, types in the order of their names, until all are used
      up, and the row is cut into consecutive batches. Small types run out, so the last batches lack them.

    Returns the batches (tables.BATCH; images in hashed order, the pairs of one together, by qa_id) and a table:
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
    deal = _deal_evenly if params.strategy == "stratified" else _deal_in_turn
    copies["batch"] = deal(copies, count, seed)
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
    """Return image_id, product_type and copy, one row a copy, by image_id and copy."""
    times = images["image_id"].map(repeats.set_index("image_id")["repeats"])
    if times.isna().any():
        image = images.loc[times.isna(), "image_id"].min()
        raise DataError(
            f"training image {image} is not among the sampled images: run the stages from sample again"
        )
    copies = images.loc[images.index.repeat(times.astype("int64"))].reset_index(drop=True)
    return copies.assign(copy=copies.groupby("image_id").cumcount())


def _deal_evenly(copies: pd.DataFrame, count: int, seed: int) -> np.ndarray:
    # Types in one row, images of a type in one run, copies of an image in one run: dealt like cards, every run
    # falls evenly on the batches, and so does the whole.
    keyed = copies.assign(
        type_rank=copies["product_type"].map(_rank_of(copies["product_type"], "batch type", seed)),
        image_rank=copies["image_id"].map(_rank_of(copies["image_id"], "batch", seed)),
    )
    row = keyed.sort_values(["type_rank", "product_type", "image_rank", "image_id", "copy"]).index
    batch = np.empty(len(copies), dtype=np.int64)
    batch[row] = np.arange(len(copies)) % count
    return batch


def _deal_in_turn(copies: pd.DataFrame, count: int, seed: int) -> np.ndarray:
    keyed = copies.assign(image_rank=copies["image_id"].map(_rank_of(copies["image_id"], "batch", seed)))
    keyed = keyed.sort_values(["product_type", "copy", "image_rank", "image_id"])
    keyed["turn"] = keyed.groupby("product_type").cumcount()
    row = keyed.sort_values(["turn", "product_type"]).index
    batch = np.empty(len(copies), dtype=np.int64)
    for number, part in enumerate(np.array_split(row.to_numpy(), count)):
        batch[part] = number
    return batch


def _rank_of(values: pd.Series, purpose: str, seed: int) -> pd.Series:
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
