"""A cache of the Hugging Face Hub as a download leaves it, and no hub to reach."""

import shutil
from pathlib import Path

from pytest import MonkeyPatch

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def offline_hub(monkeypatch: MonkeyPatch, root: Path, name: str, checkpoint: Path) -> Path:
    """Have the hub's cache, in `root`, hold a checkpoint as `name` at COMMIT, which its branch main is at.

    Returns the folder of its files there.
    """
    repository = root / f"models--{name.replace('/', '--')}"
    kept = repository / "snapshots" / COMMIT
    shutil.copytree(checkpoint, kept)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(root))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return kept
