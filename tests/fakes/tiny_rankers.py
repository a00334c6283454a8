"""Models of a few random weights, the same ones every time, of the families that rank."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel, CLIPProcessor, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from vqatune.models.encoder import Encoder

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
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "initializer_range": 0.2,
}
VISION = {"image_size": 32, "patch_size": 8}
CONTEXT = 48


@cache
def tiny_ranker(kind: str, attention: str = "sdpa") -> tuple[nn.Module, Encoder]:
    """Return a model in evaluation, and its encoder, by a name of RANKERS; both are shared."""
    torch.manual_seed(0)
    model, processor = RANKERS[kind](attention)
    return model.eval(), Encoder(kind, processor)


def _clip(attention: str) -> tuple[CLIPModel, CLIPProcessor]:
    start, end = "<|startoftext|>", "<|endoftext|>"
    bare = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=end))
    bare.normalizer = normalizers.Lowercase()
    bare.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=700, end_of_word_suffix="</w>", initial_alphabet=alphabet, show_progress=False
    )
    bare.train_from_iterator(sorted(TEXTS), trainer)
    learnt = json.loads(bare.to_str())["model"]
    names = [*learnt["vocab"], *(f"{sign}</w>" for sign in sorted(alphabet))]
    vocabulary = {name: number for number, name in enumerate(dict.fromkeys([*names, start, end]))}
    tokenizer = CLIPTokenizer(
        vocabulary, [tuple(merge) for merge in learnt["merges"]], model_max_length=CONTEXT
    )
    tokens = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    text = CLIPTextConfig(
        **SHAPE, **tokens, vocab_size=len(tokenizer), max_position_embeddings=CONTEXT, projection_dim=16
    )
    vision = CLIPVisionConfig(**SHAPE, **VISION, projection_dim=16)
    config = CLIPConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=16, initializer_factor=8.0
    )
    config._attn_implementation = attention
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return CLIPModel(config), CLIPProcessor(images, tokenizer)


def _similarities(
    model: nn.Module,
    processor: Any,
    image: Image.Image,
    question: str,
    candidates: Sequence[str],
    padding: str,
) -> Tensor:
    inputs = [
        processor(text=[f"{question} {text}"], images=image, return_tensors="pt", padding=padding)
        for text in candidates
    ]
    return torch.cat([model(**own).logits_per_image[0] for own in inputs])


def _clip_scores(*arguments: Any) -> Tensor:
    return _similarities(*arguments, "longest")


RANKERS: dict[str, Callable[[str], tuple[nn.Module, Any]]] = {"clip": _clip}
"""By model_type, what makes a model and its processor, given how attention is computed."""
STOCK: dict[str, Callable[..., Tensor]] = {"clip": _clip_scores}
"""The scores that transformers' own code gives an image, a question and candidates, (candidates,), one by one."""
