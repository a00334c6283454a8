"""Drawing images to look at."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from vqatune.tables.hash_ranks import hash_rank, hash_ranks


def draw_over_types(images: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Return `count` images, or all, drawn so that product types have as equal numbers as they can.

    An image is drawn by its hash alone, so more images contain those of a smaller draw.

    images: image_id and product_type, a row per image. The rows are returned as they were, in the order of image_id.
    """
    order = pd.DataFrame(
        {
            "type": images["product_type"].to_numpy(dtype=object),
            "rank": hash_ranks(seed, "look at", images["image_id"]),
            "image": images["image_id"].to_numpy(dtype=object),
        }
    ).sort_values(["rank", "image"])
    order["turn"] = order.groupby("type").cumcount()
    order["type_rank"] = _ranks(seed, order["type"])
    drawn = order.sort_values(["turn", "type_rank", "type"], kind="stable").index[:count]
    return images.iloc[np.sort(drawn)].sort_values("image_id", kind="stable")


def _ranks(seed: int, names: Iterable[str]) -> list[int]:
    known: dict[str, int] = {}
    return [known.setdefault(name, hash_rank(seed, "type to look at", name)) for name in names]
