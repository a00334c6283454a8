"""BLIP models with random weights and a tokenizer made here: a tiny one, and the architecture of blip-vqa-base."""

from collections import Counter
from string import ascii_lowercase, digits, punctuation

from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForQuestionAnswering,
    BlipProcessor,
    BlipTextConfig,
    BlipVisionConfig,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from vqatune.params import TinyParams

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
FULL_VOCABULARY = 30522
"""Words in the vocabulary of blip-vqa-base, before [DEC] and [ENC]."""


def make_untrained(
    texts: list[str], vocabulary: int, tiny: TinyParams | None
) -> tuple[BlipForQuestionAnswering, BlipProcessor]:
    """Return a model with random weights, and its processor.

    Args:
        texts: give the tokenizer its words.
        vocabulary: the most tokens that it knows.
        tiny: the model's size; None for the architecture of blip-vqa-base.
    """
    tokenizer = make_tokenizer(texts, vocabulary)
    config = make_config(tokenizer, tiny)
    size = config.vision_config.image_size
    processor = BlipProcessor(BlipImageProcessorPil(size={"height": size, "width": size}), tokenizer)
    return BlipForQuestionAnswering(config), processor


def make_tokenizer(texts: list[str], vocabulary: int) -> BertTokenizer:
    """Return a WordPiece tokenizer with [DEC] and [ENC], the same for the same texts in any order.

    Its words are the most frequent of the texts, ties in alphabetical order, up to `vocabulary` tokens in all; the
    characters come first, so that every other word can be spelled.
    """
    bare = BertTokenizer(vocab={token: place for place, token in enumerate(SPECIAL)})
    split = bare.backend_tokenizer.pre_tokenizer.pre_tokenize_str
    normal = bare.backend_tokenizer.normalizer.normalize_str
    counts = Counter()
    for text, repeated in Counter(texts).items():
        for word, _ in split(normal(text)):
            counts[word] += repeated
    characters = sorted({*ascii_lowercase, *digits, *punctuation})
    pieces = [*characters, *(f"##{character}" for character in [*ascii_lowercase, *digits])]
    words = sorted((word for word in counts if word not in pieces), key=lambda word: (-counts[word], word))
    tokens = [*SPECIAL, *pieces, *words][:vocabulary]
    tokenizer = BertTokenizer(vocab={token: place for place, token in enumerate(tokens)})
    tokenizer.add_special_tokens({"bos_token": "[DEC]", "cls_token": "[ENC]"})
    return tokenizer


def make_config(tokenizer: BertTokenizer, tiny: TinyParams | None) -> BlipConfig:
    """Return the configuration of a tiny BLIP, or (None) that of blip-vqa-base, for a tokenizer made here."""
    tokens = {"pad_token_id": tokenizer.pad_token_id, "sep_token_id": tokenizer.sep_token_id}
    if tiny is None:
        tokens |= {"vocab_size": FULL_VOCABULARY + 2, "bos_token_id": tokenizer.bos_token_id}
        return BlipConfig(
            # The class's own default of 1e-10 would leave the tower without signal.
            vision_config=BlipVisionConfig(initializer_range=0.02).to_dict(),
            text_config=BlipTextConfig(num_attention_heads=12, **tokens).to_dict(),
        )
    shape = {
        "hidden_size": tiny.hidden_size,
        "intermediate_size": 4 * tiny.hidden_size,
        "num_hidden_layers": tiny.layers,
        "num_attention_heads": tiny.heads,
    }
    # The usual 0.02 suits a width of 768; narrow layers need more to keep the size of what passes through them.
    shape["initializer_range"] = tiny.hidden_size**-0.5
    tokens |= {"vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id}
    text = BlipTextConfig(**shape, **tokens, encoder_hidden_size=tiny.hidden_size)
    vision = BlipVisionConfig(**shape, image_size=tiny.image_size, patch_size=tiny.patch_size)
    return BlipConfig(vision_config=vision.to_dict(), text_config=text.to_dict())
