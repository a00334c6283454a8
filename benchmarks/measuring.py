"""Measuring the time and peak memory of runs, in turn, in one process."""

import ctypes
import gc
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import transformers
from torch import nn

PEAK_RESET = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Run:
    """A call to measure."""

    name: str
    model: nn.Module
    """The model that it uses."""
    go: Callable[[], object]
    pairs: int
    """In all of one call."""
    together: int
    """Pairs in one batch."""


@dataclass(frozen=True)
class Measured:
    """The measurements of a run."""

    name: str
    pairs_together: int
    seconds: float
    """Of the fastest call."""
    pairs_per_second: float
    peak_mb: float | None
    """Of the first call: on a CPU the resident memory, on a GPU the model's weights and what the call allocates."""


def measure(runs: Sequence[Run], repeats: int, device: str) -> list[Measured]:
    """Call every run once to warm up and measure memory, then all in turn `repeats` times to measure time."""
    peaks = [peak_mb(run, device) for run in runs]
    fastest = [float("inf")] * len(runs)
    for _ in range(repeats):
        for number, run in enumerate(runs):
            fastest[number] = min(fastest[number], seconds(run.go, device))
    return [
        Measured(run.name, run.together, best, run.pairs / best, peak)
        for run, best, peak in zip(runs, fastest, peaks, strict=True)
    ]


def seconds(go: Callable[[], object], device: str) -> float:
    """Return the seconds of a call, including the device's work."""
    _wait(device)
    start = time.perf_counter()
    go()
    _wait(device)
    return time.perf_counter() - start


def peak_mb(run: Run, device: str) -> float | None:
    """Call a run and return its peak memory in MB; None where the system does not report it."""
    gc.collect()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run.go()
        _wait(device)
        # Exclude other runs' models, which are on the GPU, too.
        weights = sum(weight.nbytes for weight in run.model.parameters())
        return (torch.cuda.max_memory_allocated() - before + weights) / 1e6
    if not PEAK_RESET.exists():
        run.go()
        return None
    if platform.libc_ver()[0] == "glibc":
        # Return freed memory to the system first, as it is not of this run.
        ctypes.CDLL(None).malloc_trim(0)
    PEAK_RESET.write_text("5")
    run.go()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024 / 1e6


def compare(references: Sequence[Run], ours: Run, encoders: Sequence[Run], repeats: int, device: str) -> dict:
    """Measure the reference, ours, and the image encoder alone (our way and transformers'), in turn.

    Returns:
        reference: what each came to, and `ratio`, how many times as many pairs per second ours takes.
        ours: what it came to.
        ratio: to the fastest reference.
        encoder: seconds of `ours` and `transformers` for the images of ours, and how many times as long ours takes
        as each: `step_over_ours`, `step_over_transformers`.
    """
    *by_hand, our, own, stock = measure([*references, ours, *encoders], repeats, device)
    rows = [asdict(row) | {"ratio": our.pairs_per_second / row.pairs_per_second} for row in by_hand]
    return {
        "reference": rows,
        "ours": asdict(our),
        "ratio": min(row["ratio"] for row in rows),
        "encoder": {
            "ours": own.seconds,
            "transformers": stock.seconds,
            "step_over_ours": our.seconds / own.seconds,
            "step_over_transformers": our.seconds / stock.seconds,
        },
    }


def growth(runs: dict[int, Run], repeats: int, device: str) -> list[dict]:
    """Measure ours by questions an image; `relative` is the time over that of the first, one question."""
    measured = measure(list(runs.values()), repeats, device)
    return [
        {
            "questions": questions,
            "seconds": row.seconds,
            "relative": row.seconds / measured[0].seconds,
            "pairs_per_second": row.pairs_per_second,
        }
        for questions, row in zip(runs, measured, strict=True)
    ]


def machine(device: str) -> dict[str, str | int]:
    """Return device, threads and versions of torch and transformers."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if device == "cuda":
        name = torch.cuda.get_device_name()
    elif information.exists():
        lines = information.read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return {
        "device": name,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
