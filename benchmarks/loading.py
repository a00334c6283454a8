"""The rate of reading and preprocessing images from a tar, beside the rates of training and prediction.

    python benchmarks/loading.py

writes drawn images as large as ABO's small ones (256 pixels) into a tar as JPEG, and reads them by offset,
preprocessed for the full architecture (384 pixels), with several numbers of processes. Then it reads 20,000 pictures of
20,000 bytes in the order of training: from archives in which they lie in another order, from shards, and from shards
over HTTP on loopback; and says what places and tokens take in memory.
"""

import os
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from transformers import BlipProcessor
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from measuring import seconds
from reading import measure_places, measure_reading, measure_tokens
from report import describe, save
from setting import SEED, build, make_workload, parse
from vqatune.inference.prediction.decoding import greedy_answers
from vqatune.loading.loader import MicroBatchImages, load_images
from vqatune.loading.reader import ImageReader
from vqatune.models.encoder import Encoder
from vqatune.models.families.blip import make_tokenizer, pair_losses
from vqatune.models.packing import to_device
from vqatune.models.prepare import autocast
from vqatune.params import load_params
from vqatune.showroom.drawing import draw, random_view
from vqatune.showroom.products import random_product

PIXELS = 256
IMAGES = 512
READ = 20_000
SHARD = 64_000_000
PLACES = 200_000
PLANNED = 30_000


def main() -> None:
    """Measure and show."""
    setting, output = parse(__doc__)
    figures = describe("loading", setting)
    model = build(setting, setting.precision).train()
    workload = make_workload(model.config, setting.images, setting.questions)
    batch = to_device(workload.batch(setting.device), next(model.parameters()).device)

    def train() -> None:
        with autocast(batch.questions.ids.device, setting.precision):
            pair_losses(model, batch).mean().backward()
        model.zero_grad()

    def predict() -> None:
        with autocast(batch.questions.ids.device, setting.precision):
            greedy_answers(model, batch, 10)

    taken = {}
    for name, step in (("training", train), ("prediction", predict)):
        step()
        fastest = min(seconds(step, setting.device) for _ in range(setting.repeats))
        taken[name] = setting.images / fastest
    loaded = dict(measure_loading(32 if setting.small else IMAGES, model.config.vision_config.image_size))
    table = Table("", "images/s", "to training", "to prediction")
    for name, rate in taken.items():
        table.add_row(f"taken by {name}", f"{rate:.1f}", "", "")
    for processes, rate in loaded.items():
        ratios = (f"{rate / taken[name]:.1f} ×" for name in ("training", "prediction"))
        table.add_row(
            f"loaded by {processes} process(es)" if processes else "loaded by a thread",
            f"{rate:.0f}",
            *ratios,
        )
    Console().print(table)
    with tempfile.TemporaryDirectory() as folder:
        few = setting.small
        read = measure_reading(
            Path(folder), 500 if few else READ, 2_000_000 if few else SHARD, setting.repeats
        )
        held = {f"places: {name}": size for name, size in measure_places(2_000 if few else PLACES).items()}
        # Of small images, which are in memory, too.
        encoder = make_encoder(16)
        tokens = measure_tokens(load_params(), encoder, Path(folder), 1_000 if few else PLANNED)
        held |= {f"tokens of pairs: {name}": size for name, size in tokens.items()}
    table = Table("bytes read by one process, in the order of training", "images/s")
    for name, rate in read.items():
        table.add_row(name, f"{rate:,.0f}")
    Console().print(table)
    table = Table("in memory before the first step", "bytes an image, or a pair")
    for name, size in held.items():
        table.add_row(name, f"{size:.0f}")
    Console().print(table)
    save(figures | {"taken": taken, "loaded": loaded, "read": read, "held": held}, output)


def measure_loading(images: int, size: int) -> Iterator[tuple[int, float]]:
    """Yield numbers of processes with the images per second that they load."""
    encoder = make_encoder(size)
    with tempfile.TemporaryDirectory() as folder:
        places = write_images(Path(folder) / "pictures.tar", images)
        names = places["image_id"].tolist()
        micro_batches = [names[start : start + 8] for start in range(0, images, 8)]
        pictures = MicroBatchImages(ImageReader(places), encoder)
        for processes in dict.fromkeys([0, 1, 2, os.cpu_count() or 1]):
            taken = seconds(
                lambda processes=processes: list(load_images(micro_batches, pictures, processes)), "cpu"
            )
            yield processes, images / taken


def make_encoder(size: int) -> Encoder:
    """Return an encoder of BLIP's family for images of that size in pixels, with a vocabulary of letters."""
    images = BlipImageProcessorPil(size={"height": size, "width": size})
    return Encoder("blip", BlipProcessor(images, make_tokenizer([], 1000)))


def write_images(path: Path, images: int) -> pd.DataFrame:
    """Write JPEGs one after the other and return their places: image_id, archive, offset, length."""
    rows = []
    with path.open("wb") as file:
        for number in range(images):
            content = BytesIO()
            picture = draw(
                random_product(SEED, number % 64), random_view(SEED, number % 64), (PIXELS, PIXELS)
            )
            picture.save(content, "JPEG", quality=85)
            rows.append((f"{number:06d}", str(path), file.tell(), file.write(content.getvalue())))
    return pd.DataFrame(rows, columns=["image_id", "archive", "offset", "length"])


if __name__ == "__main__":
    main()
