"""Typed parameters: a module a section of params.yaml, with the type, default and meaning of each parameter.

params.yaml and docs/params.md are rendered from these classes (params/render.py). An unknown key, a wrong type or an
impossible value is an error that names the parameter. Numbers may come as text, because
`dvc exp run -S train.learning_rate=3e-5` hands over the string '3e-05'.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from vqatune.errors import ParameterError
from vqatune.params.batch import BatchParams
from vqatune.params.compute import ComputeParams
from vqatune.params.eval import BertscoreParams, EvalParams, SbertParams, ScoringModelParams
from vqatune.params.explain import explain, missing_keys
from vqatune.params.extract import ExtractParams
from vqatune.params.filter import FilterParams
from vqatune.params.generate import GenerateParams, LimitsParams, PairColumnsParams, PriceParams
from vqatune.params.lora import LoraParams, TargetPreset
from vqatune.params.model import ModelParams, TinyParams
from vqatune.params.predict import PredictParams
from vqatune.params.raw import ArchiveParams, ColumnsParams, DatasetParams, FetchParams, RawParams
from vqatune.params.sample import SampleParams, TierParams
from vqatune.params.section import UNSET, Section
from vqatune.params.split import SplitParams
from vqatune.params.tables import TablesParams
from vqatune.params.tasks import TaskName, TasksParams
from vqatune.params.train import TrainParams
from vqatune.params.versions import BASE, BLIND, VersionParams, chain, check_chain
from vqatune.params.zoo import ZooModelParams, ZooParams

__all__ = [
    "BASE",
    "BLIND",
    "ArchiveParams",
    "BatchParams",
    "BertscoreParams",
    "ColumnsParams",
    "ComputeParams",
    "DatasetParams",
    "EvalParams",
    "ExtractParams",
    "FetchParams",
    "FilterParams",
    "GenerateParams",
    "LimitsParams",
    "LoraParams",
    "ModelParams",
    "PairColumnsParams",
    "Params",
    "PredictParams",
    "PriceParams",
    "RawParams",
    "SampleParams",
    "SbertParams",
    "ScoringModelParams",
    "Section",
    "SplitParams",
    "TablesParams",
    "TargetPreset",
    "TaskName",
    "TasksParams",
    "TierParams",
    "TinyParams",
    "TrainParams",
    "VersionParams",
    "ZooModelParams",
    "ZooParams",
    "check_params",
    "load_params",
    "with_changes",
]

_CHAIN = chain(13)
_LISTED = {name: version.model_dump() for name, version in _CHAIN.items()}


class Params(Section):
    """All of params.yaml; `Params()` has the defaults."""

    seed: int = Field(
        13,
        description="Every random choice about the data (catalogue, sample, split, batches, the tiny base model, the "
        "questions of grounding) is a hash of this number and of the item that it is about.",
    )
    raw: RawParams = RawParams()
    tables: TablesParams = TablesParams()
    extract: ExtractParams = ExtractParams()
    filter: FilterParams = FilterParams()
    sample: SampleParams = SampleParams()
    generate: GenerateParams = GenerateParams()
    split: SplitParams = SplitParams()
    tasks: TasksParams = TasksParams()
    batch: BatchParams = BatchParams()
    model: ModelParams = ModelParams()
    lora: LoraParams = LoraParams()
    train: TrainParams = TrainParams()
    predict: PredictParams = PredictParams()
    eval: EvalParams = EvalParams()
    compute: ComputeParams = ComputeParams()
    zoo: ZooParams = ZooParams()
    versions: dict[str, VersionParams] = Field(
        _CHAIN,
        description="The chain of versions: the version that each is tuned from, and its master batch. For another "
        "number of versions, shorten the list or continue it; nothing else needs a change. &versions {}: none, the base "
        "alone is measured.",
    )
    predicted: dict[str, dict[str, str]] = Field(
        {BASE: {}} | _LISTED, description="What predict runs for: the base model, and all versions."
    )
    evaluated: dict[str, dict[str, str]] = Field(
        {BLIND: {}, BASE: {}} | _LISTED,
        description="What eval runs for: the blind guess, and what predict runs for.",
    )

    @field_validator("versions")
    @classmethod
    def _is_a_chain(cls, versions: dict[str, VersionParams]) -> dict[str, VersionParams]:
        return check_chain(versions)

    @model_validator(mode="after")
    def _all_are_evaluated(self) -> "Params":
        if set(self.predicted) != {BASE, *self.versions}:
            raise ValueError(
                "predicted must be base and every version: predicted: &predicted {base: {}, <<: *versions}"
            )
        if set(self.evaluated) != {BLIND, *self.predicted}:
            raise ValueError(
                "evaluated must be blind, base and every version: evaluated: {blind: {}, <<: *predicted}"
            )
        return self

    @property
    def version_names(self) -> list[str]:
        """Base and every version, in the order of the chain."""
        return [BASE, *self.versions]

    @property
    def evaluated_names(self) -> list[str]:
        """What has scores: the blind guess, base and every version, in the order of the chain."""
        return [BLIND, *self.version_names]


WATCHED_PATHS = (
    "raw.path",
    "raw.pictures",
    "generate.path",
    "generate.prompt_file",
    "generate.reviews",
    "predict.candidates",
)
"""Paths of files outside of the repository that stages depend on, each by default that of a placeholder."""


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
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ParameterError(
            f"{path} is not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8"
        ) from error
    except RecursionError as error:
        raise ParameterError(f"{path} is nested too deeply: restore it with `git checkout {path}`") from error
    # Not only YAML's errors: a number of 5,000 digits is one of Python's.
    except (yaml.YAMLError, ValueError) as error:
        raise ParameterError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    params = check_params(values, str(path))
    watched = {name: name.split(".") for name in WATCHED_PATHS}
    watched |= {f"zoo.models.{name}.path": ["zoo", "models", name, "path"] for name in params.zoo.models}
    for name, keys in watched.items():
        value = values
        for key in keys:
            value = value.get(key, "")
        if value is None:
            raise ParameterError(
                f"{path}: {name} is null, which DVC cannot watch: write {UNSET}{keys[0]}.{keys[-1]} where none is set"
            )
    return params


def check_params(values: Any, where: str) -> Params:
    """Return the parameters in plain values (as YAML reads them); `where` is named in errors.

    Defaults stand in for parameters that only models need in generate, and for those of eval; any other that is left
    out is an error, because DVC compares what stands in the file.
    """
    if not isinstance(values, dict):
        raise ParameterError(f"{where} holds no parameters: restore it with `git checkout params.yaml`")
    if "measured" in values and "evaluated" not in values:
        raise ParameterError(
            f"{where}: measured is now two lists, predicted and evaluated: run `python -m vqatune.params.render`, which "
            "writes them and keeps all values"
        )
    problems = [f"{name} is missing" for name in missing_keys(values, Params)]
    try:
        params = Params.model_validate(values)
    except ValidationError as error:
        problems += [explain(problem, Params) for problem in error.errors()]
    if problems:
        missing = any(problem.endswith(" is missing") for problem in problems)
        advice = (
            "; `python -m vqatune.params.render` adds what is missing, and keeps your values"
            if missing
            else ""
        )
        raise ParameterError(f"{where}: " + "; ".join(problems) + advice)
    return params


def with_changes(params: Params, changes: Mapping[str, Any], sections: Sequence[str]) -> Params:
    """Return parameters with some of them changed, by their dotted names.

    Raises ParameterError where a name is no parameter of these sections, or a value is wrong.
    """
    values = params.model_dump()
    for name, value in changes.items():
        section, _, rest = name.partition(".")
        if section not in sections or not rest:
            raise ParameterError(
                f"{name} is no parameter of {', '.join(sections)}: docs/params.md lists them"
            )
        place = values[section]
        *inner, key = rest.split(".")
        for part in inner:
            place = place.get(part) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise ParameterError(f"{name} is no parameter: docs/params.md lists them")
        place[key] = value
    return check_params(values, "parameters")
