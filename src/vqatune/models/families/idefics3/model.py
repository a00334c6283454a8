"""Idefics3 and SmolVLM: a SigLIP vision tower, whose patches a connector shuffles into fewer tokens of a language model.

Laurençon et al., Building and better understanding vision-language models, 2024, https://arxiv.org/abs/2408.12637;
Marafioti et al., SmolVLM, 2025, https://arxiv.org/abs/2504.05299.
"""

import torch
from torch import Tensor, nn

from vqatune.loading.ragged import Ragged
from vqatune.models.families.image_prefix import embed_prefixes, text_presets
from vqatune.models.family import Parts, VisionOptions

PARTS = Parts(vision=("model.vision_model", "model.connector"), text=("model.text_model", "lm_head"))
HEADS = ["lm_head"]
PRESETS = {
    "vision": ["model.vision_model.*.q_proj", "model.vision_model.*.k_proj", "model.vision_model.*.v_proj"],
    **text_presets("model.text_model", dense=("gate_proj", "up_proj", "down_proj")),
    "all_linear": ["model.vision_model.*", "model.connector.*", "model.text_model.*"],
}
"""The presets of `lora.target_modules`: patterns of the paths of linear layers."""


def encode_images(model: nn.Module, pictures: Ragged, options: VisionOptions | None = None) -> Ragged:
    """Return each image's prefix, embedded, as `embed_prefixes`; the tiles of all images go through the tower at once."""

    def features(tiles: Tensor) -> Tensor:
        # As the tiles of one image: transformers takes (images, tiles, …), padded to as many tiles each.
        return torch.cat(model.model.get_image_features(pixel_values=tiles[None]).pooler_output)

    return embed_prefixes(model, PARTS, pictures, features, [pictures.tensors["tiles"]], options)
