"""Finding the versions in a folder of models."""

import re
from pathlib import Path

from vqatune.params import load_params

BASE = "base"
"""The name of the base model."""


def version_folders(models: Path) -> dict[str, Path]:
    """Return name and folder of every version: base first, then v1, v2, …; empty where there are none.

    In the models of this pipeline, whose chain params.yaml has, versions of an earlier, longer chain are no versions.

    Raises ParameterError where params.yaml is not valid.
    """
    numbers = [
        int(path.name[1:])
        for path in models.glob("v*")
        if re.fullmatch(r"v[1-9][0-9]*", path.name) and path.is_dir()
    ]
    names = [BASE] * (models / BASE).is_dir() + [f"v{number}" for number in sorted(numbers)]
    # Other projects that use DVC have a params.yaml, too.
    if Path("stages/predict.py").exists() and models.resolve() == Path("models").resolve():
        chain = load_params().version_names
        names = [name for name in names if name in chain]
    return {name: models / name for name in names}
