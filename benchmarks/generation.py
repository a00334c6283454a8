"""Throughput and memory of the store, parsing and checks of replies, compared with a naive implementation.

    python benchmarks/generation.py

makes up 100,000 images with their listings and Gemini's replies (2 kB, 15 pairs, with the usual faults). The generate
stage runs unchanged in a process of its own, with replies from a file instead of the network; then again, with every
reply in the store. The naive implementation does the same for some of the images, one after the other: a JSON file
each, written to disk, read back, and checked pair by pair. Needs Linux.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from rich.console import Console
from rich.table import Table

from generation_replies import listing, write_replies
from generation_stage import picture
from plain_generation import plain_generation
from vqatune.generation.checks.checks import CHECKS
from vqatune.generation.checks.tally import CheckTally
from vqatune.tables import CHECKED, PAIRS, SAMPLED, read_table, write_json, write_table

ROOT = Path(__file__).resolve().parent.parent
STAGE = Path(__file__).with_name("generation_stage.py")
TYPES = 300
BYTES = (2_000, 11_600)
"""The size of an image; ABO's small ones have 6.8 kB on average."""
SHARES = (0.1, 0.5, 1.0)
"""How much of a phase is over where memory is looked at."""
TARGET_RATE, TARGET_MB = 1000, 300


def main() -> None:
    """Measure and show."""
    chosen = _arguments()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        size = prepare(folder, chosen.images)
        first, again = run_stage(folder), run_stage(folder)
        store = folder / ".work/replies/replies.sqlite"
        replies = json.loads((folder / "metrics/generation.json").read_text())["replies"]
        plain = compare(folder, min(chosen.plain, chosen.images))
        figures = {
            "benchmark": "generation",
            "machine": _machine(),
            "images": chosen.images,
            "replies": replies,
            "reply_bytes": size / replies,
            "store_mb": store.stat().st_size / 1e6,
            "store_bytes_a_reply": store.stat().st_size / replies,
            "first": first,
            "again": again,
            "plain": plain,
        }
    figures["images_per_second"] = chosen.images / first["seconds"]
    figures["ratio"] = {
        phase: chosen.images / first["phases"][phase]["seconds"] / rate
        for phase, rate in plain["images_per_second"].items()
    }
    show(figures)
    if chosen.json:
        write_json(figures, chosen.json)


def prepare(folder: Path, images: int) -> int:
    """Write the stage's inputs, and the replies; return the bytes of the replies."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["generate"] |= {"provider": "gemini", "shard": None, "endpoint": None}
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    luck = np.random.default_rng(13)
    lengths = luck.integers(*BYTES, images)
    things = [f"thing{place}" for place in (TYPES * luck.random(images) ** 3).astype(int)]
    first, ends = [0], [0]
    with (folder / "images.bin").open("wb") as pictures, (folder / "replies.bin").open("wb") as replies:
        for number, (thing, length) in enumerate(zip(things, lengths.tolist(), strict=True)):
            pictures.write(picture(number, length))
            for body in write_replies(number, thing):
                ends.append(ends[-1] + replies.write(body))
            first.append(len(ends) - 1)
    np.savez(folder / "replies.npz", first=first, ends=ends)
    names = [f"{number * 2654435761 % 2**32:08x}" for number in range(images)]
    sampled = pd.DataFrame(
        {
            "image_id": names,
            "item_id": [f"B{number // 3:09d}" for number in range(images)],
            "product_type": [thing.upper() for thing in things],
            "language": "en_US",
            "metadata": [listing(number, thing) for number, thing in enumerate(things)],
            "path": [f"{name[:2]}/{name}.jpg" for name in names],
            "archive": "images.bin",
            "offset": np.cumsum(lengths) - lengths,
            "length": lengths,
            "tier": 0,
            "repeats": 1,
        }
    )
    # As the stage before leaves it.
    write_table(sampled.sort_values("image_id"), folder / "data/sampled.parquet", SAMPLED)
    return ends[-1]


def run_stage(folder: Path) -> dict:
    """Run the stage and return what it took.

    Returns:
        seconds: of the process, its start included.
        processor_seconds: of all its threads.
        peak_mb: the most resident memory.
        private_mb: the most of it that is not pages of files, such as libraries, which processes share.
        phases: of `looking` for replies, `asking` (and keeping), `parsed` (checking and writing), the seconds
            and the resident memory `mb` after each of SHARES; without the first two where nothing is asked.
    """
    before, start = os.times(), time.time()
    process = subprocess.Popen([sys.executable, STAGE], cwd=folder)
    memory: list[tuple[float, float]] = []
    private = 0.0
    while process.poll() is None:
        resident, shared = _memory_mb(process.pid)
        memory.append((time.time(), resident))
        private = max(private, resident - shared)
        time.sleep(0.02)
    if process.returncode:
        sys.exit(f"the stage failed with {process.returncode}")
    after = os.times()
    trace = json.loads((folder / "trace.json").read_text())
    bounds = {"start": start} | {name: trace[name] for name in ("asking", "asked") if name in trace}
    names = ["looking", "asking", "reading"] if "asking" in trace else ["all"]
    times = [*bounds.values(), trace["ended"]]
    return {
        "seconds": trace["ended"] - start,
        "processor_seconds": sum(after[2:4]) - sum(before[2:4]),
        "peak_mb": trace["peak_mb"],
        "private_mb": private,
        "phases": {
            name: {
                "seconds": until - since,
                "mb": [_at(memory, since + share * (until - since)) for share in SHARES],
            }
            for name, since, until in zip(names, times, times[1:], strict=False)
        },
    }


def compare(folder: Path, images: int) -> dict:
    """Go the plain way with the first images by name, and return its figures; stops where it finds something else."""
    sampled = read_table(folder / "data/sampled.parquet", SAMPLED).head(images)
    found, counts, rates = plain_generation(sampled, folder)
    kept = read_table(folder / "data/qa.parquet", PAIRS).assign(check=None)
    dropped = read_table(folder / "data/dropped.parquet", CHECKED)
    ours = pd.concat([part[part["image_id"].isin(sampled["image_id"])] for part in (kept, dropped)])
    by = [*PAIRS.names, "check"]
    expected = ours.astype(found.dtypes).sort_values(by, ignore_index=True)
    pd.testing.assert_frame_equal(found.sort_values(by, ignore_index=True), expected)
    tally = CheckTally()
    tally.add(ours)
    report = tally.report()
    assert {name: counts["all"][name] for name in CHECKS} == report["dropped"]
    assert sum(counts["question_words"].values()) == report["type_token_diversity"]["questions"]["words"]
    return {"images": images, "pairs": len(found), "images_per_second": rates}


def _at(memory: list[tuple[float, float]], moment: float) -> float:
    return min(memory, key=lambda sample: abs(sample[0] - moment))[1]


def _memory_mb(pid: int) -> tuple[float, float]:
    """Return a process's resident memory, and how much of it are pages of files; nothing once it has ended."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        pages = []
    resident, shared = pages[1:3] or (0, 0)
    page = os.sysconf("SC_PAGE_SIZE") / 1e6
    return int(resident) * page, int(shared) * page


def _machine() -> dict[str, str | int]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    return {"device": name, "cores": len(os.sched_getaffinity(0)), "pandas": pd.__version__}


def show(figures: dict) -> None:
    """Print the figures and the targets."""
    first, again, images = figures["first"], figures["again"], figures["images"]
    plain = figures["plain"]["images_per_second"]
    memory = [f"MB, {share:.0%}" for share in SHARES]
    table = Table("", "seconds", "images/s", *memory, "plain, images/s", "ratio")
    for name, phase in first["phases"].items():
        row = [
            name,
            f"{phase['seconds']:.1f}",
            f"{images / phase['seconds']:,.0f}",
            *map("{:.0f}".format, phase["mb"]),
        ]
        if name in plain:
            row += [f"{plain[name]:,.0f}", f"{figures['ratio'][name]:.1f} ×"]
        table.add_row(*row)
    table.add_section()
    for name, run in (("all", first), ("again", again)):
        table.add_row(name, f"{run['seconds']:.1f}", f"{images / run['seconds']:,.0f}")
    console = Console()
    console.print(table)
    console.print(
        f"{images:,} images, {figures['replies']:,} replies of {figures['reply_bytes']:,.0f} bytes, "
        f"{figures['store_bytes_a_reply']:,.0f} each in the store ({figures['store_mb']:,.0f} MB)\n"
        f"{figures['images_per_second']:,.0f} images/s (target {TARGET_RATE:,}), {first['processor_seconds']:.0f} s of "
        f"the processors; at most {first['peak_mb']:.0f} MB resident (target {TARGET_MB}), {first['private_mb']:.0f} of "
        f"them its own; again {again['peak_mb']:.0f} and {again['private_mb']:.0f} MB",
        highlight=False,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--plain", type=int, default=2000, help="images that go the plain way")
    parser.add_argument("--folder", type=Path, help="where to make the temporary folder (1.5 GB)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
