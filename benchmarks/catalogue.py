"""Time and memory of the stages from extract to batch on a catalogue of ABO's full size.

    python benchmarks/catalogue.py

builds archives of 147,702 listings and 398,212 tiny images, each different, with ABO's counts per product type where
they are available, runs the stages one after another as `dvc repro` would, each in its own process, and prints
seconds, peak memory and rows of each against the target: 90 s and 2 GB on 2 cores. On a busy machine, CPU seconds
divided by 2 are a lower bound of the time. Needs Linux.
"""

import argparse
import csv
import gzip
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
TYPE_COUNTS = ROOT.parent / "shared/abo-slice/abo-product-types.csv"
LISTINGS, IMAGES, REFERENCES = 147_702, 398_212, 710_653
TARGET_SECONDS, TARGET_MEGABYTES = 90, 2000
STAGES = {
    "extract": ["data/extracted/listings.parquet", "data/extracted/images.parquet"],
    "filter": ["data/filtered.parquet"],
    "sample": ["data/sampled.parquet"],
    "generate": ["data/qa.parquet"],
    "split": ["data/train.parquet", "data/validation.parquet", "data/test.parquet"],
    "batch": ["data/batches"],
}
_rng = random.Random(13)


def main() -> None:
    """Build the archives unless the folder has them, run the stages, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, help="where to work; kept afterwards (default: a temporary folder)"
    )
    parser.add_argument(
        "--archives", type=Path, help="a folder with ABO's two archives to measure instead of building them"
    )
    parser.add_argument("--types", type=Path, default=TYPE_COUNTS, help="CSV: product_type,images,listings")
    parser.add_argument("--scale", type=float, default=1.0, help="share of ABO's size to build (default: 1)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        raw = folder / "data/raw"
        raw.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "params.yaml", folder)
        if arguments.archives:
            for name in ("abo-listings.tar", "abo-images-small.tar"):
                shutil.copy(arguments.archives / name, raw)
        elif not (raw / "abo-images-small.tar").exists():
            build(raw, type_counts(arguments.types, arguments.scale))
        cores = len(os.sched_getaffinity(0))
        table = Table("stage", "seconds", "processor seconds", "peak MB", "rows", title=f"{cores} cores")
        measured = []
        for stage, outputs in STAGES.items():
            figures = measure([sys.executable, str(ROOT / f"stages/{stage}.py")], folder)
            measured.append(figures)
            counted = ", ".join(f"{rows(folder / output):,}" for output in outputs)
            table.add_row(stage, *map("{:.1f}".format, figures[:2]), f"{figures[2]:.0f}", counted)
        seconds, processor, megabytes = zip(*measured, strict=True)
        table.add_section()
        table.add_row("all", f"{sum(seconds):.1f}", f"{sum(processor):.1f}", f"{max(megabytes):.0f}", "")
        table.add_row("target", f"{TARGET_SECONDS}", "", f"{TARGET_MEGABYTES}", "")
        Console().print(table)


def type_counts(path: Path, scale: float) -> list[tuple[str, int, int]]:
    """Return (product type, image references, listings), read from `path` or, where it is absent, made up."""
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            counts = [
                (row["product_type"], int(row["images"]), int(row["listings"]))
                for row in csv.DictReader(file)
            ]
    else:
        print(f"{path} is not there: product types are made up", file=sys.stderr)
        # ABO's own largest share, then Zipf's law over the rest of its 576 types.
        weights = [0.44, *(0.56 / (number * 6.9) for number in range(1, 576))]
        weights = [weight / sum(weights) for weight in weights]
        counts = [
            (f"TYPE_{number:03d}", max(1, round(REFERENCES * weight)), max(1, round(LISTINGS * weight)))
            for number, weight in enumerate(weights)
        ]
    return [(name, int(images * scale), max(1, int(listings * scale))) for name, images, listings in counts]


def build(raw: Path, counts: list[tuple[str, int, int]]) -> None:
    """Write both archives; the listings of a type cycle through its images, so that several listings share one."""
    print("building the archives", file=sys.stderr)
    references = sum(count[1] for count in counts)
    share = IMAGES / REFERENCES
    own = [max(-(-images // number), round(images * share)) for _, images, number in counts]
    # The largest type makes up for the rounding of the others.
    own[max(range(len(own)), key=own.__getitem__)] += round(references * share) - sum(own)
    listings = []
    image_count = 0
    for (product_type, images, number), types_own in zip(counts, own, strict=True):
        shown = 0
        for listing in range(number):
            views = images // number + (listing < images % number)
            listings.append(
                (product_type, [image_count + (shown + view) % types_own for view in range(views)])
            )
            shown += views
        image_count += types_own
    write_images(raw / "abo-images-small.tar", image_count)
    write_listings(raw / "abo-listings.tar", listings)
    print(f"{len(listings):,} listings, {image_count:,} images, {references:,} references", file=sys.stderr)


def write_listings(path: Path, listings: list[tuple[str, list[int]]]) -> None:
    """Write the 16 members of JSON Lines, about as much text as ABO's: 3.5 kB a listing before compression."""
    vocabulary = [
        "".join(_rng.choices("abcdefghijklmnoprstuvwy", k=_rng.randint(2, 11))) for _ in range(8000)
    ]
    order = list(range(len(listings)))
    _rng.shuffle(order)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for part in range(16):
            lines = (json.dumps(record(number, *listings[number], vocabulary)) for number in order[part::16])
            content = gzip.compress("\n".join(lines).encode() + b"\n", compresslevel=6, mtime=0)
            add(tar, f"listings/metadata/listings_{part:x}.json.gz", content)


def record(number: int, product_type: str, image_numbers: list[int], vocabulary: list[str]) -> dict:
    """Return a listing in ABO's schema: en_US throughout, so that nothing is dropped, and at times more languages."""

    def words(count: int) -> str:
        return " ".join(_rng.choices(vocabulary, k=count))

    def texts(count: int) -> list[dict]:
        return [{"language_tag": tag, "value": words(count)} for tag in tags]

    tags = ["en_US", *_rng.sample(["en_GB", "de_DE", "es_MX", "he_IL"], k=_rng.choice([0, 0, 0, 1, 2]))]
    color = _rng.choice(
        ["Black", "White", "Blue", "Red", "Beige", "Green", "Multicolor", "Brown", "Grey", "Pink"]
    )
    description = [
        {
            "language_tag": "en_US",
            "value": f"<p>{words(30)}</p><ul><li>{words(12)} &amp; {words(5)}</li></ul>",
        }
    ]
    image_ids = [f"{image:06d}+ABOL" for image in image_numbers]
    shown = {"main_image_id": image_ids[0], "other_image_id": image_ids[1:]} if image_ids else {}
    return shown | {
        "brand": texts(2),
        "bullet_point": [value for _ in range(5) for value in texts(16)],
        "color": [{"language_tag": tag, "standardized_values": [color], "value": color} for tag in tags],
        "item_id": f"B{number:09d}",
        "item_name": texts(12),
        "item_weight": [
            {"normalized_value": {"unit": "pounds", "value": 1.5}, "unit": "pounds", "value": 1.5}
        ],
        "material": texts(1),
        "model_number": [{"value": f"M{number}"}],
        "product_description": description if number % 3 == 0 else [],
        "product_type": [{"value": product_type}],
        "style": texts(1),
        "item_keywords": [{"language_tag": "en_US", "value": words(1)} for _ in range(25)],
        "country": "US",
        "marketplace": "Amazon",
        "domain_name": "amazon.com",
        "node": [{"node_id": _rng.randrange(10**10), "node_name": f"/Categories/{words(2)}/{words(2)}"}],
    }


def write_images(path: Path, count: int) -> None:
    """Write tiny JPEGs, no two alike, in an order unlike that of their ids, and images.csv.gz after them."""
    order = list(range(count))
    _rng.shuffle(order)
    rows = io.StringIO()
    rows.write("image_id,height,width,path\n")
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for (position, image), content in zip(enumerate(order), tiny_jpegs(), strict=False):
            name = f"{position % 256:02x}/{position:08x}.jpg"
            add(tar, f"images/small/{name}", content)
            tar.members.clear()
            rows.write(f"{image:06d}+ABOL,16,16,{name}\n")
        add(tar, "images/metadata/images.csv.gz", gzip.compress(rows.getvalue().encode(), mtime=0))


def tiny_jpegs() -> Iterator[bytes]:
    """Yield JPEGs of 16 × 16 pixels that differ in their comment."""
    file = io.BytesIO()
    Image.effect_noise((16, 16), 60).convert("RGB").save(file, "JPEG")
    start, rest = file.getvalue()[:2], file.getvalue()[2:]
    number = 0
    while True:
        yield start + b"\xff\xfe\x00\x0a" + number.to_bytes(8, "big") + rest
        number += 1


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a member with these bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def measure(command: list[str], folder: Path) -> tuple[float, float, float]:
    """Run a command in `folder`; return its seconds, the processors' and the peak memory (MB), children included.

    Memory is the sum of resident sizes, sampled 20 times a second: pages that processes share count in each.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder)
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, sum(map(resident, family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = process.wait()
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    if status:
        sys.exit(f"{' '.join(command)} failed with {status}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak


def family(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            text = children.read_text()
        except OSError:
            continue  # ended meanwhile
        for child in text.split():
            yield from family(int(child))


def resident(pid: int) -> float:
    """Return a process's resident memory in MB, 0 where it has ended."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except OSError:
        return 0.0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def rows(path: Path) -> int:
    """Return the rows of a Parquet file, or of a folder of them."""
    parts = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    return sum(pq.read_metadata(part).num_rows for part in parts)


if __name__ == "__main__":
    main()
