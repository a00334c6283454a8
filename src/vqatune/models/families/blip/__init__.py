"""BLIP for visual question answering: all that is BLIP's alone, and the one door to it."""

from vqatune.models.families.blip.checkpoint import (
    fingerprint,
    load_model,
    load_processor,
    save_checkpoint,
    save_processor,
)
from vqatune.models.families.blip.model import (
    Memory,
    Tower,
    attention_maps,
    decode,
    encode_images,
    encode_questions,
    look,
    pair_losses,
    remember,
)
from vqatune.models.families.blip.untrained import make_config, make_tokenizer, make_untrained

__all__ = [
    "Memory",
    "Tower",
    "attention_maps",
    "decode",
    "encode_images",
    "encode_questions",
    "fingerprint",
    "load_model",
    "load_processor",
    "look",
    "make_config",
    "make_tokenizer",
    "make_untrained",
    "pair_losses",
    "remember",
    "save_checkpoint",
    "save_processor",
]
