"""BLIP-2 with OPT and with T5, as a family (models.family.GeneratingFamily)."""

from vqatune.models.families.blip_2.model import (
    HEADS,
    PARTS,
    PRESETS,
    answer_tokens,
    decode,
    encode_images,
    encode_questions,
    pair_losses,
)
from vqatune.models.families.blip_2.processor import (
    PROMPT,
    answer_texts,
    answers,
    load_model,
    load_processor,
    pictures,
    prompt_of,
    questions,
    save_checkpoint,
    save_processor,
)
from vqatune.models.families.blip_2.untrained import make_untrained
from vqatune.models.family import GENERATES

MODES = GENERATES
WORDING = PROMPT.wording

__all__ = [
    "HEADS",
    "MODES",
    "PARTS",
    "PRESETS",
    "PROMPT",
    "WORDING",
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
    "prompt_of",
    "questions",
    "save_checkpoint",
    "save_processor",
]
