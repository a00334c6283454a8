"""The parameters of the zoo: untuned models that are measured on the test set, in zoo/dvc.yaml."""

import re
from typing import Any, Literal

from pydantic import Field, model_validator

from vqatune.params.compute import Precision, Quantization
from vqatune.params.section import UNSET, Count, Positive, Section, WatchedPath

ZooFamily = Literal["blip", "blip-2", "clip", "idefics3", "llava", "qwen2_5_vl", "siglip", "vilt"]

NOT_SET = f"{UNSET}zoo.path"


class ZooModelParams(Section):
    """A model of the zoo: one of `family`, `name` and `path` says what it is."""

    path: WatchedPath = NOT_SET
    """A folder that DVC watches: a version of the chain, such as models/v13, or a checkpoint."""
    family: ZooFamily | None = None
    """A tiny model of this family, trained here on drawn images."""
    name: str | None = None
    """A checkpoint on the Hugging Face Hub."""
    revision: str = "main"
    """Commit, branch or tag of the checkpoint; a branch is kept as the commit that it was when the stage load ran."""
    precision: Precision = "float32"
    """As compute.precision."""
    quantization: Quantization = "none"
    """As compute.quantization."""

    @model_validator(mode="before")
    @classmethod
    def _has_a_path(cls, values: Any) -> Any:
        if isinstance(values, dict) and "path" not in values:
            raise ValueError(
                f"path is missing, by which DVC knows what to watch: write path: {NOT_SET} where it has none"
            )
        return values

    @model_validator(mode="after")
    def _is_one_thing(self) -> "ZooModelParams":
        given = [key for key in ("family", "name", "path") if getattr(self, key) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "nothing"
            raise ValueError(
                f"it says {said} of what the model is, but must say one of family, name and path (path: {NOT_SET} where it "
                "is not path)"
            )
        return self


def _tiny(family: ZooFamily) -> ZooModelParams:
    return ZooModelParams(family=family, path=NOT_SET)


class ZooParams(Section):
    """The zoo: models that are measured, untuned, on the test set, by `dvc repro zoo/dvc.yaml`."""

    prompt: str | None = Field(
        None,
        description="Words to ask in, instead of those of the model's family (docs/zoo.md lists them), with {question} in the "
        'place of the question, such as "Question: {question} Short answer:".',
    )
    tiny_steps: Count = Field(
        150, description="Training steps of the tiny models; what is not said here is as in model.tiny."
    )
    tiny_learning_rate: Positive = Field(
        2.0e-3,
        description="Learning rate of the tiny models: so few steps need a larger one than model.tiny's.",
    )
    models: dict[str, ZooModelParams] = Field(
        {
            "blip": _tiny("blip"),
            "blip-2": _tiny("blip-2"),
            "clip": _tiny("clip"),
            "llava": _tiny("llava"),
            "qwen2_5-vl": _tiny("qwen2_5_vl"),
            "siglip": _tiny("siglip"),
            "smolvlm": _tiny("idefics3"),
            "vilt": _tiny("vilt"),
            "v13": ZooModelParams(path="models/v13"),
        },
        description="Name → model: family: a tiny one, trained here on drawn images; name, revision: a checkpoint on the "
        "Hugging Face Hub; path: a version of the chain, or a folder with a checkpoint, which DVC watches "
        f"({NOT_SET}: not set, DVC fails on null). precision and quantization are as in compute, float32 and none unless "
        "given.",
    )

    @model_validator(mode="after")
    def _can_be_used(self) -> "ZooParams":
        if self.prompt is not None and self.prompt.count("{question}") != 1:
            raise ValueError(
                f"prompt is {self.prompt!r}, but must have {{question}} once, in the place of the question"
            )
        for name in self.models:
            # A dot would part the name where DVC looks a parameter up.
            if not re.fullmatch(r"[A-Za-z0-9][\w-]*", name):
                raise ValueError(
                    f"models: {name!r} is no name for a model: take letters, digits, - and _, as in smolvlm-500m"
                )
            if name == "blind":
                raise ValueError("models: blind is the name of the blind guess: take another")
        return self
