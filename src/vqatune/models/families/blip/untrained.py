"""BLIP models with random weights and a tokenizer built from texts: a tiny model, or blip-vqa-base's architecture."""

import torch
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForQuestionAnswering,
    BlipProcessor,
    BlipTextConfig,
    BlipVisionConfig,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from vqatune.models.families.processors import BERT_VOCABULARY, make_word_pieces
from vqatune.params import TinyParams


def make_untrained(
    texts: list[str], vocabulary: int, tiny: TinyParams | None
) -> tuple[BlipForQuestionAnswering, BlipProcessor]:
    """Return a model with random weights, and its processor.

    Args:
        texts: the tokenizer's vocabulary is built from them.
        vocabulary: the largest number of tokens.
        tiny: the model's size; None for the architecture of blip-vqa-base.
    """
    tokenizer = make_tokenizer(texts, vocabulary)
    config = make_config(tokenizer, tiny)
    size = config.vision_config.image_size
    processor = BlipProcessor(BlipImageProcessorPil(size={"height": size, "width": size}), tokenizer)
    model = BlipForQuestionAnswering(config)
    if tiny is not None:
        _balance_patches_and_positions(model)
    return model, processor


@torch.no_grad()
def _balance_patches_and_positions(model: BlipForQuestionAnswering) -> None:
    """Draw the positions of patches as large as what patches hold, so that a short training sees where something is.

    Both are drawn with one standard deviation, but a patch adds up its pixels: it would be some twenty times as large.
    """
    embeddings = model.vision_model.embeddings
    embeddings.patch_embedding.weight.mul_(0.5)
    embeddings.position_embedding.normal_(std=1.0)


def make_tokenizer(texts: list[str], vocabulary: int) -> BertTokenizer:
    """Build a tokenizer with [DEC] and [ENC] beside the `vocabulary` tokens of `make_word_pieces`."""
    tokenizer = make_word_pieces(texts, vocabulary)
    tokenizer.add_special_tokens({"bos_token": "[DEC]", "cls_token": "[ENC]"})
    return tokenizer


def make_config(tokenizer: BertTokenizer, tiny: TinyParams | None) -> BlipConfig:
    """Return the configuration of a tiny BLIP, or (None) of blip-vqa-base, for a tokenizer of `make_tokenizer`."""
    tokens = {"pad_token_id": tokenizer.pad_token_id, "sep_token_id": tokenizer.sep_token_id}
    if tiny is None:
        tokens |= {"vocab_size": BERT_VOCABULARY + 2, "bos_token_id": tokenizer.bos_token_id}
        return BlipConfig(
            # The class's default of 1e-10 would start the tower with near-zero weights.
            vision_config=BlipVisionConfig(initializer_range=0.02).to_dict(),
            text_config=BlipTextConfig(num_attention_heads=12, **tokens).to_dict(),
        )
    shape = {
        "hidden_size": tiny.hidden_size,
        "intermediate_size": 4 * tiny.hidden_size,
        "num_hidden_layers": tiny.layers,
        "num_attention_heads": tiny.heads,
    }
    # The usual 0.02 suits a width of 768; narrower layers need a larger one to keep activations in scale.
    shape["initializer_range"] = tiny.hidden_size**-0.5
    tokens |= {"vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id}
    text = BlipTextConfig(**shape, **tokens, encoder_hidden_size=tiny.hidden_size)
    vision = BlipVisionConfig(**shape, image_size=tiny.image_size, patch_size=tiny.patch_size)
    return BlipConfig(vision_config=vision.to_dict(), text_config=text.to_dict())
