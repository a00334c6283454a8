"""CLIP models with random weights and a tokenizer built from texts: a tiny model, or clip-vit-base-patch32's architecture."""

import json

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from vqatune.params import TinyParams

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
CONTEXT = 77
"""Tokens that a text may have, as in the published checkpoints."""


def make_untrained(
    texts: list[str], vocabulary: int, tiny: TinyParams | None
) -> tuple[CLIPModel, CLIPProcessor]:
    """Return a model with random weights, and its processor, as Family.make_untrained.

    The tokenizer has `vocabulary` tokens at most, and never fewer than the 514 of bytes, inside and at the end of a word.
    """
    tokenizer = make_tokenizer(texts, vocabulary)
    config = make_config(tokenizer, tiny)
    size = config.vision_config.image_size
    images = CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    return CLIPModel(config), CLIPProcessor(images, tokenizer)


def make_tokenizer(texts: list[str], vocabulary: int) -> CLIPTokenizer:
    """Build a byte-level BPE tokenizer of lower case, whose tokens know the end of a word."""
    bare = Tokenizer(models.BPE(end_of_word_suffix=WORD_END, unk_token=END))
    bare.normalizer = normalizers.Lowercase()
    bare.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    at_end = [f"{sign}{WORD_END}" for sign in alphabet]
    # The trainer would number signs at the end of a word in the order of a hash table, unless they are there.
    trainer = trainers.BpeTrainer(
        vocab_size=max(vocabulary - 2, 2 * len(alphabet)),
        end_of_word_suffix=WORD_END,
        initial_alphabet=alphabet,
        special_tokens=at_end,
        show_progress=False,
    )
    bare.train_from_iterator(sorted(texts), trainer)
    learnt = json.loads(bare.to_str())["model"]
    names = dict.fromkeys([*learnt["vocab"], START, END])
    merges = [tuple(merge) for merge in learnt["merges"]]
    return CLIPTokenizer(
        {name: number for number, name in enumerate(names)}, merges, model_max_length=CONTEXT
    )


def make_config(tokenizer: CLIPTokenizer, tiny: TinyParams | None) -> CLIPConfig:
    """Return the configuration of a tiny CLIP, or (None) of clip-vit-base-patch32, for a tokenizer of `make_tokenizer`."""
    tokens = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "max_position_embeddings": CONTEXT,
    }
    if tiny is None:
        return CLIPConfig(
            text_config=CLIPTextConfig(**tokens).to_dict(), vision_config=CLIPVisionConfig().to_dict()
        )
    shape = {
        "hidden_size": tiny.hidden_size,
        "intermediate_size": 4 * tiny.hidden_size,
        "num_hidden_layers": tiny.layers,
        "num_attention_heads": tiny.heads,
        "projection_dim": tiny.hidden_size,
    }
    text = CLIPTextConfig(**shape, **tokens, vocab_size=len(tokenizer))
    vision = CLIPVisionConfig(**shape, image_size=tiny.image_size, patch_size=tiny.patch_size)
    return CLIPConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=tiny.hidden_size
    )
