"""Why a model of the zoo cannot run here, which is a row of the table and stops no other model."""

from pathlib import Path

import torch

from vqatune.errors import MissingExtraError, ModelError, ParameterError
from vqatune.tables import read_json

REASON = "cannot_run.json"
"""In a model's folder: why there is no checkpoint in it."""
CANNOT_RUN = (ModelError, ParameterError, MissingExtraError, MemoryError, torch.OutOfMemoryError)
"""What keeps one model from running and is no reason to stop the others."""


def reason_of(error: BaseException) -> str:
    """Return an error as one line."""
    return " ".join(str(error).split()) or type(error).__name__


def read_reason(folder: Path) -> str | None:
    """Return why a model's folder has no checkpoint; None where it has one."""
    path = folder / REASON
    return read_json(path, "reason")["reason"] if path.exists() else None
