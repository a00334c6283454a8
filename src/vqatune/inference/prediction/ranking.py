"""Answers of models that rank: the most probable of given candidates, by a family's `rank`.

A log-probability is over the candidates of its question, so the same answer has another one among others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from vqatune.models.family import RankingFamily, VisionOptions
from vqatune.models.family_lookup import image_states_of
from vqatune.models.packing import PackedBatch
from vqatune.models.text_vectors import TextVectors

Candidates = Mapping[tuple[int, ...], str]
"""The ids of candidates, as a family's `answers` returns them, with their texts; in order of preference where two tie."""


@torch.inference_mode()
def candidate_log_probabilities(
    family: RankingFamily,
    model: nn.Module,
    batch: PackedBatch,
    candidates: Sequence[Sequence[Sequence[int]]],
    vision_options: VisionOptions | None = None,
    kept: TextVectors | None = None,
) -> Tensor:
    """Return the log-probability of every candidate of each question.

    Args:
        family: of the model.
        model: on the device of the batch.
        batch: images and questions.
        candidates: of each question the ids of its candidates.
        vision_options: how the vision tower runs; None for the defaults.
        kept: vectors of texts that this model, as it stands, gave before; None to keep none.

    Returns:
        float32 (pairs, largest number of candidates); -inf where a question has fewer.
    """
    states = image_states_of(model, batch, vision_options)
    return family.rank(model, replace(batch, image_states=states), candidates, kept)


def best_candidates(
    family: RankingFamily,
    model: nn.Module,
    batch: PackedBatch,
    candidates: Sequence[Sequence[int]],
    vision_options: VisionOptions | None = None,
    kept: TextVectors | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the most probable of the candidates for each question, the first of equal ones.

    Args and results are those of `decoding.ranked_answers`.
    """
    scores = candidate_log_probabilities(
        family, model, batch, [candidates] * batch.pairs, vision_options, kept
    )
    best = scores.argmax(1)
    return best, scores.gather(1, best[:, None])[:, 0]


def chosen_log_probabilities(
    family: RankingFamily,
    model: nn.Module,
    batch: PackedBatch,
    candidates: Sequence[Sequence[int]],
    chosen: Sequence[int],
    kept: TextVectors | None = None,
) -> Tensor:
    """Return the log-probability of one candidate for each question, float32 (pairs,).

    Args:
        family: of the model.
        model: on the device of the batch.
        batch: images and questions.
        candidates: the ids of all candidates.
        chosen: the index of each question's candidate.
        kept: as for `candidate_log_probabilities`.
    """
    scores = candidate_log_probabilities(family, model, batch, [candidates] * batch.pairs, kept=kept)
    return scores.gather(1, torch.tensor(chosen, device=scores.device)[:, None])[:, 0]
