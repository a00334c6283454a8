"""For tests of pilots and pages: sampled images that open, and a folder in which they are the sample."""

import json
from pathlib import Path

import pandas as pd
import yaml

from vqatune.tables import SAMPLED, write_table

TYPES = ("CHAIR", "SHOES", "CHAIR", "MUG")


def sampled_pictures(places: pd.DataFrame, count: int = 12) -> pd.DataFrame:
    """The first pictures of the fixture `places` as a sample: half of them chairs, a quarter shoes, a quarter mugs."""
    fixed = {"language": "en_US", "tier": 0, "repeats": 1}
    own = {
        "item_id": [f"B{number // 2}" for number in range(count)],
        "product_type": [TYPES[number % 4] for number in range(count)],
        "metadata": [json.dumps({"item_name": [f"Thing {number}"]}) for number in range(count)],
        "path": [f"images/small/00/{number:02d}.jpg" for number in range(count)],
    }
    return places[:count].assign(**fixed, **own)[SAMPLED.names]


def write_sample(folder: Path, sampled: pd.DataFrame, values: dict, **generate) -> None:
    """Write params.yaml, with some parameters of generate, and the sample into a folder."""
    changed = values | {"generate": values["generate"] | generate}
    (folder / "params.yaml").write_text(yaml.safe_dump(changed))
    write_table(sampled, folder / "data/sampled.parquet", SAMPLED)
