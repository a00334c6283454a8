"""CLIP, as a family (models.family.RankingFamily)."""

from vqatune.models.families.clip.model import HEADS, PARTS, PRESETS, encode_images, rank
from vqatune.models.families.clip.processor import (
    load_model,
    load_processor,
    pictures,
    save_checkpoint,
    save_processor,
)
from vqatune.models.families.dual_encoder import answers, questions
from vqatune.models.family import RANKS

MODES = RANKS

__all__ = [
    "HEADS",
    "MODES",
    "PARTS",
    "PRESETS",
    "answers",
    "encode_images",
    "load_model",
    "load_processor",
    "pictures",
    "questions",
    "rank",
    "save_checkpoint",
    "save_processor",
]
