"""Time and memory of sample, split and batch on catalogues of millions of images, and those of the same over whole tables.

    python benchmarks/scale.py --images 1000000 4000000

writes data/filtered.parquet and data/qa.parquet with so many images, of ABO's product types and with listings of four images,
runs the three stages, each in its own process, and prints seconds, peak memory and what both come to at 65 million images, by the
slope between the smallest and the largest. `--whole` also runs what computes over a whole table in memory (sample_images,
split_pairs, make_master_batches), for the ratio. Needs Linux.
"""

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from catalogue import ROOT, TYPE_COUNTS, measure, type_counts
from vqatune.tables import FILTERED, PAIRS, writing_table

STAGES = ("sample", "split", "batch")
TARGET_IMAGES, TARGET_GIGABYTES = 65_000_000, 8
PAIRS_PER_IMAGE = 3
IMAGES_PER_LISTING = 4
_ROWS = 20_000
WHOLE = {
    "sample": "sampled, types = sample_images(read_table('data/filtered.parquet', FILTERED), params.sample, params.seed)\n"
    "write_table(sampled, 'data/sampled.parquet', SAMPLED)",
    "split": "sets = split_pairs(read_table('data/qa.parquet', PAIRS), params.split, params.seed)\n"
    "for name, pairs in sets._asdict().items():\n    write_table(pairs, f'data/{name}.parquet', PAIRS)",
    "batch": "repeats = read_table('data/sampled.parquet', SAMPLED, ['image_id', 'repeats'])\n"
    "train = read_table('data/train.parquet', PAIRS)\n"
    "batches, _ = make_master_batches(train, repeats, params.batch, len(params.versions), params.seed)\n"
    "for number, batch in enumerate(batches, start=1):\n    write_table(batch, f'data/batches/{number:02d}.parquet', BATCH)",
}
_IMPORTS = """
from vqatune.catalogue.sample import sample_images
from vqatune.dataset.master_batches import make_master_batches
from vqatune.dataset.split import split_pairs
from vqatune.params import load_params
from vqatune.tables import BATCH, FILTERED, PAIRS, SAMPLED, read_table, write_table
params = load_params()
"""


def main() -> None:
    """Write the tables, run the stages for each size, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--images", type=int, nargs="+", default=[1_000_000], help="sizes, the smallest first"
    )
    parser.add_argument("--whole", action="store_true", help="also over whole tables in memory")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="also write the figures into this file")
    arguments = parser.parse_args()
    measured = []
    for images in arguments.images:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
            folder = Path(temporary)
            # Every image is sampled, and has pairs.
            params = (
                (ROOT / "params.yaml")
                .read_text(encoding="utf-8")
                .replace("strategy: tiered", "strategy: all")
            )
            (folder / "params.yaml").write_text(params, encoding="utf-8")
            write_tables(folder / "data", images)
            for stage in STAGES:
                row: dict[str, float | str] = {"stage": stage, "images": images}
                if arguments.whole:
                    seconds, _, megabytes = measure([sys.executable, "-c", _IMPORTS + WHOLE[stage]], folder)
                    row |= {"whole_seconds": seconds, "whole_megabytes": megabytes}
                seconds, processor, megabytes = measure(
                    [sys.executable, str(ROOT / f"stages/{stage}.py")], folder
                )
                row |= {"seconds": seconds, "processor_seconds": processor, "megabytes": megabytes}
                measured.append(row)
                print(json.dumps(row), file=sys.stderr)
    figures = {"benchmark": "scale", "cores": len(os.sched_getaffinity(0)), "stages": measured}
    figures["calculated"] = calculated(pd.DataFrame(measured)) if len(arguments.images) > 1 else []
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    show(figures)


def calculated(measured: pd.DataFrame) -> list[dict[str, float | str]]:
    """Return the hours and gigabytes of each stage at 65 million images, on the line through the two ends."""
    found = []
    for stage, own in measured.groupby("stage", sort=False):
        small, large = own.iloc[0], own.iloc[-1]
        row = {"stage": stage}
        for name, unit, scale in (("seconds", "hours", 3600), ("megabytes", "gigabytes", 1000)):
            slope = (large[name] - small[name]) / (large["images"] - small["images"])
            row[unit] = (small[name] + slope * (TARGET_IMAGES - small["images"])) / scale
        found.append(row)
    return found


def show(figures: dict) -> None:
    """Print what was measured, and what is calculated from it."""
    table = Table("stage", "images", "seconds", "processor seconds", "peak MB", "of whole tables")
    for row in figures["stages"]:
        whole = (
            f"{row['whole_seconds']:.0f} s, {row['whole_megabytes']:.0f} MB" if "whole_seconds" in row else ""
        )
        table.add_row(
            row["stage"], f"{row['images']:,}", f"{row['seconds']:.1f}", f"{row['processor_seconds']:.1f}",
            f"{row['megabytes']:.0f}", whole,
        )  # fmt: skip
    if figures["calculated"]:
        table.add_section()
    for row in figures["calculated"]:
        said = f"{row['gigabytes']:.1f} GB"
        table.add_row(
            f"{row['stage']}, calculated", f"{TARGET_IMAGES:,}", f"{row['hours']:.1f} h", "", said, ""
        )
    table.caption = f"wanted: every stage below {TARGET_GIGABYTES} GB at {TARGET_IMAGES:,} images"
    Console().print(table)


def write_tables(folder: Path, images: int) -> None:
    """Write filtered.parquet and qa.parquet, a group at a time."""
    types = type_counts(TYPE_COUNTS, 1.0)
    names = np.array([name for name, _, _ in types], dtype=object)
    shares = np.array([count for _, count, _ in types], dtype=float)
    chance, words = np.random.default_rng(13), random.Random(13)
    with (
        writing_table(folder / "filtered.parquet", FILTERED) as write_image,
        writing_table(folder / "qa.parquet", PAIRS) as write_pair,
    ):
        for group in groups_of(images, names, shares / shares.sum(), chance, words):
            write_image(group)
            write_pair(pairs_of(group))


def groups_of(
    images: int, names: np.ndarray, shares: np.ndarray, chance: np.random.Generator, words: random.Random
) -> Iterator[pd.DataFrame]:
    """Yield the images; listings have metadata of some 600 bytes."""
    text = " ".join(
        words.choice(["wood", "steel", "soft", "large", "blue", "set", "home", "with"]) for _ in range(90)
    )
    for first in range(0, images, _ROWS):
        numbers = np.arange(first, min(first + _ROWS, images))
        listings = numbers // IMAGES_PER_LISTING
        own = names[chance.choice(len(names), len(listings) // IMAGES_PER_LISTING + 2, p=shares)]
        ids = pd.Series([f"i{number:010d}" for number in numbers], dtype="str")
        yield pd.DataFrame(
            {
                "image_id": ids,
                "item_id": [f"B{listing:09d}" for listing in listings],
                "product_type": own[listings - listings[0]],
                "language": "en_US",
                "metadata": [f'{{"item_name":["{listing} {text}"]}}' for listing in listings],
                "path": ids + ".jpg",
                "archive": "data/raw/abo-images-small.tar",
                "offset": numbers * 10_000,
                "length": 9_000,
            }
        )


def pairs_of(images: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of some images."""
    pairs = images.loc[images.index.repeat(PAIRS_PER_IMAGE), ["image_id", "item_id", "product_type"]]
    number = np.tile(np.arange(PAIRS_PER_IMAGE), len(images))
    return pairs.assign(
        qa_id=[f"{image}-{each}" for image, each in zip(pairs["image_id"], number, strict=True)],
        question=[f"What is number {each} of what is shown in the picture?" for each in number],
        answer="dark blue",
        difficulty=pd.array(number, dtype="Int8"),
        question_type="other",
        attribute="other",
        language="en_US",
        task="general",
        generator="template",
    )


if __name__ == "__main__":
    main()
