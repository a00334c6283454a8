"""The parameters of base, train and compute: the model, its adapter, and what they run on."""

import difflib
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from vqatune.params.section import Count, Fraction, Positive, Section


class TinyParams(Section):
    """The tiny BLIP that `model.source: showroom` trains."""

    image_size: Count
    patch_size: Count
    hidden_size: Count
    layers: Count
    heads: Count
    vocabulary: Annotated[int, Field(ge=200)]
    steps: Count
    images_per_step: Count
    learning_rate: Positive

    @model_validator(mode="after")
    def _shapes_fit(self) -> "TinyParams":
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}")
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image_size {self.image_size} is not a multiple of patch_size {self.patch_size}"
            )
        return self


class ModelParams(Section):
    """The base model."""

    source: Literal["showroom", "hub", "random"]
    name: str
    revision: str | None
    question_token: Literal["[ENC]", "[CLS]"]
    tiny: TinyParams


TargetPreset = Literal[
    "vision",
    "text_query_value",
    "text_query_key_value",
    "text_query_value_dense",
    "text_query_value_out",
    "all_linear",
]
"""Which layers a preset stands for is said in models/lora.py."""


class LoraParams(Section):
    """LoRA, in peft's terms."""

    r: Count
    alpha: Positive
    dropout: Fraction
    bias: Literal["none"]
    variant: Literal["lora", "rslora", "dora", "pissa"]
    target_modules: list[str] | TargetPreset

    @field_validator("target_modules", mode="before")
    @classmethod
    def _names_or_a_preset(cls, value: Any) -> Any:
        presets = get_args(TargetPreset)
        if isinstance(value, str) and value not in presets:
            close = difflib.get_close_matches(value, presets, n=1)
            hint = f"did you mean {close[0]}?" if close else "one layer's name goes into a list"
            raise ValueError(f"{value!r} is no preset, which are {', '.join(presets)}; {hint}")
        names = isinstance(value, list) and value and all(isinstance(name, str) and name for name in value)
        if not isinstance(value, str) and not names:
            raise ValueError(
                f"must be a list of layers' names or one of {', '.join(presets)} (it is {value!r})"
            )
        return value


class TrainParams(Section):
    """One version's training."""

    epochs: Count
    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)]
    schedule: Literal["constant", "linear", "cosine"]
    warmup_steps: Annotated[int, Field(ge=0)]
    max_gradient_norm: Positive | None
    questions_per_image: Literal["all", "one"]
    images_per_step: Count
    max_pairs_per_step: Count
    accumulation_steps: Count
    gradient_checkpointing: bool
    checkpoint_every: Count
    report_to: list[Literal["tensorboard", "wandb"]]
    launcher: str | None


class ComputeParams(Section):
    """What the models run on."""

    device: str
    precision: Literal["float32", "bf16", "fp16"]
    threads: Count
    compile: bool
    loader_processes: Annotated[int, Field(ge=0)]
