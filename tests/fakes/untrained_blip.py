"""A BLIP of a few random weights, the same ones every time, for what does not depend on what a model has learned."""

import torch
from transformers import BlipConfig, BlipForQuestionAnswering, BlipTextConfig, BlipVisionConfig

from vqatune.loading.ragged import Ragged

PAD, SEP = 0, 3


def pictures(pixel_values: torch.Tensor) -> Ragged:
    """Return images as BLIP takes them, from pixel values of shape (images, 3, height, width)."""
    return Ragged.one_each("pixel_values", pixel_values)


def untrained_blip(
    size: int, image_size: int, vocabulary: int, dec: int, **of_text
) -> BlipForQuestionAnswering:
    """Return a model in evaluation with layers of `size`, patches of 8 pixels, and [DEC] as the token `dec`."""
    torch.manual_seed(0)
    shape = {
        "hidden_size": size,
        "intermediate_size": 2 * size,
        "num_hidden_layers": 2,
        "num_attention_heads": size // 8,
    }
    text = BlipTextConfig(
        **shape,
        vocab_size=vocabulary,
        encoder_hidden_size=size,
        bos_token_id=dec,
        sep_token_id=SEP,
        pad_token_id=PAD,
        **{"initializer_range": 0.3} | of_text,
    )
    vision = BlipVisionConfig(**shape, image_size=image_size, patch_size=8, initializer_range=0.3)
    return BlipForQuestionAnswering(
        BlipConfig(vision_config=vision.to_dict(), text_config=text.to_dict())
    ).eval()
