"""Which versions there are in a folder of models, which of them a user means, and how they are asked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqatune.errors import DataError, ModelError
from vqatune.params import ComputeParams, load_params
from vqatune.runtime.progress import workers

if TYPE_CHECKING:
    from vqatune.inference.answering.answerer import Answerer

BASE = "base"


@dataclass(frozen=True)
class Settings:
    """How versions are asked: as params.yaml says, or outside of a repository as is usual."""

    compute: ComputeParams | None = None
    """None for what Answerer takes by itself."""
    max_answer_tokens: int = 10
    beams: int = 1
    images_per_pass: int = 32
    pairs_per_pass: int = 1280
    choices: list[str] | None = None
    """The closed list of predict.mode rank."""

    def open(self, folder: Path) -> "Answerer":
        """Load a version."""
        # It takes seconds to import: not before a user's mistakes have been found.
        from vqatune.inference.answering.answerer import Answerer

        return Answerer(
            folder,
            compute=self.compute,
            max_answer_tokens=self.max_answer_tokens,
            beams=self.beams,
            images_per_pass=self.images_per_pass,
            pairs_per_pass=self.pairs_per_pass,
        )


def own_settings(device: str | None = None) -> Settings:
    """Return the settings of the repository that this is run in, or outside of it the usual ones.

    Raises ParameterError where params.yaml is not valid, DataError where the closed list is missing.
    """
    # Others that use DVC have a params.yaml, too.
    if not Path("stages/predict.py").exists():
        usual = ComputeParams(
            device="auto", precision="float32", threads=workers(), compile=False, loader_processes=0
        )
        return Settings(None if device is None else usual.model_copy(update={"device": device}))
    params = load_params()
    asked, choices = params.predict, None
    if asked.mode == "rank":
        from vqatune.inference.predict import closed_list

        choices = closed_list(asked, Path("data/train.parquet"))
    return Settings(
        params.compute if device is None else params.compute.model_copy(update={"device": device}),
        asked.max_answer_tokens,
        asked.beams,
        asked.images_per_step,
        asked.max_pairs_per_step,
        choices,
    )


def find_versions(models: Path) -> dict[str, Path]:
    """Return the name and the folder of every version, base first, then v1, v2, …

    `models` may be a model itself: an adapter, or what `vqatune export` wrote. Raises ModelError where there is none.
    """
    if models.is_file():
        raise ModelError(f"{models} is a file: name the folder that the versions are in with --models")
    if not models.is_dir():
        raise ModelError(
            f"{models} does not exist: run `dvc repro` or `dvc pull`, or name another with --models"
        )
    if (models / "config.json").exists() or (models / "adapter_config.json").exists():
        return {models.resolve().name: models}
    numbers = [
        int(path.name[1:])
        for path in models.iterdir()
        if re.fullmatch(r"v[1-9][0-9]*", path.name) and path.is_dir()
    ]
    names = [BASE] * (models / BASE).is_dir() + [f"v{number}" for number in sorted(numbers)]
    if not names:
        raise ModelError(f"{models} holds no models: run `dvc repro` or `dvc pull`")
    return {name: models / name for name in names}


def choose_version(models: Path, wanted: str | None) -> tuple[str, Path]:
    """Return the name and the folder of one version, None for the last; raises ModelError where it is not there."""
    found = find_versions(models)
    return _named(models, found, list(found)[-1] if wanted is None else wanted)


def choose_versions(models: Path, wanted: Sequence[str]) -> dict[str, Path]:
    """Return the versions with these names, as they are given; ["all"] for all.

    Raises ModelError where one is not there, DataError where none is named.
    """
    found = find_versions(models)
    if list(wanted) == ["all"]:
        return found
    if not wanted:
        raise DataError(f"--versions names no version: name some of {', '.join(found)}, or all")
    return dict(_named(models, found, name) for name in wanted)


def _named(models: Path, found: dict[str, Path], name: str) -> tuple[str, Path]:
    if name not in found:
        raise ModelError(f"{models} has no version {name} (it has {', '.join(found)})")
    return name, found[name]
