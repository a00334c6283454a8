"""Weights of linear layers in 8 or 4 bits, by bitsandbytes: loading them, and what differs in a model that has them.

Each layer dequantizes its weights when it computes, in the precision of computing. Images, questions and rows of a batch do
not depend on each other on a CPU; on a GPU int8 rounds the layer's inputs, too, as LLM.int8() does, where the columns
that it does not round are those of the whole micro-batch.

Dettmers et al., LLM.int8(), 2022, https://arxiv.org/abs/2208.07339; Dettmers et al., QLoRA, 2023 (nf4, and the
quantization of its scales), https://arxiv.org/abs/2305.14314.
"""

from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig, PreTrainedModel

from vqatune.errors import ParameterError
from vqatune.models.family_lookup import family_of
from vqatune.params import ComputeParams
from vqatune.runtime.extras import naming_extras

WHOLE = "none"
"""The value of compute.quantization for weights as they are."""
MULTIPLE = {"int8": 4, "nf4": 64}
"""What a layer's number of inputs must be a multiple of.

For int8 GPUs have no kernel otherwise. In nf4 64 weights share a scale; where they are of two rows, bitsandbytes 0.50.2 takes
wrong scales on processors with AVX-512 (a layer of 96 inputs had an error of 0.69 in place of 0.09).
"""


def check_quantization(compute: ComputeParams, device: torch.device) -> None:
    """Raise what says why compute.quantization is impossible here, before a model is loaded.

    Raises:
        MissingExtraError: bitsandbytes is not installed.
        ParameterError: it does not run on this device, or the model is to be compiled.
    """
    if compute.quantization == WHOLE:
        return
    with naming_extras():
        import bitsandbytes
    if device.type not in bitsandbytes.supported_torch_devices:
        known = ", ".join(sorted(bitsandbytes.supported_torch_devices))
        raise ParameterError(
            f"compute.quantization is {compute.quantization}, and bitsandbytes does not run on {device.type}, but on {known}: "
            "set it to none, or take another compute.device"
        )
    if compute.compile:
        raise ParameterError(
            f"compute.quantization is {compute.quantization}, whose layers are not compiled: set compute.compile to false"
        )


def quantization_config(empty: PreTrainedModel, quantization: str) -> BitsAndBytesConfig:
    """Return transformers' configuration for loading a model's linear layers in int8 or nf4.

    Its layers compute in float32 until `set_compute_dtype`, because peft draws and loads an adapter's weights in the dtype that
    they compute in.

    Args:
        empty: a model of the architecture, such as on the device `meta`.
        quantization: int8 or nf4.
    """
    whole = whole_layers(empty, quantization)
    if quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=whole)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
        llm_int8_skip_modules=whole,
    )


def whole_layers(model: nn.Module, quantization: str) -> list[str]:
    """Return the paths of the linear layers that are never quantized.

    They are the family's HEADS, which make the scores, layers whose weights are the word embeddings', and those with a
    number of inputs that is no MULTIPLE. transformers adds what its class keeps in float32 (T5's wo, BLIP-2's Q-Former).
    """
    heads = family_of(model).HEADS
    embeddings = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    return [
        path
        for path, layer in model.named_modules()
        if isinstance(layer, nn.Linear)
        and (
            any(fnmatchcase(path, head) for head in heads)
            or any(layer.weight is weight for weight in embeddings)
            or layer.in_features % MULTIPLE[quantization]
        )
    ]


def is_quantized(weight: Tensor) -> bool:
    """Whether a weight is stored as integers, which no other weight is: it must not be cast."""
    return not weight.is_floating_point()


def has_quantized_layers(model: nn.Module) -> bool:
    """Whether any of a model's linear layers is quantized."""
    return any(map(is_quantized, model.parameters()))


def count_weights(module: nn.Module) -> int:
    """Return the number of weights, of which nf4 stores two in a byte."""
    counted = 0
    for weight in module.parameters():
        state = getattr(weight, "quant_state", None)
        counted += weight.numel() if state is None else state.shape.numel()
    return counted


def set_compute_dtype(model: nn.Module, dtype: torch.dtype) -> None:
    """Have the layers in nf4 compute in a dtype; those in int8 compute in that of their inputs."""
    for layer in _quantized_layers(model):
        if _in_nf4(layer):
            layer.compute_dtype = dtype


def use_plain_products(model: nn.Module) -> None:
    """Have quantized layers on a CPU multiply by dequantized weights, in the precision of computing.

    bitsandbytes otherwise repacks nf4 weights at the first use, to compute in bf16 whatever the precision, by instructions that
    few processors have; and rounds the inputs of int8 layers, by columns of the whole micro-batch. In bf16 that saves little or
    no time (docs/performance.md).
    """
    for layer in _quantized_layers(model):
        if _in_nf4(layer):
            layer.support_avx512bf16_for_cpu = False
        else:
            layer.register_forward_pre_hook(_before_int8)


def _quantized_layers(model: nn.Module) -> list[nn.Linear]:
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return [layer for layer in linear if is_quantized(layer.weight)]


def _in_nf4(layer: nn.Linear) -> bool:
    return hasattr(layer.weight, "quant_state")


def _before_int8(layer: nn.Linear, inputs: tuple[Tensor, ...]) -> None:
    # In training bitsandbytes computes so on a CPU; nothing else of a layer depends on the mode.
    layer.training = inputs[0].is_cpu
    if layer.weight.CB is not None and layer.weight.SCB is None:
        # On a CPU peft's DoRA replaces the weights by a copy without their scales, which are in the layer's state.
        layer.weight.CB = None
