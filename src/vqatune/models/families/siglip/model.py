"""SigLIP: a vision tower and a text encoder, trained to tell each pair of image and text by a sigmoid.

Zhai et al., Sigmoid loss for language image pre-training, 2023, https://arxiv.org/abs/2303.15343. Its sigmoid says
whether a text fits an image, the question's part of it among that. Here the question is given, so a probability is
the softmax over its candidates, in the same order.
"""

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqatune.loading.ragged import Ragged
from vqatune.models.families import dual_encoder
from vqatune.models.family import Parts
from vqatune.models.packing import PackedBatch
from vqatune.models.text_vectors import TextVectors

PARTS = Parts(vision=("vision_model",), text=("text_model",))
HEADS = ["vision_model.head.*", "text_model.head"]
PRESETS: dict[str, list[str]] = {}
"""None, as it is not tuned."""


def rank(
    model: nn.Module,
    batch: PackedBatch,
    candidates: Sequence[Sequence[Sequence[int]]],
    kept: TextVectors | None = None,
) -> Tensor:
    """Return log-probabilities of each question's candidates, as RankingFamily.rank."""
    device = batch.questions.ids.device
    encode = partial(_encode_texts, model, device=device)
    return dual_encoder.rank(model, batch, candidates, kept, encode, partial(_logits, model))


def contrastive_loss(
    model: nn.Module, pictures: Ragged, texts: Sequence[Sequence[int]], true: Tensor
) -> Tensor:
    """Return the sigmoid loss, summed over all texts and averaged over images, as ContrastiveFamily.contrastive_loss."""
    images = dual_encoder.image_vectors(model, pictures)
    encoded = dual_encoder.text_vectors(_encode_texts(model, texts, true.device))
    scores = _logits(model, images @ encoded.T)
    return F.binary_cross_entropy_with_logits(scores, true.to(scores.dtype), reduction="none").sum(1).mean()


def _encode_texts(model: nn.Module, texts: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    # It was trained with every text padded to the context, padding that is attended to, and is read at the last token.
    width, padding = model.config.text_config.max_position_embeddings, model.text_padding
    ids = torch.tensor([[*text, *[padding] * (width - len(text))] for text in texts], device=device)
    return model.get_text_features(input_ids=ids).pooler_output


def _logits(model: nn.Module, cosines: Tensor) -> Tensor:
    return cosines * model.logit_scale.float().exp() + model.logit_bias.float()
