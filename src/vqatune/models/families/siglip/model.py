"""SigLIP: a vision tower and a text encoder, trained to tell each pair of image and text by a sigmoid.

Zhai et al., Sigmoid loss for language image pre-training, 2023, https://arxiv.org/abs/2303.15343. Its sigmoid says
whether a text fits an image, the question's part of it among that. Here the question is given, so a probability is
the softmax over its candidates, in the same order.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vqatune.loading.ragged import Ragged
from vqatune.models.families import dual_encoder
from vqatune.models.family import Parts, VisionOptions
from vqatune.models.packing import PackedBatch

PARTS = Parts(vision=("vision_model",), text=("text_model",))
HEADS = ["vision_model.head.*", "text_model.head"]
PRESETS: dict[str, list[str]] = {}
"""None, as it is not tuned."""


def encode_images(model: nn.Module, pictures: Ragged, options: VisionOptions | None = None) -> Ragged:
    """Return the images' vectors, as `dual_encoder.encode_images`."""

    def features(pixel_values: Tensor) -> Tensor:
        return model.get_image_features(pixel_values=pixel_values).pooler_output

    return dual_encoder.encode_images(pictures, features, options)


def rank(model: nn.Module, batch: PackedBatch, candidates: Sequence[Sequence[Sequence[int]]]) -> Tensor:
    """Return log-probabilities of each question's candidates, as RankingFamily.rank."""
    device, width = batch.questions.ids.device, model.config.text_config.max_position_embeddings

    def encode_texts(texts: list[list[int]]) -> Tensor:
        # It was trained with every text padded to the context, padding that is attended to, and is read at the last token.
        padding = model.text_padding
        ids = torch.tensor([[*text, *[padding] * (width - len(text))] for text in texts], device=device)
        return model.get_text_features(input_ids=ids).pooler_output

    def logits(cosines: Tensor) -> Tensor:
        return cosines * model.logit_scale.float().exp() + model.logit_bias.float()

    return dual_encoder.rank(model, batch, candidates, encode_texts, logits)
