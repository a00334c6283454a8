"""Typed parameters, one class per section of params.yaml; what they mean is said there, beside the values.

An unknown key, a wrong type or an impossible value is an error that names the parameter. Numbers may come as
text, because `dvc exp run -S train.learning_rate=3e-5` hands over the string '3e-05'.
"""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vqatune.errors import ParameterError
from vqatune.explain import explain

Count = Annotated[int, Field(ge=1)]
Amount = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A part of params.yaml: no key but the known ones, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ArchiveParams(Section):
    """One archive on the web; bytes and sha256 are checked once they are known."""

    url: str
    bytes: Count | None = None
    sha256: str | None = None


class RawParams(Section):
    """Where the two archives come from."""

    source: Literal["showroom", "abo", "path"]
    path: str | None
    showroom_listings: Count
    abo_listings: ArchiveParams
    abo_images: ArchiveParams

    @model_validator(mode="after")
    def _path_for_path(self) -> "RawParams":
        if self.source == "path" and not self.path:
            raise ValueError("source is 'path', so path must name the folder that holds the two archives")
        return self


class ExtractParams(Section):
    """Reading the archives."""

    max_bad_lines: Amount


class FilterParams(Section):
    """Which listings and which of their fields are kept."""

    languages: Annotated[list[str], Field(min_length=1)]
    fields: Annotated[list[str], Field(min_length=1)]


class TierParams(Section):
    """Types with at least `at_least` images give the share `ratio` of them."""

    at_least: Amount
    ratio: Fraction


class SampleParams(Section):
    """How many images of each product type are drawn."""

    strategy: Literal["tiered", "random", "all"]
    tiers: Annotated[list[TierParams], Field(min_length=1)]
    cap: Count
    minimum: Amount
    small_type_minimum: Amount
    log_scale: Positive | None

    @model_validator(mode="after")
    def _lowest_tier_takes_the_rest(self) -> "SampleParams":
        if min(tier.at_least for tier in self.tiers) != 0:
            raise ValueError("tiers need one with at_least: 0 for the small types")
        return self


class GenerateParams(Section):
    """Where the question-answer pairs come from; what only gemini needs may be left out."""

    provider: Literal["template", "recorded", "gemini"]
    path: str | None
    model: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    endpoint: Annotated[str, Field(pattern=r"^https?://[^/\s]")] | None = None
    timeout_seconds: Positive = 120
    attempts: Count = 6
    # The SDK's HTTP client opens no more than 100 connections.
    concurrency: Annotated[int, Field(ge=1, le=100)] = 4

    @model_validator(mode="after")
    def _needs_of_the_provider(self) -> "GenerateParams":
        if self.provider == "recorded" and not self.path:
            raise ValueError(
                "provider is 'recorded', so path must name the file, folder or tar with the pairs"
            )
        if self.provider == "gemini" and not self.model:
            raise ValueError("provider is 'gemini', so model must name one of Gemini's models")
        return self


class SplitParams(Section):
    """What goes to the test set."""

    by: Literal["listing", "image"]
    test_fraction: Fraction
    minimum_images: Amount


class BatchParams(Section):
    """The master batches, one per version."""

    count: Count
    strategy: Literal["stratified", "rotation"]


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
    launcher: str | None


class PredictParams(Section):
    """Answering the test set."""

    mode: Literal["generate", "rank"]
    max_answer_tokens: Count
    beams: Count
    candidates: str | None
    grounding_questions: Amount
    keep_vision_states: bool
    images_per_step: Count
    max_pairs_per_step: Count
    checkpoint_every: Count
    launcher: str | None


class ScoringModelParams(Section):
    """A model that a metric is computed with: `embedded`, a folder, a name on the hub, or none."""

    model: str | None = None
    revision: str | None = None


class BertscoreParams(ScoringModelParams):
    """BERTScore's model, and the layer whose states are compared."""

    model: str | None = "embedded"
    layer: Count = 5


class SbertParams(ScoringModelParams):
    """The model of sentence embeddings."""

    model: str | None = "embedded"


class EvalParams(Section):
    """Scoring; the defaults are for what is scored beside the stage graph."""

    bertscore: BertscoreParams = BertscoreParams()
    sbert: SbertParams = SbertParams()
    bartscore: ScoringModelParams = ScoringModelParams()
    wups_weight: Fraction = 0.7
    resamples: Count = 1000


class ComputeParams(Section):
    """What the models run on."""

    device: str
    precision: Literal["float32", "bf16", "fp16"]
    threads: Count
    compile: bool
    loader_processes: Annotated[int, Field(ge=0)]


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
