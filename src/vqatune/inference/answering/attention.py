"""Where in the picture an answer looked: attention followed from the answer's tokens to the patches.

In BLIP the answer does not see the picture. Its decoder looks at the question's tokens (cross-attention), and these
have looked at the picture's patches (cross-attention of the question encoder). Both are followed by attention
rollout: what a token is made of is a mix, and every attention mixes anew, half of it the token itself (the
residual connection), half of it what the token looks at, the heads taken together by their mean.

With S, X, D, C the mean over the heads of a layer's attention (question to itself, question to patches, answer to
itself, answer to question), each with rows that sum to 1, layer by layer:

    V ← (V + S V) / 2,  V ← (V + X) / 2    what of the patches is in each token of the question, from V = 0
    W ← (W + D W) / 2,  W ← (W + C) / 2    what of the question is in each token of the answer, from W = 0

The map is the mean of W V over the places that the answer's tokens come from, brought to a sum of 1 without the
vision tower's class token, which lies nowhere in the picture.

Abnar and Zuidema, Quantifying attention flow in transformers, 2020, https://arxiv.org/abs/2005.00928, for the
rollout with halves; Chefer, Gur and Wolf, Generic attention-model explainability for interpreting bi-modal and
encoder-decoder transformers, 2021, https://arxiv.org/abs/2103.15679, for following it from one kind of token to
another (here without their gradients). Patches are the vision tower's last states, which have seen one another:
that part is not followed. Attention says where a model took its states from. It is no proof of why it answered so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vqatune.models.families.blip import Tower, attention_maps
from vqatune.models.packing import Batch


@dataclass(frozen=True)
class Attention:
    """The attention of every layer, the mean over its heads; all float32, and every row sums to 1."""

    question_to_itself: list[Tensor]
    """(question tokens, question tokens)."""
    question_to_patches: list[Tensor]
    """(question tokens, patches + 1), the class token first."""
    answer_to_itself: list[Tensor]
    """(answer tokens, answer tokens), from [DEC] on; none looks ahead."""
    answer_to_question: list[Tensor]
    """(answer tokens, question tokens)."""


@torch.inference_mode()
def attention(model: nn.Module, batch: Batch, answer: Sequence[int], tower: Tower | None = None) -> Attention:
    """Return what looked at what when a model gave an answer.

    Args:
        model: transformers' BlipForQuestionAnswering in evaluation, with or without LoRA layers in it.
        batch: one image with one question; its answer, if it has one, is not used.
        answer: token ids of the answer without [DEC] and [SEP]; may be empty.
        tower: how the vision tower runs.
    """
    if batch.pairs != 1:
        raise ValueError(f"attention is of one question, not of {batch.pairs}")
    kinds = attention_maps(model, batch, answer, tower)
    return Attention(*([layer[0].float().mean(0) for layer in kind] for kind in kinds))


def where_it_looked(
    model: nn.Module, batch: Batch, answer: Sequence[int], tower: Tower | None = None
) -> Tensor:
    """Return how much each patch of the picture went into an answer.

    Args as for `attention`.

    Returns:
        (rows, columns) of patches as they lie in the picture, float32 on the CPU, not negative, of sum 1. An answer
        without tokens is followed from the place where it ended.
    """
    given = attention(model, batch, answer, tower)
    # The place of a token is the one that it came from: [DEC] gave the first. What gave [SEP] is not of the answer.
    places = max(1, len(answer))
    patches = _rollout(given)[:places].mean(0)[1:].cpu()
    size = model.config.vision_config.image_size // model.config.vision_config.patch_size
    return (patches / patches.sum()).view(size, size)


def _rollout(given: Attention) -> Tensor:
    """Return what of the patches is in each token of the answer, (answer tokens, patches + 1)."""
    patches = torch.zeros_like(given.question_to_patches[0])
    for to_itself, to_patches in zip(given.question_to_itself, given.question_to_patches, strict=True):
        patches = (patches + to_itself @ patches) / 2
        patches = (patches + to_patches) / 2
    question = torch.zeros_like(given.answer_to_question[0])
    for to_itself, to_question in zip(given.answer_to_itself, given.answer_to_question, strict=True):
        question = (question + to_itself @ question) / 2
        question = (question + to_question) / 2
    return question @ patches
