"""Time and memory of the stages from extract to batch on catalogues of millions of images.

    python benchmarks/scale.py --images 1000000 4000000 --parts 16

builds ABO's two archives for so many images (large_archives.py), runs the stages, each in its own process, and prints seconds,
peak memory (of all processes of a stage together), and what both come to at 65 million images, by the slope between the smallest
and the largest. Every image is sampled, and templates ask about it.

    python benchmarks/scale.py --images 65000000 --tables

begins with sample: it writes data/filtered.parquet and data/qa.parquet for so many images instead of the archives. `--whole` also
runs what computes over a whole table in memory (sample_images, split_pairs, make_master_batches), for the ratio. Needs Linux.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from catalogue import ROOT, TYPE_COUNTS, measure, type_counts
from large_archives import IMAGES_PER_LISTING, digits, write_archives
from vqatune.tables import FILTERED, PAIRS, replacing_parts, writing_table

STAGES = ("extract", "filter", "sample", "generate", "split", "batch")
KEYED = ("sample", "split", "batch")
TARGET_IMAGES, TARGET_GIGABYTES = 65_000_000, 8
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
    """Write the input, run the stages for each size, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--images", type=int, nargs="+", default=[1_000_000], help="sizes, the smallest first"
    )
    parser.add_argument(
        "--parts", type=int, default=1, help="tables.parts of the smallest; larger ones have more"
    )
    parser.add_argument("--tables", action="store_true", help="begin with sample")
    parser.add_argument("--pairs", type=int, default=3, help="pairs an image, with --tables")
    parser.add_argument(
        "--whole", action="store_true", help="with --tables: also over whole tables in memory"
    )
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="also write the figures into this file")
    arguments = parser.parse_args()
    measured: list[dict[str, float | str]] = []
    for images in arguments.images:
        parts = arguments.parts * images // arguments.images[0]
        with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
            folder = Path(temporary)
            write_params(folder, parts)
            types = type_counts(TYPE_COUNTS, 1.0)
            names = np.array([name for name, _, _ in types], dtype=object)
            shares = np.array([count for _, count, _ in types], dtype=float)
            if arguments.tables:
                write_tables(folder / "data", images, arguments.pairs, parts, names, shares / shares.sum())
            else:
                write_archives(folder / "data/raw", images, names, shares / shares.sum())
            for stage in KEYED if arguments.tables else STAGES:
                row = measure_stage(stage, folder, arguments.whole) | {"images": images, "parts": parts}
                measured.append(row)
                print(json.dumps(row), file=sys.stderr)
    figures = {"benchmark": "scale", "cores": len(os.sched_getaffinity(0)), "stages": measured}
    figures["calculated"] = calculated(pd.DataFrame(measured)) if len(arguments.images) > 1 else []
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    show(figures)


def write_params(folder: Path, parts: int) -> None:
    """Write parameters by which every image is sampled."""
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for old, new in (("strategy: tiered", "strategy: all"), ("  parts: 1\n", f"  parts: {parts}\n")):
        if old not in params:
            sys.exit(f"params.yaml has no {old.strip()!r} to replace")
        params = params.replace(old, new)
    (folder / "params.yaml").write_text(params, encoding="utf-8")


def measure_stage(stage: str, folder: Path, whole: bool) -> dict[str, float | str]:
    """Run a stage; return its seconds and memory."""
    row: dict[str, float | str] = {"stage": stage}
    if whole:
        seconds, _, megabytes = measure([sys.executable, "-c", _IMPORTS + WHOLE[stage]], folder)
        row |= {"whole_seconds": seconds, "whole_megabytes": megabytes}
    seconds, processor, megabytes = measure([sys.executable, str(ROOT / f"stages/{stage}.py")], folder)
    return row | {"seconds": seconds, "processor_seconds": processor, "megabytes": megabytes}


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


def write_tables(
    folder: Path, images: int, pairs: int, parts: int, names: np.ndarray, shares: np.ndarray
) -> None:
    """Write filtered.parquet and qa.parquet, in parts; a listing has four images."""
    chance = np.random.default_rng(13)
    with (
        replacing_parts(folder / "filtered.parquet", parts) as filtered,
        replacing_parts(folder / "qa.parquet", parts) as qa,
    ):
        # Cut into parts by their numbers: what sorts a part by its hashes is not measured here.
        for part, numbers in enumerate(np.array_split(np.arange(images), parts)):
            with (
                writing_table(filtered(part), FILTERED) as write_image,
                writing_table(qa(part), PAIRS) as write_pair,
            ):
                for first in range(0, len(numbers), _ROWS):
                    group = images_of(numbers[first : first + _ROWS], names, shares, chance)
                    write_image(group)
                    write_pair(pairs_of(group, pairs))


def images_of(
    numbers: np.ndarray, names: np.ndarray, shares: np.ndarray, chance: np.random.Generator
) -> pd.DataFrame:
    """Return the rows of images, with metadata of some 100 bytes."""
    listings = numbers // IMAGES_PER_LISTING
    own = names[chance.choice(len(names), listings[-1] - listings[0] + 1, p=shares)]
    ids, items = numbered("i", numbers, 10), numbered("B", listings, 9)
    return pd.DataFrame(
        {
            "image_id": ids,
            "item_id": items,
            "product_type": own[listings - listings[0]],
            "language": "en_US",
            "metadata": '{"color":["Black"],"item_name":["a thing of ' + items + ' for home and kitchen"]}',
            "path": ids + ".jpg",
            "archive": "data/raw/abo-images-small.tar",
            "offset": numbers * 10_000,
            "length": 9_000,
        }
    )


def pairs_of(images: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return so many pairs of each image."""
    pairs = images.loc[images.index.repeat(count), ["image_id", "item_id", "product_type"]].reset_index(
        drop=True
    )
    number = np.tile(np.arange(count), len(images))
    text = pd.Series(number, dtype="str")
    return pairs.assign(
        qa_id=pairs["image_id"] + "-" + text,
        question="What is number " + text + " of what is shown in the picture?",
        answer="dark blue",
        difficulty=pd.array(number, dtype="Int8"),
        question_type="other",
        attribute="other",
        language="en_US",
        task="general",
        generator="template",
    )


def numbered(letter: str, numbers: np.ndarray, count: int) -> pd.Series:
    """Return names of a letter and so many digits."""
    text = np.full((len(numbers), count + 1), ord(letter), np.uint8)
    text[:, 1:] = digits(numbers, count)
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * (count + 1)
    column = pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text))
    return column.to_pandas()


if __name__ == "__main__":
    main()
