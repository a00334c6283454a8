"""The parameters of the LoRA adapter."""

import difflib
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator

from vqatune.params.section import Fraction, Positive, Section

MAX_RANK = 4096
"""The largest rank: no layer of the families is so narrow that a larger one would say more."""
TargetPreset = Literal[
    "vision",
    "text_query_value",
    "text_query_key_value",
    "text_query_value_dense",
    "text_query_value_out",
    "all_linear",
]
"""Names for sets of layers, which models/lora.py lists."""


class LoraParams(Section):
    """The LoRA adapter, in peft's terms."""

    r: Annotated[int, Field(ge=1, le=MAX_RANK)] = Field(
        8, description="LoRA rank: adapter capacity and size."
    )
    alpha: Positive = Field(
        32, description="Scaling: the adapter's output is multiplied by alpha / r (rslora: alpha / √r)."
    )
    dropout: Fraction = Field(
        0.05, description="Dropout on the adapter's input during training; 0 is recommended for pissa."
    )
    bias: Literal["none"] = Field("none", description="Bias terms are not trained.")
    variant: Literal["lora", "rslora", "dora", "pissa"] = Field(
        "lora",
        description="lora; rslora: rank-stabilized scaling, for higher ranks; dora: weight-decomposed, magnitude and "
        "direction separately, slower; pissa: initialized with the r principal singular components of the layer, "
        "and saved with rank 2r.",
    )
    target_modules: list[str] | TargetPreset = Field(
        ["query", "key", "value", "dense", "qkv", "projection"],
        description="Linear layers by name: vision qkv, projection, fc1, fc2; text query, key, value, dense (LLaVA: q_proj, k_proj, v_proj, o_proj, …); "
        "or by the end of their path, such as crossattention.self.query. Or a preset: vision, "
        "text_query_value, text_query_key_value, text_query_value_dense, text_query_value_out (dense in attention "
        "only), all_linear.",
    )

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
