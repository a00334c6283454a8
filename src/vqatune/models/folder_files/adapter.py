"""adapter_config.json: plain LoRA on layers that it names.

peft takes a text as a regular expression, which may run for ever, other kinds of adapter fetch models from the hub, and some
variants import modules that the file names. What peft saves of LoRA, rsLoRA and DoRA on a list of layers is taken, whatever
made the list; what needs other code of peft has to be off.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vqatune.models.folder_files.json_files import read_object
from vqatune.models.folder_files.values import check_length, number, refused, said, whole

FILE = "adapter_config.json"
HIGHEST = 2**16
"""The highest rank: that of a layer's weights is not higher, and an adapter of it is no smaller than the layer."""
_NAME = r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*"

Name = Annotated[str, Field(max_length=500, pattern=rf"^{_NAME}$")]
"""A layer, by its path or the end of it. As a regular expression it matches little else than itself."""
Names = Annotated[list[Name], Field(max_length=20_000)]
Pattern = Annotated[str, Field(max_length=500, pattern=rf"^\^?{_NAME}$")]
"""A layer; behind ^ by its whole path."""


class AdapterFile(BaseModel):
    """What the file says of a LoRA adapter; other names are for variants that are not known here."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    peft_type: Literal["LORA"]
    task_type: (
        Literal["CAUSAL_LM", "SEQ_2_SEQ_LM", "FEATURE_EXTRACTION", "QUESTION_ANS", "SEQ_CLS", "TOKEN_CLS"]
        | None
    ) = None
    peft_version: str | None = None
    base_model_name_or_path: str | None = None
    revision: str | None = None
    auto_mapping: dict[str, str | None] | None = None
    inference_mode: bool = False
    r: whole(1, HIGHEST)
    lora_alpha: number(-1e6, 1e6) = 8
    lora_dropout: number(0, 1) = 0.0
    bias: Literal["none", "all", "lora_only"] = "none"
    fan_in_fan_out: bool = False
    use_rslora: bool = False
    use_dora: bool = False
    ensure_weight_tying: bool = False
    init_lora_weights: bool | Literal["gaussian"] = True
    target_modules: Annotated[Names, Field(min_length=1)] | Literal["all-linear"]
    exclude_modules: Names | None = None
    modules_to_save: Names | None = None
    layers_to_transform: (
        whole(0, 10_000) | Annotated[list[whole(0, 10_000)], Field(max_length=10_000)] | None
    ) = None
    layers_pattern: Name | Names | Literal[""] | None = None
    # peft compiles each of them for each layer; Python keeps the last 512.
    rank_pattern: Annotated[dict[Pattern, whole(1, HIGHEST)], Field(max_length=500)] = {}
    alpha_pattern: Annotated[dict[Pattern, number(-1e6, 1e6)], Field(max_length=500)] = {}
    megatron_core: str | None = None
    """The module that peft imports where megatron_config is set, which it is not."""
    qalora_group_size: int | None = None
    """Read where use_qalora is set, which it is not."""


def read_adapter(folder: Path) -> dict[str, Any]:
    """Return what a folder's adapter_config.json says, without what is off or for other variants.

    Raises ValueError where it is no adapter of plain LoRA, and OSError where it cannot be read.
    """
    values = read_object(folder / FILE)
    for name, value in values.items():
        check_length(name, value, f"{FILE} says ")
    try:
        AdapterFile.model_validate(values)
    except ValidationError as error:
        raise _explained(error, values) from None
    for name, value in values.items():
        if value and name not in AdapterFile.model_fields:
            raise refused(f"{FILE} says ", name, value, "it is of a variant of LoRA that is not loaded here")
    return {name: value for name, value in values.items() if name in AdapterFile.model_fields}


def _explained(error: ValidationError, values: dict[str, Any]) -> ValueError:
    [first, *_] = error.errors(include_url=False)
    name = str(first["loc"][0])
    if name not in values:
        return ValueError(f"{FILE} does not say {name}")
    return refused(f"{FILE} says ", name, values[name], ADVICE.get(name) or said(error, name))


ADVICE = {
    "peft_type": "only adapters of peft's type LORA are loaded",
    "target_modules": "it should be a list of layers by name, and no regular expression",
    "exclude_modules": "it should be a list of layers by name, and no regular expression",
    "modules_to_save": "it should be a list of layers by name",
    "rank_pattern": f"it should have layers by name, and ranks from 1 to {HIGHEST}",
    "alpha_pattern": "it should have layers by name, and numbers",
    "layers_pattern": "it should be the name of the list of layers",
    "init_lora_weights": "only true, false and gaussian leave the base model as it is",
}
"""What is said of a value in place of pydantic's words."""
