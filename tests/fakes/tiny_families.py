"""Models of a few random weights, the same ones every time, of the families beside BLIP."""

import re
import string
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    T5Tokenizer,
)

from vqatune.loading.ragged import Ragged
from vqatune.models.encoder import Encoder
from vqatune.models.families.blip_2.processor import T5_PROMPT
from vqatune.models.families.qwen_vl.processor import PROMPT, QwenProcessor
from vqatune.models.family_lookup import family_named
from vqatune.params import TinyParams

TEXTS = [
    "What color is it?",
    "red",
    "blue",
    "two",
    "Is it striped?",
    "yes",
    "no",
    "How many stars are there?",
]
SIGNS = string.ascii_letters + string.digits + string.punctuation
TINY = TinyParams(image_size=32, patch_size=8, hidden_size=32, layers=2, heads=4)


@cache
def tiny_model(kind: str, attention: str = "sdpa") -> tuple[nn.Module, Encoder]:
    """Return a model in evaluation, and its encoder, by a name of STOCK; both are shared."""
    name = kind.split(" ")[0]
    torch.manual_seed(0)
    make = {"qwen2_vl": _qwen2_vl, "blip-2 t5": _blip_2_t5}.get(kind) or family_named(name).make_untrained
    model, processor = make(TEXTS, 400, TINY)
    config = model.config
    if name != "blip-2":
        # Two queries share keys and values.
        config.get_text_config().num_key_value_heads = 2
    if name == "llava":
        # As in LLaVA's checkpoints.
        config.vision_feature_layer = -2
    if kind == "idefics3 tiles":
        processor.image_processor.do_image_splitting = True
        processor.image_processor.size = {"longest_edge": 3 * TINY.image_size}
    config._attn_implementation = attention
    torch.manual_seed(0)
    made = type(model)(config).eval()
    if name == "blip-2":
        made.query_tokens.data.normal_()
    if kind == "blip-2 t5":
        _untie_head(made)
    else:
        made.answer_start, made.answer_end = model.answer_start, model.answer_end
    return made, Encoder(name, processor)


def _qwen2_vl(
    texts: list[str], vocabulary: int, tiny: TinyParams
) -> tuple[Qwen2VLForConditionalGeneration, QwenProcessor]:
    newer, processor = family_named("qwen2_5_vl").make_untrained(texts, vocabulary, tiny)
    config = newer.config.to_dict()
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 2, "patch_size": 8}
    text = {name: value for name, value in config["text_config"].items() if name != "model_type"}
    special = {name: value for name, value in config.items() if name.endswith("_token_id")}
    model = Qwen2VLForConditionalGeneration(
        Qwen2VLConfig(vision_config=vision, text_config=text, tie_word_embeddings=False, **special)
    )
    PROMPT.tell_model(model, processor.tokenizer)
    return model, QwenProcessor(processor.image_processor, processor.tokenizer, "Qwen2VLProcessor")


def _blip_2_t5(
    texts: list[str], vocabulary: int, tiny: TinyParams
) -> tuple[Blip2ForConditionalGeneration, Blip2Processor]:
    """Make a BLIP-2 in the form of FLAN-T5, whose heads together are wider than its states."""
    opt, processor = family_named("blip-2").make_untrained(texts, vocabulary, tiny)
    queries = processor.num_query_tokens
    words = sorted({word for text in [T5_PROMPT.template, *texts] for word in re.findall(r"\w+", text)})
    pieces = [("▁", -3.0), *((f"▁{word}", -2.0) for word in words), *((sign, -5.0) for sign in SIGNS)]
    tokenizer = T5Tokenizer(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *pieces], extra_ids=4)
    # Adds the image's token.
    processor = Blip2Processor(processor.image_processor, tokenizer, queries)
    text = {
        "model_type": "t5",
        "d_model": tiny.hidden_size,
        "d_kv": 2 * tiny.hidden_size // tiny.heads,
        "d_ff": 2 * tiny.hidden_size,
        "num_layers": tiny.layers,
        "num_heads": tiny.heads,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
        # As in FLAN-T5, there are more of them than the tokenizer has.
        "vocab_size": len(tokenizer) + 3,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "decoder_start_token_id": tokenizer.pad_token_id,
    }
    config = Blip2Config(
        vision_config=opt.config.vision_config.to_dict(),
        qformer_config=opt.config.qformer_config.to_dict(),
        text_config=text,
        num_query_tokens=queries,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    return Blip2ForConditionalGeneration(config), processor


def _untie_head(model: nn.Module) -> None:
    """Give T5's output head weights of its own, as FLAN-T5's has; transformers ties those of every new model."""
    head = model.language_model.lm_head
    head.weight = nn.Parameter(torch.randn(head.weight.shape) * head.in_features**-0.5)
    model.all_tied_weights_keys.pop("language_model.lm_head.weight")


def prompt_ids(model: nn.Module, picture: Ragged, question: list[int], answer: list[int]) -> list[int]:
    """Return the ids that transformers' code reads before it writes an answer, given its own ids."""
    ids = [*picture.tensors["prefix"].tolist(), *question]
    # A decoder alone reads the token that an answer starts from at the end of the prompt.
    return ids if model.config.is_encoder_decoder else [*ids, answer[0]]


def _pixels(picture: Ragged, ids: Tensor, model: nn.Module) -> dict[str, Any]:
    return {"pixel_values": picture.tensors["pixel_values"]}


def _tiles(picture: Ragged, ids: Tensor, model: nn.Module) -> dict[str, Any]:
    return {"pixel_values": picture.tensors["tiles"][None]}


def _patches(picture: Ragged, ids: Tensor, model: nn.Module) -> dict[str, Any]:
    return {
        "pixel_values": picture.tensors["patches"],
        "image_grid_thw": picture.tensors["grid"],
        "mm_token_type_ids": (ids == model.config.image_token_id).int(),
    }


STOCK: dict[str, Callable[[Ragged, Tensor, nn.Module], dict[str, Any]]] = {
    "llava": _pixels,
    "blip-2": _pixels,
    "blip-2 t5": _pixels,
    "idefics3": _tiles,
    "idefics3 tiles": _tiles,
    "qwen2_5_vl": _patches,
    "qwen2_vl": _patches,
}
"""What transformers' own code takes of a picture beside token ids, (1, tokens)."""
