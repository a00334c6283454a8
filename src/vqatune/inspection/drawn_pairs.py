"""The pairs of the stage generate that are drawn for people, with what is known of their images, and their reviews' file."""

from pathlib import Path

import pandas as pd

from vqatune.errors import DataError
from vqatune.inspection.pilot import read_sampled
from vqatune.inspection.review_draw import draw_for_review
from vqatune.params import Params
from vqatune.tables import CHECKED, PAIRS, read_table

REVIEWS = Path("reviews.csv")
"""The file of reviews, where generate.reviews names none."""


def reviews_path(params: Params) -> Path:
    """Return the file of reviews."""
    return Path(params.generate.reviews) if params.generate.reviews else REVIEWS


def pairs_to_review(count: int, seed: int, data: Path = Path("data")) -> pd.DataFrame:
    """Return drawn pairs (review_draw.draw_for_review) with metadata, archive, offset and length of their images.

    Raises DataError where the stage generate has not run.
    """
    tables = {}
    for name, schema in (("qa", PAIRS), ("dropped", CHECKED)):
        path = data / f"{name}.parquet"
        if not path.exists():
            raise DataError(f"{path} does not exist: run `dvc repro generate`")
        tables[name] = read_table(path, schema)
    drawn = draw_for_review(tables["qa"], tables["dropped"], count, seed)
    images = read_sampled(data / "sampled.parquet")[["image_id", "metadata", "archive", "offset", "length"]]
    return drawn.merge(images, on="image_id", how="left", validate="many_to_one")
