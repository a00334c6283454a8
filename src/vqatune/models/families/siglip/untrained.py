"""SigLIP models with random weights and a tokenizer built from texts: a tiny model, or siglip-base-patch16-224's architecture."""

import math

from tokenizers import normalizers
from tokenizers.processors import TemplateProcessing
from transformers import (
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipModel,
    SiglipProcessor,
    SiglipTextConfig,
    SiglipVisionConfig,
)
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from vqatune.models.families import processors
from vqatune.params import TinyParams

SPECIAL = ["<pad>", "<s>", "</s>"]
CONTEXT, TINY_CONTEXT = 64, 32
"""Tokens that a text has, padding included: as in the published checkpoints, and in a tiny model, whose texts are short."""
SCALE, BIAS = math.log(10), -4.0
"""The scale's logarithm and the bias of scores that training starts from. The paper's bias of -10 suits batches of thousands,
of whose texts one is true of an image; in a small batch more are."""


def make_untrained(
    texts: list[str], vocabulary: int, tiny: TinyParams | None
) -> tuple[SiglipModel, SiglipProcessor]:
    """Return a model with random weights, and its processor, as Family.make_untrained."""
    tokenizer = make_tokenizer(texts, vocabulary, CONTEXT if tiny is None else TINY_CONTEXT)
    config = make_config(tokenizer, tiny)
    size = config.vision_config.image_size
    model = SiglipModel(config)
    model.logit_scale.data.fill_(SCALE)
    model.logit_bias.data.fill_(BIAS)
    model.text_padding = tokenizer.pad_token_id
    return model, SiglipProcessor(SiglipImageProcessorPil(size={"height": size, "width": size}), tokenizer)


def make_tokenizer(texts: list[str], vocabulary: int, context: int = CONTEXT) -> PreTrainedTokenizerFast:
    """Build a tokenizer of lower case from texts as they begin a text and as they stand behind a question."""
    texts = sorted(text.lower() for text in texts)
    tokenizer = processors.make_tokenizer(
        [*texts, *(f" {text}" for text in texts)],
        vocabulary,
        SPECIAL,
        {},
        model_max_length=context,
        # Padding is attended to.
        model_input_names=["input_ids"],
    )
    end = tokenizer.eos_token
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, tokenizer.eos_token_id)]
    )
    return tokenizer


def make_config(tokenizer: PreTrainedTokenizerFast, tiny: TinyParams | None) -> SiglipConfig:
    """Return the configuration of a tiny SigLIP, or (None) of siglip-base-patch16-224, for a tokenizer of `make_tokenizer`."""
    tokens = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "max_position_embeddings": tokenizer.model_max_length,
    }
    if tiny is None:
        return SiglipConfig(
            text_config=SiglipTextConfig(**tokens).to_dict(), vision_config=SiglipVisionConfig().to_dict()
        )
    shape = {
        "hidden_size": tiny.hidden_size,
        "intermediate_size": 4 * tiny.hidden_size,
        "num_hidden_layers": tiny.layers,
        "num_attention_heads": tiny.heads,
    }
    text = SiglipTextConfig(**shape, **tokens, vocab_size=len(tokenizer), projection_size=tiny.hidden_size)
    vision = SiglipVisionConfig(**shape, image_size=tiny.image_size, patch_size=tiny.patch_size)
    return SiglipConfig(text_config=text.to_dict(), vision_config=vision.to_dict())
