"""How the benchmarks of the model show their figures."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from card import BATCHES, IMAGES, QUESTIONS
from measuring import machine
from setting import Setting
from vqatune.tables import write_json

RATIO = "{:.1f} ×"
TARGET_RATIO, TARGET_STEP = 12, 1.6
"""Pairs a second over the reference's, and a training step over the image encoder's: on 2 cores, in bf16."""


def describe(benchmark: str, setting: Setting) -> dict:
    """Return and show what is measured, and on what."""
    figures = {
        "benchmark": benchmark,
        "setting": asdict(setting),
        "machine": machine(setting.device),
    }
    architecture = "a tiny BLIP" if setting.small else "blip-vqa-base's architecture"
    where = ", ".join(f"{name} {value}" for name, value in figures["machine"].items())
    Console().print(
        f"{benchmark}: {architecture}, random weights, LoRA r=8 on {' '.join(setting.targets)}, "
        f"{setting.precision}; {setting.questions} questions an image\n{where}\n"
        f"the fastest of {setting.repeats} calls in turn",
        highlight=False,
    )
    return figures


def show_comparison(title: str, case: dict, training: bool) -> None:
    """Show reference and ours side by side, and ours beside the image encoder."""
    table = Table("", "pairs at a time", "pairs/s", "ms a pair", "peak MB", "ours over it", title=title)
    for row in [*case["reference"], case["ours"]]:
        rate, peak = row["pairs_per_second"], row["peak_mb"]
        table.add_row(
            row["name"],
            str(row["pairs_together"]),
            f"{rate:.2f}",
            f"{1000 / rate:.1f}",
            "–" if peak is None else f"{peak:.0f}",
            RATIO.format(row["ratio"]) if "ratio" in row else "",
        )
    encoder = case["encoder"]
    passes = "forward and backward" if training else "forward"
    ends = Table("", "seconds", "our step over it", "target")
    ends.add_row(f"our step, {case['images']} images", f"{case['ours']['seconds']:.3f}", "", "")
    for kind, name in (
        ("ours", "image encoder alone"),
        ("transformers", "transformers' image encoder alone"),
    ):
        over = f"{encoder[f'step_over_{kind}']:.2f}"
        target = f"at most {TARGET_STEP}" if training and kind == "ours" else ""
        ends.add_row(f"{name}, {passes}", f"{encoder[kind]:.3f}", over, target)
    console = Console()
    console.print(table, ends)
    console.print(
        f"{RATIO.format(case['ratio'])} the pairs per second of the fastest reference "
        f"(target: at least {TARGET_RATIO})",
        highlight=False,
    )


def show_growth(rows: list[dict], images: int) -> None:
    """Show how ours grows with the questions of an image."""
    table = Table(
        "questions an image", "seconds a step", "over one question", "pairs/s", title=f"ours, {images} images"
    )
    for row in rows:
        seconds, relative = f"{row['seconds']:.3f}", f"{row['relative']:.2f}"
        table.add_row(str(row["questions"]), seconds, relative, f"{row['pairs_per_second']:.1f}")
    Console().print(table)


def show_card(figures: dict) -> None:
    """Show what a graphics card was put to, and how long a whole chain takes on it."""
    lines = [f"{figures['images_per_second']:.1f} images/s, {figures['tflops']:.1f} TFLOP/s"]
    if figures["share_of_peak"] is not None:
        peak, share = figures["peak_tflops"], figures["share_of_peak"]
        lines.append(f"{share:.1%} of the card's peak of {peak:.0f} TFLOP/s in matrix products")
    for name, hours in figures.get("chain_hours", {}).items():
        lines.append(
            f"{BATCHES} batches of {IMAGES:,} images with {QUESTIONS} questions each, {name}: {hours:.2f} h"
        )
    Console().print("\n".join(lines), highlight=False)


def save(figures: dict, path: Path | None) -> None:
    """Write the figures as JSON where that is asked for."""
    if path:
        write_json(figures, path)
