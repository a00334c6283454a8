"""CLIP, as a family (models.family.RankingFamily)."""

from vqatune.models.families.clip.model import HEADS, PARTS, PRESETS, contrastive_loss, rank
from vqatune.models.families.clip.processor import (
    load_model,
    load_processor,
    pictures,
    save_checkpoint,
    save_processor,
)
from vqatune.models.families.clip.untrained import make_untrained
from vqatune.models.families.dual_encoder import WORDING, answers, encode_images, questions
from vqatune.models.family import RANKS

MODES = RANKS

__all__ = [
    "HEADS",
    "MODES",
    "PARTS",
    "PRESETS",
    "WORDING",
    "answers",
    "contrastive_loss",
    "encode_images",
    "load_model",
    "load_processor",
    "make_untrained",
    "pictures",
    "questions",
    "rank",
    "save_checkpoint",
    "save_processor",
]
