"""For tests of reviews: a folder with a sample, its pairs, and params.yaml."""

from pathlib import Path

import pandas as pd
from sampled_pictures import sampled_pictures, write_sample

from vqatune.generation.checks.qa_ids import qa_ids
from vqatune.tables import CHECKED, PAIRS, write_table

QUESTIONS = (("What color is it?", "red", None), ("How many are there?", "two", None))
QUESTIONS += (("What is the brand?", "unknown", "none_like"),)


def write_pairs(folder: Path, places: pd.DataFrame, values: dict, count: int = 6, **generate) -> pd.DataFrame:
    """Write the pairs of some pictures, two kept and one dropped each; return all."""
    images = sampled_pictures(places, count)
    write_sample(folder, images, values, **generate)
    rows = images[["image_id", "item_id", "product_type", "language"]].merge(
        pd.DataFrame(QUESTIONS, columns=["question", "answer", "check"]), how="cross"
    )
    pairs = rows.assign(difficulty=1, question_type="color", attribute="color", task="general", generator="m")
    pairs = pairs.assign(qa_id=qa_ids(pairs))[CHECKED.names]
    kept = pairs["check"].isna()
    write_table(pairs[kept][PAIRS.names], folder / "data/qa.parquet", PAIRS)
    write_table(pairs[~kept], folder / "data/dropped.parquet", CHECKED)
    return pairs
