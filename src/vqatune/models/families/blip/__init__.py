"""BLIP for visual question answering: the only package that knows BLIP, imported through this module."""

from vqatune.models.families.blip.checkpoint import (
    fingerprint,
    load_model,
    load_processor,
    save_checkpoint,
    save_processor,
)
from vqatune.models.families.blip.model import (
    AnswerTokens,
    KeysAndValues,
    VisionOptions,
    answer_tokens,
    attention_maps,
    decode,
    encode_images,
    encode_questions,
    image_states_of,
    keys_and_values,
    pair_losses,
    patches_per_side,
)
from vqatune.models.families.blip.untrained import make_config, make_tokenizer, make_untrained

__all__ = [
    "AnswerTokens",
    "KeysAndValues",
    "VisionOptions",
    "answer_tokens",
    "attention_maps",
    "decode",
    "encode_images",
    "encode_questions",
    "fingerprint",
    "image_states_of",
    "keys_and_values",
    "load_model",
    "load_processor",
    "make_config",
    "make_tokenizer",
    "make_untrained",
    "pair_losses",
    "patches_per_side",
    "save_checkpoint",
    "save_processor",
]
