"""Models of a few random weights, the same ones every time, of the families whose language model reads the image."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

from vqatune.loading.ragged import Ragged
from vqatune.models.encoder import Encoder
from vqatune.models.families.qwen_vl.processor import PROMPT, QwenProcessor
from vqatune.models.family import family_named
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
TINY = TinyParams(image_size=32, patch_size=8, hidden_size=32, layers=2, heads=4)


@cache
def tiny_model(kind: str, attention: str = "sdpa") -> tuple[nn.Module, Encoder]:
    """Return a model in evaluation, and its encoder, by a name of STOCK; both are shared."""
    name = kind.split(" ")[0]
    torch.manual_seed(0)
    model, processor = (_qwen2_vl if name == "qwen2_vl" else family_named(name).make_untrained)(
        TEXTS, 400, TINY
    )
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
    "idefics3": _tiles,
    "idefics3 tiles": _tiles,
    "qwen2_5_vl": _patches,
    "qwen2_vl": _patches,
}
"""What transformers' own code takes of a picture beside token ids, (1, tokens)."""
