"""Provenance of a run: the changed parameters and, outside of DVC's outputs, machine, packages, commit and data."""

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from vqatune.errors import DataError
from vqatune.params import Params
from vqatune.params.changed import ABSENT, changed
from vqatune.runtime.stage import timings

PACKAGES = (
    *(
        "torch",
        "transformers",
        "peft",
        "accelerate",
        "tokenizers",
        "safetensors",
        "numpy",
        "pandas",
        "pyarrow",
    ),
    *("pillow", "nltk", "sacrebleu", "rouge_score", "RapidFuzz", "bert-score", "sentence-transformers"),
    *("textblob", "scikit-learn", "altair", "vl-convert-python", "dvc"),
)
"""Packages that the results and this page depend on."""

_TRAINING = (
    "model.source",
    "model.family",
    "model.name",
    "lora.variant",
    "lora.r",
    "lora.alpha",
    "lora.dropout",
    "lora.target_modules",
    "train.learning_rate",
    "train.schedule",
    "train.epochs",
    "train.images_per_step",
    "train.accumulation_steps",
    "train.weight_decay",
    "train.carry_optimizer",
    "train.seed",
    "compute.precision",
    "compute.quantization",
)
"""What a reader asks of a training first."""
_ONLY_WITH = {"model.family": "tiny", "model.name": "hub"}
"""Parameters that say something with one model.source alone."""


@dataclass(frozen=True)
class Made:
    """Facts on one run on one machine, which an output of DVC must not depend on.

    facts: (name, value) pairs of text. packages: package, version. data: output, stage, bytes, md5. timings: stage,
    seconds, peak_mb.
    """

    facts: list[tuple[str, str]]
    packages: pd.DataFrame
    data: pd.DataFrame
    timings: pd.DataFrame


def training_parameters(params: Params) -> list[tuple[str, str]]:
    """Return the parameters of the training that a reader asks for first, (name, value as YAML writes it)."""
    rows = []
    for name in _TRAINING:
        section, field = name.split(".")
        if _ONLY_WITH.get(name, params.model.source) == params.model.source:
            rows.append((name, _shown(getattr(getattr(params, section), field))))
    return rows


def changed_parameters(params: Params) -> pd.DataFrame:
    """Return the parameters that differ from their defaults: parameter, default, value (as YAML writes them)."""
    # The zoo has a page of its own.
    rows = [
        (name, "–" if default is ABSENT else _shown(default), _shown(value))
        for name, (default, value) in changed(params).items()
    ]
    return pd.DataFrame(rows, columns=["parameter", "default", "value"])


def _shown(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def how_it_was_made(device: str) -> Made:
    """Return the facts on the run in the current folder, a checkout.

    device: compute.device of the parameters. Raises DataError where dvc.lock is damaged.
    """
    return Made(_facts(device), _packages(), _data(Path("dvc.lock")), _timings())


def _facts(device: str) -> list[tuple[str, str]]:
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    return [
        ("page built", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("commit", _commit()),
        ("device", _device(device)),
        ("processor", f"{_processor()}, {os.cpu_count()} threads"),
        ("system", system),
        ("Python", platform.python_version()),
    ]


def _commit() -> str:
    head = _git("rev-parse", "HEAD")
    if head is None:
        return "unknown: this folder is no git repository with a commit"
    # Outputs that DVC wrote just now differ from the commit as code does not.
    changed = _git("status", "--porcelain", "--untracked-files=no") or ""
    files = [line[3:] for line in changed.splitlines()]
    if not files:
        return f"{head}, without changes"
    some = ", ".join(files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "")
    return f"{head}, with changes that are not committed in {some}"


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def _device(name: str) -> str:
    """Return the device that compute.device resolves to on this machine."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and torch.cuda.is_available():
        return f"{name}: {torch.cuda.get_device_name(torch.device(name))}"
    return name


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _packages() -> pd.DataFrame:
    rows = []
    for name in PACKAGES:
        try:
            rows.append((name, version(name)))
        except PackageNotFoundError:
            rows.append((name, "not installed"))
    return pd.DataFrame(rows, columns=["package", "version"])


def _data(path: Path) -> pd.DataFrame:
    """Return the outputs in dvc.lock with their hashes; no row where there is no such file yet."""
    rows = []
    if path.exists():
        try:
            # A dvc.lock of thirteen versions takes the Python loader seconds.
            content = yaml.load(
                path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            )
            for stage, entry in content["stages"].items():
                rows += [(out["path"], stage, out["size"], out["md5"]) for out in entry.get("outs", [])]
        except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path} is damaged: restore it with `git checkout {path.name}`") from error
    return pd.DataFrame(rows, columns=["output", "stage", "bytes", "md5"])


def _timings() -> pd.DataFrame:
    return pd.DataFrame(timings(), columns=["stage", "seconds", "peak_mb"])
