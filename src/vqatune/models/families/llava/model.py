"""LLaVA-1.5 and BakLLaVA: a vision tower and a projector in front of a language model.

Liu et al., Improved Baselines with Visual Instruction Tuning, 2023, https://arxiv.org/abs/2310.03744.
"""

import torch
from torch import Tensor, nn

from vqatune.loading.ragged import Ragged
from vqatune.models.families.image_prefix import embed_prefixes, text_presets
from vqatune.models.family import Parts, VisionOptions

PARTS = Parts(
    vision=("model.vision_tower", "model.multi_modal_projector"), text=("model.language_model", "lm_head")
)
HEADS = ["lm_head"]
PRESETS = {
    "vision": ["model.vision_tower.*.q_proj", "model.vision_tower.*.k_proj", "model.vision_tower.*.v_proj"],
    **text_presets("model.language_model", dense=("gate_proj", "up_proj", "down_proj")),
    "all_linear": ["model.vision_tower.*", "model.multi_modal_projector.*", "model.language_model.*"],
}
"""The presets of `lora.target_modules`: patterns of the paths of linear layers."""


def encode_images(model: nn.Module, pictures: Ragged, options: VisionOptions | None = None) -> Ragged:
    """Return each image's prefix, embedded, as `embed_prefixes`."""

    def features(pixel_values: Tensor) -> Tensor:
        return torch.cat(model.model.get_image_features(pixel_values=pixel_values).pooler_output)

    return embed_prefixes(model, PARTS, pictures, features, [pictures.tensors["pixel_values"]], options)
