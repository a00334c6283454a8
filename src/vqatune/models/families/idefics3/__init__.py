"""Idefics3, SmolVLM among them, as a family (models.family.GeneratingFamily)."""

from vqatune.models.families.decoder_only import answer_tokens, decode, encode_questions, pair_losses
from vqatune.models.families.idefics3.model import HEADS, PARTS, PRESETS, encode_images
from vqatune.models.families.idefics3.processor import (
    PROMPT,
    load_model,
    load_processor,
    pictures,
    save_checkpoint,
    save_processor,
    split_images,
)
from vqatune.models.families.idefics3.untrained import make_untrained
from vqatune.models.families.prompts import Prompt
from vqatune.models.family import GENERATES

questions, answers, answer_texts = PROMPT.questions, PROMPT.answers, PROMPT.answer_texts

MODES = GENERATES
WORDING = PROMPT.wording


def prompt_of(processor: object) -> Prompt:
    """Return the prompt, as PromptedFamily.prompt_of."""
    return PROMPT


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
    "split_images",
]
