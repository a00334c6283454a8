"""Models of a few random weights, the same ones every time, of the families that rank."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import ViltProcessor

from vqatune.models.encoder import Encoder
from vqatune.models.families.vilt.processor import LabelProcessor
from vqatune.models.family import LabelledFamily
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
TINY = TinyParams(image_size=32, patch_size=8, hidden_size=32, layers=2, heads=4)
LABELS = ["yes", "no", "red", "green", "blue", "two", "striped"]
"""Of the tiny ViLT."""


@cache
def tiny_ranker(kind: str, attention: str | None = None) -> tuple[nn.Module, Encoder]:
    """Return a model in evaluation, and its encoder, by a name of RANKERS; both are shared."""
    family = family_named(kind)
    labels = [LABELS] if isinstance(family, LabelledFamily) else []
    torch.manual_seed(0)
    model, processor = family.make_untrained(TEXTS, 400, TINY, *labels)
    model.set_attn_implementation(attention or ATTENTIONS[kind][0])
    return model.eval(), Encoder(kind, processor)


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


def _siglip_scores(*arguments: Any) -> Tensor:
    # As SigLIP was trained.
    return _similarities(*arguments, "max_length")


def _vilt_scores(
    model: nn.Module, processor: LabelProcessor, image: Image.Image, question: str, candidates: Sequence[str]
) -> Tensor:
    stock = ViltProcessor(processor.image_processor, processor.tokenizer)
    logits = model(**stock(images=image, text=question, return_tensors="pt")).logits[0]
    return logits[[model.config.label2id[text] for text in candidates]]


ATTENTIONS = {"clip": ("sdpa", "eager"), "siglip": ("sdpa", "eager"), "vilt": ("eager",)}
"""How transformers can compute attention."""
RANKERS = list(ATTENTIONS)
"""By model_type."""
STOCK: dict[str, Callable[..., Tensor]] = {
    "clip": _clip_scores,
    "siglip": _siglip_scores,
    "vilt": _vilt_scores,
}
"""The scores that transformers' own code gives an image, a question and candidates, (candidates,), one by one."""
