"""Finding the versions in a folder of models."""

import re
from pathlib import Path

BASE = "base"
"""The name of the base model."""


def version_folders(models: Path) -> dict[str, Path]:
    """Return name and folder of every version: base first, then v1, v2, …; empty where there are none."""
    numbers = [
        int(path.name[1:])
        for path in models.glob("v*")
        if re.fullmatch(r"v[1-9][0-9]*", path.name) and path.is_dir()
    ]
    names = [BASE] * (models / BASE).is_dir() + [f"v{number}" for number in sorted(numbers)]
    return {name: models / name for name in names}
