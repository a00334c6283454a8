"""BLIP for visual question answering: the only package that knows BLIP, imported through this module."""

from vqatune.models.families.blip.checkpoint import (
    fingerprint,
    load_model,
    load_processor,
    save_checkpoint,
    save_processor,
)
from vqatune.models.families.blip.model import (
    KeysAndValues,
    VisionOptions,
    attention_maps,
    decode,
    encode_images,
    encode_questions,
    image_states_of,
    keys_and_values,
    pair_losses,
)
from vqatune.models.families.blip.untrained import make_config, make_tokenizer, make_untrained

__all__ = [
    "KeysAndValues",
    "VisionOptions",
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
    "save_checkpoint",
    "save_processor",
]
