"""ViLT for visual question answering, as a family (models.family.RankingFamily) that is tuned."""

from vqatune.models.families.vilt.model import HEADS, PARTS, PRESETS, encode_images, pair_losses, rank
from vqatune.models.families.vilt.processor import (
    answers,
    load_model,
    load_processor,
    pictures,
    questions,
    save_checkpoint,
    save_processor,
    without_label,
)
from vqatune.models.families.vilt.untrained import make_untrained
from vqatune.models.family import RANKS

MODES = RANKS
WORDING = "{question}"

__all__ = [
    "HEADS",
    "MODES",
    "PARTS",
    "PRESETS",
    "WORDING",
    "answers",
    "encode_images",
    "load_model",
    "load_processor",
    "make_untrained",
    "pair_losses",
    "pictures",
    "questions",
    "rank",
    "save_checkpoint",
    "save_processor",
    "without_label",
]
