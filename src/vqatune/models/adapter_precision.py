"""Adapters on a base model of any dtype: drawn in float32, and merged without rounding the base before."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import nn

from vqatune.errors import ModelError
from vqatune.models.quantization import has_quantized_layers, is_quantized


def make_in_float32(model: nn.Module, config: LoraConfig, targets: Sequence[str]) -> PeftModel:
    """Add a new adapter to a model, with the values that it would have on the same weights in float32.

    Args:
        model: the base model.
        config: LoRA, rsLoRA or DoRA, which has its magnitudes from the base's weights.
        targets: the paths of the linear layers that it tunes.
    """
    layers = [model.get_submodule(path) for path in targets]
    # On quantized weights, whose layers compute in float32 when they are loaded, peft draws in float32.
    layers = [layer for layer in layers if not is_quantized(layer.weight)]
    if all(layer.weight.dtype == torch.float32 for layer in layers):
        return get_peft_model(model, config)
    with _standing_in(layers):
        adapted = get_peft_model(model, config)
    for layer in adapted.modules():
        if isinstance(layer, LoraLayer):
            for name, magnitude in layer.lora_magnitude_vector.items():
                magnitude.update_layer(
                    base_layer=layer.get_base_layer(),
                    lora_A=layer.lora_A[name].weight,
                    lora_B=layer.lora_B[name].weight,
                    scaling=layer.scaling[name],
                )
    return adapted


def merge(adapted: PeftModel, dtype: torch.dtype | None = None, check: bool = False) -> nn.Module:
    """Merge an adapter into its base model: each layer is added up in float32, and rounded once.

    Args:
        adapted: base model and adapter; of no use afterwards.
        dtype: of the weights of the merged model; None for that of the base.
        check: whether to look for weights that are not finite.

    Raises:
        ValueError: `check` finds such weights.
        ModelError: it finds one that is not finite in this dtype alone, or weights are quantized.
    """
    if has_quantized_layers(adapted):
        raise ModelError(
            "an adapter cannot be merged into quantized weights: set compute.quantization to none, or leave it attached"
        )
    for layer in [module for module in adapted.modules() if isinstance(module, LoraLayer)]:
        weight = layer.get_base_layer().weight
        kept = dtype or weight.dtype
        # One layer at a time, because all of them take twice as much memory in float32.
        weight.data = weight.data.float()
        layer.merge(safe_merge=check)
        # Where peft merges safely, it puts another tensor in its place.
        weight = layer.get_base_layer().weight
        weight.data = weight.data.to(kept)
        if check and not weight.isfinite().all():
            name = str(kept).removeprefix("torch.")
            raise ModelError(
                f"with the adapter merged, a weight is beyond the range of {name}: bf16 and float32 have a wider one"
            )
    model = adapted.unload()
    if dtype is not None:
        for weight in model.parameters():
            weight.data = weight.data.to(dtype)
    return model


@contextmanager
def _standing_in(layers: Sequence[nn.Module]) -> Iterator[None]:
    """Give layers weights of zeros in float32, which take no memory, while the block runs.

    peft rounds what it draws to the dtype of a layer's weights, and turns it back to float32 only afterwards.
    """
    kept = [layer.weight.data for layer in layers]
    for layer, weight in zip(layers, kept, strict=True):
        layer.weight.data = torch.zeros((), device=weight.device).expand(weight.shape)
    try:
        yield
    finally:
        for layer, weight in zip(layers, kept, strict=True):
            layer.weight.data = weight
