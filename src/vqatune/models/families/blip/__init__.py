"""BLIP for visual question answering, as a family (models.family.GeneratingFamily)."""

from vqatune.models.families.blip.model import (
    HEADS,
    PARTS,
    PRESETS,
    answer_tokens,
    attention_maps,
    decode,
    encode_images,
    encode_questions,
    pair_losses,
    patches_per_side,
)
from vqatune.models.families.blip.processor import (
    answer_texts,
    answers,
    load_model,
    load_processor,
    pictures,
    questions,
    save_checkpoint,
    save_processor,
)
from vqatune.models.families.blip.untrained import make_config, make_tokenizer, make_untrained
from vqatune.models.family import GENERATES

MODES = GENERATES
WORDING = "{question}"

__all__ = [
    "HEADS",
    "MODES",
    "PARTS",
    "PRESETS",
    "WORDING",
    "answer_texts",
    "answer_tokens",
    "answers",
    "attention_maps",
    "decode",
    "encode_images",
    "encode_questions",
    "load_model",
    "load_processor",
    "make_config",
    "make_tokenizer",
    "make_untrained",
    "pair_losses",
    "patches_per_side",
    "pictures",
    "questions",
    "save_checkpoint",
    "save_processor",
]
