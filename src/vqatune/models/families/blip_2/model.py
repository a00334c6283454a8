"""BLIP-2: a vision tower and a Q-Former, whose 32 queries are what a frozen language model reads of an image.

Li et al., BLIP-2, 2023, https://arxiv.org/abs/2301.12597.
"""

from torch import Tensor, nn

from vqatune.loading.ragged import Ragged
from vqatune.models.families.image_prefix import embed_prefixes, text_presets
from vqatune.models.family import Parts, VisionOptions

PARTS = Parts(vision=("vision_model", "qformer", "language_projection"), text=("language_model",))
PRESETS = {
    "vision": ["vision_model.*.qkv", "vision_model.*.projection"],
    **text_presets("language_model", out="out_proj", dense=("fc1", "fc2")),
    "all_linear": ["vision_model.*", "qformer.*", "language_projection", "language_model.*layers.*"],
}
"""The presets of `lora.target_modules`: patterns of the paths of linear layers."""


def encode_images(model: nn.Module, pictures: Ragged, options: VisionOptions | None = None) -> Ragged:
    """Return each image's prefix, embedded, as `embed_prefixes`."""

    def features(pixel_values: Tensor) -> Tensor:
        return model.get_image_features(pixel_values=pixel_values).pooler_output.flatten(0, 1)

    return embed_prefixes(model, PARTS, pictures, features, [pictures.tensors["pixel_values"]], options)
