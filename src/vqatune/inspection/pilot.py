"""A pilot: pairs for a few images of the sample. Its replies are stored, and the full run finds them."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.generate import Generated, generate_pairs, in_shard
from vqatune.inspection.draw import draw_over_types
from vqatune.params import Params
from vqatune.tables import SAMPLED, read_table


@dataclass(frozen=True)
class Pilot:
    """The images of a pilot, and the pairs about them that pass the checks and those that do not."""

    images: pd.DataFrame
    """The columns of tables.SAMPLED."""
    kept: pd.DataFrame
    """The columns of tables.PAIRS."""
    dropped: pd.DataFrame
    """The columns of tables.CHECKED."""
    generated: Generated
    asked_singly: bool
    """Whether a provider of batch jobs was asked by single requests, which cost twice as much."""


def run_pilot(sampled: pd.DataFrame, params: Params, count: int) -> Pilot:
    """Generate pairs for `count` images (or all), drawn evenly over the product types, and check them.

    Batch jobs would take a day, so gemini_batch is asked by single requests, whose replies are the same. Whatever fails
    is part of what a pilot shows, and no error; errors are those of `generate` that have other reasons.
    """
    given = params.generate
    images = sampled[in_shard(sampled["product_type"], given.shard)] if given.shard else sampled
    images = draw_over_types(images, count, params.seed)
    singly = given.provider == "gemini_batch"
    asked = given.model_copy(
        update={"shard": None, "provider": "gemini" if singly else given.provider},
    )
    kept, dropped, generated = generate_pairs(images, asked, params.compute, params.seed, pilot=True)
    return Pilot(images, kept, dropped, generated, singly)


def read_sampled(path: Path = Path("data/sampled.parquet")) -> pd.DataFrame:
    """Return the sampled images; raises DataError where the stage has not run."""
    if not path.exists():
        raise DataError(f"{path} does not exist: run `dvc repro sample`")
    return read_table(path, SAMPLED)
