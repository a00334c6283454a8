"""Copies of a checkpoint as the hub has them: in another dtype, or in several files."""

import json
import shutil
from pathlib import Path

import torch
from torch import nn

from vqatune.models.checkpoint import load_model


def store(
    checkpoint: Path, folder: Path, dtype: torch.dtype = torch.float32, most_bytes: int = 2**30
) -> Path:
    """Copy a checkpoint into a folder, with weights in `dtype`, in files of at most so many bytes; return the folder."""
    shutil.copytree(checkpoint, folder, ignore=shutil.ignore_patterns("model*.safetensors*"))
    cast(load_model(checkpoint), dtype).save_pretrained(folder, max_shard_size=most_bytes)
    return folder


def cast(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return the model with its weights in `dtype`, and no buffer changed."""
    for weight in model.parameters():
        weight.data = weight.data.to(dtype)
    return model


def shards(folder: Path) -> list[Path]:
    """Return the files that the index of a checkpoint names."""
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    return [folder / name for name in sorted(set(index["weight_map"].values()))]
