"""Choosing versions by name, and the settings that they answer questions with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqatune.errors import DataError, ModelError
from vqatune.params import ComputeParams, load_params
from vqatune.runtime.progress import workers
from vqatune.runtime.versions import version_folders

if TYPE_CHECKING:
    from vqatune.inference.answering.answerer import Answerer


@dataclass(frozen=True)
class Settings:
    """The settings of predict and compute: those of params.yaml, or defaults outside of a repository."""

    compute: ComputeParams | None = None
    """None for the defaults of Answerer."""
    max_answer_tokens: int = 10
    beams: int = 1
    images_per_micro_batch: int = 32
    pairs_per_micro_batch: int = 1280
    choices: list[str] | None = None
    """The candidates of predict.mode rank."""

    def open(self, folder: Path) -> "Answerer":
        """Load a version."""
        # Imported late, as it takes seconds and arguments are checked first.
        from vqatune.inference.answering.answerer import Answerer

        return Answerer(
            folder,
            compute=self.compute,
            max_answer_tokens=self.max_answer_tokens,
            beams=self.beams,
            images_per_micro_batch=self.images_per_micro_batch,
            pairs_per_micro_batch=self.pairs_per_micro_batch,
        )


def own_settings(device: str | None = None, quantization: str | None = None) -> Settings:
    """Return the settings of the repository in the current folder, or the defaults outside of one.

    `device` and `quantization` take the place of those of compute, where they are given.

    Raises ParameterError where params.yaml is not valid, DataError where the list of candidates is missing.
    """
    given = {"device": device, "quantization": quantization}
    given = {name: value for name, value in given.items() if value is not None}
    # Other projects that use DVC have a params.yaml, too.
    if not Path("stages/predict.py").exists():
        defaults = ComputeParams(
            device="auto", precision="float32", threads=workers(), compile=False, loader_processes=0
        )
        return Settings(defaults.model_copy(update=given) if given else None)
    params = load_params()
    predict, choices = params.predict, None
    if predict.mode == "rank":
        from vqatune.inference.prediction.candidates import read_candidates

        choices = read_candidates(predict, Path("data/train.parquet"))
    return Settings(
        params.compute.model_copy(update=given),
        predict.max_answer_tokens,
        predict.beams,
        predict.images_per_step,
        predict.max_pairs_per_step,
        choices,
    )


def find_versions(models: Path) -> dict[str, Path]:
    """Return name and folder of every version: base first, then v1, v2, …

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
    found = version_folders(models)
    if not found:
        raise ModelError(f"{models} holds no models: run `dvc repro` or `dvc pull`")
    return found


def choose_version(models: Path, wanted: str | None) -> tuple[str, Path]:
    """Return name and folder of one version, None for the last; raises ModelError where it is missing."""
    found = find_versions(models)
    return _named(models, found, list(found)[-1] if wanted is None else wanted)


def choose_versions(models: Path, wanted: Sequence[str]) -> dict[str, Path]:
    """Return the versions with these names, in the given order; ["all"] for all.

    Raises ModelError where one is missing, DataError where none is named.
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
