"""What sampling and splitting pick, computed over whole tables with pandas alone, and pairs to deal."""

import pandas as pd

from vqatune.catalogue.sample import target_of, tier_of
from vqatune.params import SampleParams, SplitParams
from vqatune.tables import PAIRS
from vqatune.tables.hash_ranks import hash_rank


def plain_sample(filtered: pd.DataFrame, params: SampleParams, seed: int) -> pd.DataFrame:
    """Return the sampled rows, sorted by image_id, with tier and repeats."""
    ranked = filtered.assign(rank=[hash_rank(seed, "sample", image) for image in filtered["image_id"]])
    ranked = ranked.sort_values(["rank", "image_id"])
    counts = filtered["product_type"].value_counts().to_dict()
    wanted = sum(target_of(count, params) for count in counts.values())
    kept = []
    for place, row in enumerate(ranked.itertuples(index=False)):
        images = counts[row.product_type]
        tier, repeats = tier_of(images, params).at_least, 1
        if params.strategy == "random" and place >= wanted:
            continue
        if params.strategy == "tiered":
            target = target_of(images, params)
            position = sum(1 for other in kept if other["product_type"] == row.product_type)
            if position >= target:
                continue
            small = tier == 0 and images < params.small_type_minimum
            total = max(target, params.small_type_minimum) if small else target
            repeats = total // target + (position < total % target)
        kept.append({**row._asdict(), "tier": tier, "repeats": repeats})
    return pd.DataFrame(kept, columns=[*filtered, "tier", "repeats"]).sort_values(
        "image_id", ignore_index=True
    )


def plain_split(pairs: pd.DataFrame, params: SplitParams, seed: int) -> dict[str, list[str]]:
    """Return the images of each set, sorted."""
    images = pairs.drop_duplicates("image_id")
    unit = "item_id" if params.by == "listing" else "image_id"
    counts = images["product_type"].value_counts()
    spare = {name: count - 1 if count > params.minimum_images else 0 for name, count in counts.items()}
    order = sorted(images[unit].unique(), key=lambda name: (hash_rank(seed, "split", name), name))
    sets: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for name, share in (("test", params.test_fraction), ("validation", params.validation_fraction)):
        quota = {kind: min(round(share * count), spare[kind]) for kind, count in counts.items()}
        for each in list(order):
            own = images[images[unit] == each]
            sizes = own["product_type"].value_counts()
            if all(size <= quota[kind] for kind, size in sizes.items()):
                order.remove(each)
                sets[name] += own["image_id"].tolist()
                for kind, size in sizes.items():
                    quota[kind] -= size
                    spare[kind] -= size
    sets["train"] = images[images[unit].isin(order)]["image_id"].tolist()
    return {name: sorted(each) for name, each in sets.items()}


def training_pairs(images: dict[str, int], repeats: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return pairs of so many images of each type, the n-th with n % 3 + 1 of them, and the images' repeats."""
    rows = []
    for product_type, count in images.items():
        for number in range(count):
            image_id = f"{product_type}{number:03d}"
            for pair in range(number % 3 + 1):
                rows.append((f"{9 - pair}{image_id}", image_id, product_type))
    train = pd.DataFrame(rows, columns=["qa_id", "image_id", "product_type"])
    constants = {name: "text" for name in PAIRS.names if name not in train} | {"difficulty": 0}
    train = train.assign(**constants)[PAIRS.names]
    image_ids = train["image_id"].unique()
    return train, pd.DataFrame({"image_id": image_ids, "repeats": repeats})
