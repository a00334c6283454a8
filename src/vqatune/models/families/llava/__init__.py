"""LLaVA-1.5 and BakLLaVA, as a family (models.family.Family)."""

from vqatune.models.families.llava.model import (
    PARTS,
    PRESETS,
    answer_tokens,
    decode,
    encode_images,
    encode_questions,
    pair_losses,
)
from vqatune.models.families.llava.processor import (
    answer_texts,
    answers,
    load_model,
    load_processor,
    pictures,
    questions,
    save_checkpoint,
    save_processor,
)
from vqatune.models.families.llava.untrained import make_untrained

__all__ = [
    "PARTS",
    "PRESETS",
    "answer_texts",
    "answer_tokens",
    "answers",
    "decode",
    "encode_images",
    "encode_questions",
    "load_model",
    "load_processor",
    "make_untrained",
    "pair_losses",
    "pictures",
    "questions",
    "save_checkpoint",
    "save_processor",
]
