"""Typed parameters, one class per section of params.yaml; what they mean is said there, beside the values.

An unknown key, a wrong type or an impossible value is an error that names the parameter. Numbers may come as
text, because `dvc exp run -S train.learning_rate=3e-5` hands over the string '3e-05'.
"""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError, field_validator, model_validator

from vqatune.errors import ParameterError
from vqatune.params.catalogue import (
    ArchiveParams,
    ExtractParams,
    FilterParams,
    RawParams,
    SampleParams,
    TierParams,
)
from vqatune.params.explain import explain
from vqatune.params.measuring import (
    BatchParams,
    BertscoreParams,
    EvalParams,
    PredictParams,
    SbertParams,
    ScoringModelParams,
    SplitParams,
    VersionParams,
)
from vqatune.params.models import (
    ComputeParams,
    LoraParams,
    ModelParams,
    TargetPreset,
    TinyParams,
    TrainParams,
)
from vqatune.params.questions import GenerateParams, LimitsParams, PriceParams
from vqatune.params.section import Section

__all__ = [
    "ArchiveParams",
    "BatchParams",
    "BertscoreParams",
    "ComputeParams",
    "EvalParams",
    "ExtractParams",
    "FilterParams",
    "GenerateParams",
    "LimitsParams",
    "LoraParams",
    "ModelParams",
    "Params",
    "PredictParams",
    "PriceParams",
    "RawParams",
    "SampleParams",
    "SbertParams",
    "ScoringModelParams",
    "Section",
    "SplitParams",
    "TargetPreset",
    "TierParams",
    "TinyParams",
    "TrainParams",
    "VersionParams",
    "check_params",
    "load_params",
]


BASE = "base"
"""What the base model is called among the versions."""


class Params(Section):
    """All of params.yaml."""

    seed: int
    raw: RawParams
    extract: ExtractParams
    filter: FilterParams
    sample: SampleParams
    generate: GenerateParams
    split: SplitParams
    batch: BatchParams
    model: ModelParams
    lora: LoraParams
    train: TrainParams
    predict: PredictParams
    eval: EvalParams
    compute: ComputeParams
    versions: dict[str, VersionParams]
    measured: dict[str, dict[str, str]]

    @field_validator("versions")
    @classmethod
    def _one_after_the_other(cls, versions: dict[str, VersionParams]) -> dict[str, VersionParams]:
        # By number, because what writes YAML may sort its keys.
        names = sorted(versions, key=lambda name: (len(name), name))
        previous = BASE
        for number, name in enumerate(names, start=1):
            version = versions[name]
            wanted = (f"v{number}", previous, f"{number:02d}")
            if (name, version.previous, version.batch) != wanted:
                raise ValueError(
                    f'{name} stands where the chain goes on with {wanted[0]}: {{previous: {wanted[1]}, batch: "{wanted[2]}"}}'
                )
            previous = name
        if not versions:
            raise ValueError('the chain needs a version: v1: {previous: base, batch: "01"}')
        return {name: versions[name] for name in names}

    @model_validator(mode="after")
    def _all_are_measured(self) -> "Params":
        if set(self.measured) != {BASE, *self.versions}:
            raise ValueError("measured must be base and every version: measured: {base: {}, <<: *versions}")
        return self

    @property
    def version_names(self) -> list[str]:
        """Base and every version, in the order of the chain."""
        return [BASE, *self.versions]


def load_params(path: Path | str = "params.yaml") -> Params:
    """Read and check params.yaml.

    Raises ParameterError, naming the parameter, where the file is missing, is not YAML, has an unknown key, lacks
    one, or holds a value of the wrong type.
    """
    path = Path(path)
    if not path.exists():
        raise ParameterError(f"{path} does not exist: run this from the root of the repository")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParameterError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    return check_params(values, str(path))


def check_params(values: Any, where: str) -> Params:
    """Return the parameters in plain values (as YAML reads them); `where` is named in errors."""
    if not isinstance(values, dict):
        raise ParameterError(f"{where} holds no parameters: restore it with `git checkout params.yaml`")
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        problems = [explain(problem, Params) for problem in error.errors()]
        raise ParameterError(f"{where}: " + "; ".join(problems)) from error
