"""Attention rollout: how much each image patch contributes to an answer.

BLIP's decoder does not attend to the image. It attends to the question's tokens (cross-attention), and these attended
to the image's patches (cross-attention of the question encoder). Attention rollout follows both: every attention layer
replaces a token's contributions by the mean of its own (the residual connection) and those of the tokens that it
attends to, averaged over the heads.

With S, X, D, C the mean over the heads of a layer's attention (question to itself, question to patches, answer to
itself, answer to question), each with rows that sum to 1, layer by layer:

    V ← (V + S V) / 2,  V ← (V + X) / 2    contributions of patches to the question's tokens, from V = 0
    W ← (W + D W) / 2,  W ← (W + C) / 2    contributions of the question to the answer's tokens, from W = 0

The map is the mean of W V over the positions that predict the answer's tokens, without the vision tower's class
token, normalised to a sum of 1.

Abnar and Zuidema, Quantifying attention flow in transformers, 2020, https://arxiv.org/abs/2005.00928, for the
rollout with halves; Chefer, Gur and Wolf, Generic attention-model explainability for interpreting bi-modal and
encoder-decoder transformers, 2021, https://arxiv.org/abs/2103.15679, for rollout across
modalities (here without their gradients). The rollout ends at the vision tower's last states and does not follow its
self-attention. Attention shows which inputs were mixed into a state; it does not explain the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vqatune.models.family import SeenThroughFamily, VisionOptions
from vqatune.models.family_lookup import family_of
from vqatune.models.packing import PackedBatch


@dataclass(frozen=True)
class Attention:
    """The attention weights of every layer, averaged over heads; float32, each row sums to 1."""

    question_to_itself: list[Tensor]
    """(question tokens, question tokens)."""
    question_to_patches: list[Tensor]
    """(question tokens, patches + 1), the class token first."""
    answer_to_itself: list[Tensor]
    """(answer tokens, answer tokens), from [DEC] on; causal."""
    answer_to_question: list[Tensor]
    """(answer tokens, question tokens)."""


def can_be_followed(model: nn.Module) -> bool:
    """Return whether a model is of a family whose attention is followed here."""
    return isinstance(family_of(model), SeenThroughFamily)


def _family(model: nn.Module) -> SeenThroughFamily:
    family = family_of(model)
    if isinstance(family, SeenThroughFamily):
        return family
    raise ValueError("the attention of a model of this family is not followed: see can_be_followed")


@torch.inference_mode()
def attention(
    model: nn.Module, batch: PackedBatch, answer: Sequence[int], vision_options: VisionOptions | None = None
) -> Attention:
    """Return the attention weights of a model for a given answer.

    Args:
        model: transformers' BlipForQuestionAnswering in evaluation mode, with or without LoRA layers.
        batch: one image with one question; an answer in it is not used.
        answer: token ids of the answer without [DEC] and [SEP]; may be empty.
        vision_options: how the vision tower runs; None for the defaults.
    """
    if batch.pairs != 1:
        raise ValueError(f"attention is of one question, not of {batch.pairs}")
    kinds = _family(model).attention_maps(model, batch, answer, vision_options)
    return Attention(*([layer[0].float().mean(0) for layer in kind] for kind in kinds))


def attention_rollout(
    model: nn.Module, batch: PackedBatch, answer: Sequence[int], vision_options: VisionOptions | None = None
) -> Tensor:
    """Return how much each image patch contributes to an answer.

    Args as for `attention`.

    Returns:
        (rows, columns) of the image's patches, float32 on the CPU, not negative, of sum 1. For an empty answer the
        position that predicts [SEP] counts.
    """
    weights = attention(model, batch, answer, vision_options)
    # Position i predicts token i of the answer: [DEC] predicts the first. The position that predicts [SEP] is left out.
    positions = max(1, len(answer))
    patches = _rollout(weights)[:positions].mean(0)[1:].cpu()
    size = _family(model).patches_per_side(model)
    return (patches / patches.sum()).view(size, size)


def _rollout(weights: Attention) -> Tensor:
    """Return the contributions of patches to each token of the answer, (answer tokens, patches + 1)."""
    patches = torch.zeros_like(weights.question_to_patches[0])
    for to_itself, to_patches in zip(weights.question_to_itself, weights.question_to_patches, strict=True):
        patches = (patches + to_itself @ patches) / 2
        patches = (patches + to_patches) / 2
    question = torch.zeros_like(weights.answer_to_question[0])
    for to_itself, to_question in zip(weights.answer_to_itself, weights.answer_to_question, strict=True):
        question = (question + to_itself @ question) / 2
        question = (question + to_question) / 2
    return question @ patches
