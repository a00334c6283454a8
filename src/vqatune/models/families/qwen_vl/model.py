"""Qwen2.5-VL and Qwen2-VL: a vision tower of any resolution in front of a language model with positions of three axes.

Bai et al., Qwen2.5-VL Technical Report, 2025, https://arxiv.org/abs/2502.13923; Wang et al., Qwen2-VL, 2024,
https://arxiv.org/abs/2409.12191.
"""

import torch
from torch import Tensor, nn

from vqatune.loading.ragged import Ragged
from vqatune.models.families.image_prefix import embed_prefixes, text_presets
from vqatune.models.family import Parts, VisionOptions

PARTS = Parts(vision=("model.visual",), text=("model.language_model", "lm_head"))
HEADS = ["lm_head"]
PRESETS = {
    "vision": ["model.visual.blocks.*.qkv", "model.visual.blocks.*.proj"],
    **text_presets("model.language_model", dense=("gate_proj", "up_proj", "down_proj")),
    "all_linear": ["model.visual.*", "model.language_model.*"],
}
"""The presets of `lora.target_modules`: patterns of the paths of linear layers."""


def encode_images(model: nn.Module, pictures: Ragged, options: VisionOptions | None = None) -> Ragged:
    """Return each image's prefix, embedded, as `embed_prefixes`; a position has the axes time, height and width."""

    def features(patches: Tensor, grid: Tensor) -> Tensor:
        return torch.cat(model.model.get_image_features(patches, image_grid_thw=grid).pooler_output)

    inputs = [pictures.tensors["patches"], pictures.tensors["grid"]]
    return embed_prefixes(model, PARTS, pictures, features, inputs, options)
