"""CLIP: a vision tower and a text encoder, compared by their cosine times a learnt scale.

Radford et al., Learning transferable visual models from natural language supervision, 2021,
https://arxiv.org/abs/2103.00020. A probability is the softmax of the scores, as there.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vqatune.loading.ragged import Ragged
from vqatune.models.families import dual_encoder
from vqatune.models.family import Parts, VisionOptions
from vqatune.models.packing import PackedBatch

PARTS = Parts(vision=("vision_model", "visual_projection"), text=("text_model", "text_projection"))
HEADS = ["visual_projection", "text_projection"]
PRESETS: dict[str, list[str]] = {}
"""None, as it is not tuned."""


def encode_images(model: nn.Module, pictures: Ragged, options: VisionOptions | None = None) -> Ragged:
    """Return the images' vectors, as `dual_encoder.encode_images`."""

    def features(pixel_values: Tensor) -> Tensor:
        return model.get_image_features(pixel_values=pixel_values).pooler_output

    return dual_encoder.encode_images(pictures, features, options)


def rank(model: nn.Module, batch: PackedBatch, candidates: Sequence[Sequence[Sequence[int]]]) -> Tensor:
    """Return log-probabilities of each question's candidates, as RankingFamily.rank."""
    device = batch.questions.ids.device

    def encode_texts(texts: list[list[int]]) -> Tensor:
        width = max(map(len, texts))
        # Attention is causal, and the text's vector is that of its first end token: more of them change nothing.
        ids = torch.tensor([[*text, *[text[-1]] * (width - len(text))] for text in texts], device=device)
        return model.get_text_features(input_ids=ids).pooler_output

    def logits(cosines: Tensor) -> Tensor:
        return cosines * model.logit_scale.float().exp()

    return dual_encoder.rank(model, batch, candidates, encode_texts, logits)
