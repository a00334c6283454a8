"""A tiny Idefics3 with random weights, and a tokenizer built from texts."""

from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
    PreTrainedTokenizerFast,
)
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

from vqatune.models.families import processors
from vqatune.models.families.idefics3.processor import PROMPT
from vqatune.params import TinyParams

SPECIAL = [
    *("<|endoftext|>", "<|im_start|>", "<end_of_utterance>", "<fake_token_around_image>", "<image>"),
    "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
]
SCALE = 2
"""A token of an image is made of a square of so many patches a side."""


def make_untrained(
    texts: list[str], vocabulary: int, tiny: TinyParams | None
) -> tuple[Idefics3ForConditionalGeneration, Idefics3Processor]:
    """Return a model with random weights, and its processor, as Family.make_untrained."""
    tiny = processors.required_size(tiny)
    tokenizer = make_tokenizer(texts, vocabulary)
    edge = {"longest_edge": tiny.image_size}
    images = Idefics3ImageProcessorPil(size=edge, max_image_size=edge, do_image_splitting=False)
    tokens = (tiny.image_size // tiny.patch_size // SCALE) ** 2
    processor = Idefics3Processor(images, tokenizer, image_seq_len=tokens)
    model = Idefics3ForConditionalGeneration(make_config(tokenizer, tiny))
    PROMPT.tell_model(model, tokenizer)
    return model, processor


def make_tokenizer(texts: list[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Build a tokenizer from texts as they stand in the prompt, and behind it: an answer follows a space."""
    texts = sorted(texts)
    asked = [PROMPT.template.format(text) for text in texts]
    return processors.make_tokenizer([*asked, *(f" {text}" for text in texts)], vocabulary, SPECIAL, {})


def make_config(tokenizer: PreTrainedTokenizerFast, tiny: TinyParams) -> Idefics3Config:
    """Return the configuration of a tiny model, for a tokenizer of `make_tokenizer`."""
    shape = {
        "hidden_size": tiny.hidden_size,
        "intermediate_size": 4 * tiny.hidden_size,
        "num_hidden_layers": tiny.layers,
        "num_attention_heads": tiny.heads,
        # The usual 0.02 suits a width of thousands; narrower layers need a larger one to keep activations in scale.
        "initializer_range": tiny.hidden_size**-0.5,
    }
    padding = tokenizer.pad_token_id
    return Idefics3Config(
        vision_config=shape | {"image_size": tiny.image_size, "patch_size": tiny.patch_size},
        text_config=shape
        | {
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": padding,
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=SCALE,
        tie_word_embeddings=False,
        pad_token_id=padding,
    )
