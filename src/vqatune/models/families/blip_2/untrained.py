"""A tiny BLIP-2 with OPT, random weights, and a tokenizer built from texts."""

from tokenizers.processors import TemplateProcessing
from transformers import Blip2Config, Blip2ForConditionalGeneration, Blip2Processor, PreTrainedTokenizerFast
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from vqatune.models.families import processors
from vqatune.models.families.blip_2.processor import PROMPT
from vqatune.params import TinyParams

SPECIAL = ["<pad>", "<s>", "</s>", "<image>"]
QUERIES = 16


def make_untrained(
    texts: list[str], vocabulary: int, tiny: TinyParams | None
) -> tuple[Blip2ForConditionalGeneration, Blip2Processor]:
    """Return a model with random weights, and its processor, as Family.make_untrained."""
    tiny = processors.required_size(tiny)
    tokenizer = make_tokenizer(texts, vocabulary)
    images = BlipImageProcessorPil(size={"height": tiny.image_size, "width": tiny.image_size})
    processor = Blip2Processor(images, tokenizer, QUERIES)
    model = Blip2ForConditionalGeneration(make_config(tokenizer, tiny))
    # transformers leaves the queries at zero, where all of them learn the same.
    model.query_tokens.data.normal_(std=tiny.hidden_size**-0.5)
    PROMPT.tell_model(model, tokenizer)
    return model, processor


def make_tokenizer(texts: list[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Build a tokenizer from texts as they stand in the prompt, and behind it: an answer follows a space."""
    texts = sorted(texts)
    asked = [PROMPT.template.format(text) for text in texts]
    texts_in_place = [*asked, *(f" {text}" for text in texts)]
    # No attribute image_token: transformers' processor would take it for a token with a content.
    tokenizer = processors.make_tokenizer(texts_in_place, vocabulary, SPECIAL, {})
    start = tokenizer.convert_tokens_to_ids("</s>")
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="</s> $A", special_tokens=[("</s>", start)]
    )
    return tokenizer


def make_config(tokenizer: PreTrainedTokenizerFast, tiny: TinyParams) -> Blip2Config:
    """Return the configuration of a tiny model, for a tokenizer of `make_tokenizer`."""
    width = tiny.hidden_size
    layers = {"num_hidden_layers": tiny.layers, "num_attention_heads": tiny.heads, "hidden_size": width}
    # The usual 0.02 suits a width of thousands; narrower layers need a larger one to keep activations in scale.
    spread = {"initializer_range": width**-0.5, "intermediate_size": 4 * width}
    no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return Blip2Config(
        vision_config=layers | spread | {"image_size": tiny.image_size, "patch_size": tiny.patch_size},
        qformer_config=layers | spread | no_dropout | {"encoder_hidden_size": width},
        text_config={
            "model_type": "opt",
            "num_hidden_layers": tiny.layers,
            "num_attention_heads": tiny.heads,
            "hidden_size": width,
            "word_embed_proj_dim": width,
            "ffn_dim": 4 * width,
            "init_std": width**-0.5,
            "dropout": 0.0,
            "vocab_size": len(tokenizer),
            "bos_token_id": tokenizer.eos_token_id,
            "eos_token_id": PROMPT.end_id(tokenizer),
            "pad_token_id": tokenizer.pad_token_id,
        },
        num_query_tokens=QUERIES,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
