"""config.json: sizes, rates, names of functions and models inside, as known architectures have them.

transformers makes what the file describes before it compares it with the weights, and some values have it fetch code from
the hub. Names that are not known are left alone, as they are to most models, but those that stand for such code, or for
functions of transformers.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from transformers import PretrainedConfig
from transformers.activations import ACT2FN

from vqatune.models.folder_files.json_files import read_object
from vqatune.models.folder_files.values import (
    check_names,
    check_values,
    kinds,
    number,
    refused,
    text,
    whole,
)

FILE = "config.json"
SIDE = 4096
"""The longest side of an image, in pixels, and of what else is counted along it."""


def _known_activation(name: str) -> str:
    if name not in ACT2FN:
        raise ValueError("it is no activation function of transformers")
    return name


_KINDS = kinds(
    (
        whole(1, 2**17),
        "hidden_size intermediate_size embed_dim ffn_dim d_model d_ff d_kv head_dim encoder_hidden_size",
        "out_hidden_size projection_dim projection_size word_embed_proj_dim image_text_hidden_size",
    ),
    (whole(1, 512), "num_hidden_layers num_layers num_decoder_layers depth cross_attention_frequency"),
    (whole(1, 1024), "num_attention_heads num_heads num_key_value_heads num_channels in_channels in_chans"),
    (whole(1, 2**22), "vocab_size type_vocab_size modality_type_vocab_size num_labels"),
    (whole(1, 2**24), "max_position_embeddings"),
    (whole(1, SIDE) | list[whole(1, SIDE)], "image_size"),
    (
        whole(1, SIDE),
        "patch_size spatial_patch_size temporal_patch_size spatial_merge_size scale_factor window_size",
        "num_query_tokens relative_attention_num_buckets relative_attention_max_distance pretraining_tp",
    ),
    (number(0, 1), "layer_norm_eps layer_norm_epsilon rms_norm_eps label_smoothing"),
    (
        number(0, 1),
        "attention_dropout attention_probs_dropout_prob hidden_dropout_prob dropout dropout_rate layerdrop",
        "classifier_dropout",
    ),
    (number(0, 1e6), "initializer_range initializer_factor init_std mlp_ratio tokens_per_second"),
    (number(-1e6, 1e6), "logit_scale_init_value"),
    (number(1e-6, 1e15), "rope_theta"),
    (
        number(1e-6, 1e6),
        "factor low_freq_factor high_freq_factor attention_factor beta_fast beta_slow mscale",
    ),
    (whole(1, 2**24), "original_max_position_embeddings"),
    (whole(-512, 512) | list[whole(-512, 512)], "vision_feature_layer"),
    (list[whole(0, 512)], "fullatt_block_indexes"),
    (list[whole(0, 2**17)], "mrope_section"),
    (
        whole(-1, 2**22) | list[whole(-1, 2**22)],
        "bos_token_id eos_token_id pad_token_id sep_token_id decoder_start_token_id image_token_id image_token_index",
        "video_token_id vision_start_token_id vision_end_token_id",
    ),
    (Literal["default", "full"], "vision_feature_select_strategy"),
    (Literal["float32", "float16", "bfloat16", "float64", "auto"], "dtype torch_dtype"),
    (
        Annotated[str, AfterValidator(_known_activation)],
        "hidden_act activation_function projector_hidden_act dense_act_fn",
    ),
    (text(100), "model_type feed_forward_proj transformers_version"),
    (dict[str, text(1000)], "id2label"),
    (dict[str, Any], "text_config vision_config qformer_config rope_parameters rope_scaling label2id"),
    (
        bool,
        "tie_word_embeddings use_cache is_decoder is_encoder_decoder output_attentions output_hidden_states",
    ),
)
_REFUSED = {
    "quantization_config": "its weights are quantized already; take the checkpoint whole, which compute.quantization quantizes",
    "compression_config": "its weights are compressed; take the checkpoint whole",
    "transformers_weights": "weights are in model.safetensors, or in the files of model.safetensors.index.json",
    "configuration_files": "a checkpoint has one config.json",
    "fusion_config": "layers are taken as the architecture has them",
    "per_layer_config": "all layers are of the same size",
    "distributed_config": "a model is loaded on one device",
}
_QUANTIZED = ("quantization_config", "compression_config")
_INNER = {
    "text_config": (
        "blip_text_model clip_text_model gemma gemma2 gemma3_text llama mistral opt phi phi3 qwen2 qwen2_5_vl "
        "qwen2_5_vl_text qwen2_vl qwen2_vl_text qwen3 siglip_text_model t5"
    ),
    "vision_config": (
        "blip_vision_model blip_2_vision_model clip_vision_model idefics3 idefics3_vision qwen2_5_vl qwen2_5_vl_vision "
        "qwen2_vl qwen2_vl_vision siglip_vision_model"
    ),
}
"""The types of the models inside, which transformers looks up among all that it has."""


def read_config(path: Path, any_inner: bool = False) -> dict[str, Any]:
    """Return what config.json says; with `any_inner` it may be quantized, and models inside of any type that transformers has.

    Raises ValueError where a value is not one of an architecture that is loaded here, and OSError where it cannot be read.
    """
    values = read_object(path)
    _check(values, any_inner, f"{path.name} says ")
    return values


def _check(values: Mapping[str, Any], any_inner: bool, where: str) -> None:
    refuse = {name: why for name, why in _REFUSED.items() if not (any_inner and name in _QUANTIZED)}
    check_names(values, _is_function, refuse, where)
    check_values(values, _KINDS, where)
    for name, value in values.items():
        if not isinstance(value, dict):
            continue
        kind = value.get("model_type")
        if not any_inner and name in _INNER and kind is not None and kind not in _INNER[name].split():
            known = ", ".join(_INNER[name].split())
            raise refused(f"{where}{name}.", "model_type", kind, f"it is none of {known}")
        # What computes attention is chosen here, whatever is named for models inside.
        if name not in ("id2label", "label2id") and not name.endswith("_implementation"):
            _check(value, any_inner, f"{where}{name}.")
    _check_heads(values, where)


def _is_function(name: str) -> bool:
    return callable(getattr(PretrainedConfig, name, None)) or name in (
        "sub_configs",
        "sub_configs_defaults",
        "attribute_map",
        "base_config_key",
    )


def _check_heads(values: Mapping[str, Any], where: str) -> None:
    """Raise ValueError where the heads of a layer do not share its features, or its keys and values, evenly."""
    heads = values.get("num_attention_heads") or values.get("num_heads")
    features = values.get("embed_dim") or values.get("hidden_size")
    if heads and features and features % heads and not values.get("head_dim") and not values.get("d_kv"):
        raise refused(where, "num_attention_heads", heads, f"its {features} features are no multiple of it")
    shared = values.get("num_key_value_heads")
    if heads and shared and heads % shared:
        raise refused(where, "num_key_value_heads", shared, f"its {heads} heads are no multiple of it")
