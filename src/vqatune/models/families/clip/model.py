"""CLIP: a vision tower and a text encoder, compared by their cosine times a learnt scale.

Radford et al., Learning transferable visual models from natural language supervision, 2021,
https://arxiv.org/abs/2103.00020. A probability is the softmax of the scores, as there.
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

PARTS = Parts(vision=("vision_model", "visual_projection"), text=("text_model", "text_projection"))
HEADS = ["visual_projection", "text_projection"]
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
    """Return the symmetric softmax loss, as ContrastiveFamily.contrastive_loss.

    A text that is true of an image is compared with those that are not true of it, and the image with those that the text
    is not true of: what else is true is no mistake.
    """
    images = dual_encoder.image_vectors(model, pictures)
    encoded = dual_encoder.text_vectors(_encode_texts(model, texts, true.device))
    scores = _logits(model, images @ encoded.T)
    # Not -inf, of which a row without any wrong text has no gradient.
    wrong = scores.masked_fill(true, torch.finfo(scores.dtype).min)
    losses = [F.softplus(wrong.logsumexp(axis, keepdim=True) - scores) for axis in (0, 1)]
    return torch.stack(losses)[:, true].mean()


def _encode_texts(model: nn.Module, texts: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    width = max(map(len, texts))
    # Attention is causal, and the text's vector is that of its first end token: more of them change nothing.
    ids = torch.tensor([[*text, *[text[-1]] * (width - len(text))] for text in texts], device=device)
    return model.get_text_features(input_ids=ids).pooler_output


def _logits(model: nn.Module, cosines: Tensor) -> Tensor:
    return cosines * model.logit_scale.float().exp()
