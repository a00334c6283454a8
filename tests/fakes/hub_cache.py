"""A cache of the Hugging Face Hub as a download leaves it, and no hub to reach."""

import shutil
from pathlib import Path

from pytest import MonkeyPatch

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def offline_hub(monkeypatch: MonkeyPatch, root: Path, name: str, checkpoint: Path) -> Path:
    """Have the hub's cache, in `root`, hold a checkpoint as `name` at COMMIT; return the folder of its files there."""
    kept = root / f"models--{name.replace('/', '--')}" / "snapshots" / COMMIT
    shutil.copytree(checkpoint, kept)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(root))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return kept
