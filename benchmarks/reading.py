"""Measures reading of pictures in training's order, and what places and tokens take in memory; loading.py shows it."""

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from measuring import seconds
from vqatune.dataset.shards import write_shards
from vqatune.loading.picture_digests import digest_content
from vqatune.loading.places import Places
from vqatune.loading.reader import ImageReader
from vqatune.models.encoder import Encoder
from vqatune.params import Params
from vqatune.tables import BATCH, DIGESTS, IMAGES, SHARD_PLACES, read_table, write_table
from vqatune.training.plan import Plan

SEED = 13
BYTES = 20_000
"""Of a picture, as of ABO's small ones."""
ARCHIVES = 4


def measure_reading(folder: Path, images: int, shard: int, repeats: int) -> dict[str, float]:
    """Return the images a second that one process reads, by where they lie; the fastest of some rounds, in turn.

    What the system remembers of the files is dropped before each.

    Args:
        folder: an empty one, which gets archives and shards.
        images: how many, of 20,000 random bytes each.
        shard: bytes of a shard.
        repeats: the number of rounds.
    """
    places = _write_archives(folder, images)
    write_table(places.assign(path="", height=1, width=1), folder / "sampled.parquet", IMAGES)
    texts = dict.fromkeys(set(BATCH.names) - {"image_id", "copy", "difficulty"}, "-")
    batch = places[["image_id"]].assign(**texts, difficulty=0, copy=0)
    write_table(batch, folder / "01.parquet", BATCH)
    shards = folder / "shards"
    reader = ImageReader(places)
    digests = [digest_content(reader.content(image_id)) for image_id in places["image_id"]]
    write_table(places.assign(digest=digests), folder / "digests.parquet", DIGESTS)
    tables = (folder / "sampled.parquet", folder / "digests.parquet")
    write_shards(folder, 1, *tables, str(shards), shard, SEED, folder / ".work")
    # In the order of training.
    there = read_table(folder / "01.places.parquet", SHARD_PLACES)
    served = subprocess.Popen(
        [sys.executable, Path(__file__).parent / "http_ranges.py", shards], stdout=subprocess.PIPE, text=True
    )
    try:
        address = served.stdout.readline().strip()
        elsewhere = there.assign(archive=there["archive"].str.replace(str(shards), address))
        # Digests are checked of all, as those of the archives are taken when training reads them.
        known = places.merge(there[["image_id", "digest"]], on="image_id")
        ways = {"archives": known, "shards": there, "shards over HTTP": elsewhere}
        taken = {name: [] for name in ways}
        files = [*places["archive"].unique(), *map(str, shards.iterdir())]
        for _ in range(repeats):
            for name, where in ways.items():
                _forget(files)
                taken[name].append(seconds(_reading(ImageReader(where), there["image_id"].tolist()), "cpu"))
    finally:
        served.kill()
    return {name: images / min(each) for name, each in taken.items()}


def measure_places(count: int) -> dict[str, float]:
    """Return the bytes an image that its place takes in a process: in a dictionary of tuples, and in arrays."""
    table = pd.DataFrame(
        {
            "image_id": [f"{number:011d}" for number in range(count)],
            "archive": [f"data/raw/pictures-{number % 50:04d}.tar" for number in range(count)],
            "offset": np.arange(count) * BYTES,
            "length": BYTES + np.arange(count) % 1000,
        }
    )

    def dictionary() -> dict:
        columns = table[["archive", "offset", "length"]]
        return dict(zip(table["image_id"], columns.itertuples(index=False, name=None), strict=True))

    made = {"dictionary": dictionary, "arrays": lambda: Places([table])}
    return {name: _held(make) / count for name, make in made.items()}


def measure_tokens(params: Params, encoder: Encoder, folder: Path, images: int) -> dict[str, float]:
    """Return the bytes a pair that are held before the first step, three distinct pairs an image.

    With the tokens of all pairs at once, and by training's plan, which makes those of the steps that are loaded ahead.
    """
    path = folder / "picture.png"
    Image.new("RGB", (64, 64)).save(path)
    ids = [f"{number:011d}" for number in range(images) for _ in range(3)]
    pairs = pd.DataFrame(
        {
            "image_id": ids,
            "qa_id": [f"{number:016x}" for number in range(len(ids))],
            "copy": 0,
            "question": [f"what is the color of number {number}?" for number in range(len(ids))],
            "answer": [f"red {number}" for number in range(len(ids))],
        }
    )
    places = Places(
        [pairs[["image_id"]].assign(archive=str(path), offset=0, length=path.stat().st_size).iloc[::3]]
    )

    def all_at_once() -> object:
        return encoder.questions(pairs["question"].tolist()), encoder.answers(pairs["answer"].tolist())

    def planned() -> object:
        plan = Plan(params, pairs, ImageReader(places), encoder)
        steps = plan.from_step(0, pin=False)
        return plan, steps, list(next(steps)[1])

    ways = {"all at once": all_at_once, "by the step": planned}
    # Libraries load what they need at the first call.
    planned()
    return {name: _held(make) / len(pairs) for name, make in ways.items()}


def _write_archives(folder: Path, images: int) -> pd.DataFrame:
    random = np.random.default_rng(SEED)
    rows = []
    for number in range(ARCHIVES):
        path = folder / f"pictures-{number}.tar"
        with path.open("wb") as file:
            for picture in range(number, images, ARCHIVES):
                rows.append((f"{picture:011d}", str(path), file.tell(), file.write(random.bytes(BYTES))))
            os.fsync(file.fileno())
    places = pd.DataFrame(rows, columns=["image_id", "archive", "offset", "length"])
    return places.sort_values("image_id", ignore_index=True)


def _reading(reader: ImageReader, image_ids: list[str]) -> Callable[[], None]:
    def read() -> None:
        for image_id in image_ids:
            reader.content(image_id)

    return read


def _forget(paths: list[str]) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _held(make: Callable[[], object]) -> int:
    tracemalloc.start()
    kept = make()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return held
