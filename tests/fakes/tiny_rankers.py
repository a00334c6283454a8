"""Models of a few random weights, the same ones every time, of the families that rank."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipModel,
    SiglipProcessor,
    SiglipTextConfig,
    SiglipVisionConfig,
    ViltConfig,
    ViltForQuestionAnswering,
    ViltProcessor,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vilt.image_processing_pil_vilt import ViltImageProcessorPil

from vqatune.models.encoder import Encoder
from vqatune.models.families.vilt.processor import LabelProcessor

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
TOWER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
VISION = {"image_size": 32, "patch_size": 8}
CONTEXT = 48
LABELS = ["yes", "no", "red", "green", "blue", "two", "striped"]
"""Of the tiny ViLT."""


@cache
def tiny_ranker(kind: str, attention: str | None = None) -> tuple[nn.Module, Encoder]:
    """Return a model in evaluation, and its encoder, by a name of RANKERS; both are shared."""
    torch.manual_seed(0)
    model, processor = RANKERS[kind](attention or ATTENTIONS[kind][0])
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
        **TOWER, **tokens, vocab_size=len(tokenizer), max_position_embeddings=CONTEXT, projection_dim=16
    )
    vision = CLIPVisionConfig(**TOWER, **VISION, projection_dim=16)
    config = CLIPConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=16, initializer_factor=8.0
    )
    config._attn_implementation = attention
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return CLIPModel(config), CLIPProcessor(images, tokenizer)


def _siglip(attention: str) -> tuple[SiglipModel, SiglipProcessor]:
    tokenizer = _lower_case_words(["<pad>", "<unk>", "</s>"])
    text = SiglipTextConfig(
        **TOWER,
        vocab_size=len(tokenizer),
        max_position_embeddings=CONTEXT,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    vision = SiglipVisionConfig(**TOWER, **VISION)
    config = SiglipConfig(text_config=text.to_dict(), vision_config=vision.to_dict())
    config._attn_implementation = attention
    model = SiglipModel(config)
    model.logit_scale.data.fill_(2.0)
    model.logit_bias.data.fill_(-1.0)
    model.text_padding = tokenizer.pad_token_id
    images = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    return model, SiglipProcessor(images, tokenizer)


def _vilt(attention: str) -> tuple[ViltForQuestionAnswering, LabelProcessor]:
    tokenizer = _lower_case_words(["<pad>", "<unk>", "</s>"])
    config = ViltConfig(
        **TOWER,
        **VISION,
        vocab_size=len(tokenizer),
        max_position_embeddings=CONTEXT,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=TOWER["hidden_size"] ** -0.5,
        id2label=dict(enumerate(LABELS)),
        label2id={label: number for number, label in enumerate(LABELS)},
    )
    config._attn_implementation = attention
    model = ViltForQuestionAnswering(config)
    # They begin as zeros.
    for weight in (model.vilt.embeddings.cls_token, model.vilt.embeddings.position_embeddings):
        weight.data.normal_()
    images = ViltImageProcessorPil(size={"shortest_edge": 32}, size_divisor=8)
    return model, LabelProcessor(images, tokenizer, LABELS)


def _lower_case_words(special: list[str]) -> PreTrainedTokenizerFast:
    """Return a tokenizer of characters and words; special: padding, unknown, and what ends a text."""
    padding, unknown, end = special
    words = {word for text in TEXTS for word in text.lower().rstrip("?").split()}
    vocabulary = {word: number for number, word in enumerate([*special, "?", *sorted(words)])}
    bare = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    bare.normalizer = normalizers.Lowercase()
    bare.pre_tokenizer = pre_tokenizers.Whitespace()
    bare.post_processor = processors.TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, vocabulary[end])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bare,
        pad_token=padding,
        unk_token=unknown,
        eos_token=end,
        model_max_length=CONTEXT,
        # As SigLIP's, whose padding is attended to.
        model_input_names=["input_ids"],
    )


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


RANKERS: dict[str, Callable[[str], tuple[nn.Module, Any]]] = {"clip": _clip, "siglip": _siglip, "vilt": _vilt}
"""By model_type, what makes a model and its processor, given how attention is computed."""
ATTENTIONS = {"clip": ("sdpa", "eager"), "siglip": ("sdpa", "eager"), "vilt": ("eager",)}
"""How transformers can compute attention."""
STOCK: dict[str, Callable[..., Tensor]] = {
    "clip": _clip_scores,
    "siglip": _siglip_scores,
    "vilt": _vilt_scores,
}
"""The scores that transformers' own code gives an image, a question and candidates, (candidates,), one by one."""
