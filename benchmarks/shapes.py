"""Models of random weights in the shapes of published checkpoints, for families whose language model reads the image.

Widths, heads, image size and tokens of an image are those of the checkpoint; layers are fewer, by the same factor in
vision and text, so that a step of the reference takes seconds on two cores: the ratio of what an image costs to what a
question costs stays. The vocabulary is small, as only answers have logits.
"""

from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import nn

from setting import QUESTION_LENGTHS, SEED, Workload, random_texts
from vqatune.models.encoder import Encoder
from vqatune.models.family_lookup import family_named
from vqatune.params import TinyParams

VOCABULARY = 8000
WORDS = (64, 250)
"""The ids of random words: those below are special tokens."""


@dataclass(frozen=True)
class Shape:
    """The shape of a checkpoint."""

    family: str
    checkpoint: str
    image: TinyParams
    """Size of images and patches; a picture is square and as large as images."""
    vision: dict[str, Any]
    text: dict[str, Any]
    others: dict[str, dict[str, Any]]
    """Other parts of the configuration, by name."""
    layers: tuple[str, float]
    """In words, the layers left of how many."""
    around: int
    """Tokens of the prompt around a question, as the checkpoint's tokenizer counts them, about."""


def _image(size: int, patch: int) -> TinyParams:
    return TinyParams(image_size=size, patch_size=patch, hidden_size=96, layers=2, heads=4)


SHAPES = {
    "llava": Shape(
        "llava",
        "llava-1.5-7b",
        _image(336, 14),
        # Half of all widths, too: at their own, one sample of the reference takes half a minute.
        vision={
            "hidden_size": 512,
            "intermediate_size": 2048,
            "num_hidden_layers": 6,
            "num_attention_heads": 8,
        },
        text={
            "hidden_size": 2048,
            "intermediate_size": 5504,
            "num_hidden_layers": 8,
            "num_attention_heads": 16,
            "num_key_value_heads": 16,
        },
        others={},
        layers="a quarter of the layers, half of the widths",
        around=18,
    ),
    "idefics3": Shape(
        "idefics3",
        "SmolVLM-500M, one tile",
        _image(512, 16),
        vision={
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 6,
            "num_attention_heads": 12,
        },
        text={
            "hidden_size": 960,
            "intermediate_size": 2560,
            "num_hidden_layers": 16,
            "num_attention_heads": 15,
            "num_key_value_heads": 5,
        },
        others={"": {"scale_factor": 4}},
        layers="half of the layers",
        around=12,
    ),
    "qwen2_5_vl": Shape(
        "qwen2_5_vl",
        "Qwen2.5-VL-3B, 252 pixels",
        _image(252, 14),
        vision={
            "hidden_size": 1280,
            "intermediate_size": 3420,
            "depth": 8,
            "num_heads": 16,
            "out_hidden_size": 2048,
            "window_size": 112,
            "fullatt_block_indexes": [1, 3, 5, 7],
        },
        text={
            "hidden_size": 2048,
            "intermediate_size": 11008,
            "num_hidden_layers": 9,
            "layer_types": ["full_attention"] * 9,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
        },
        others={},
        layers="a quarter of the layers",
        around=16,
    ),
    "blip-2": Shape(
        "blip-2",
        "blip2-opt-2.7b",
        _image(224, 14),
        vision={
            "hidden_size": 1408,
            "intermediate_size": 6144,
            "num_hidden_layers": 10,
            "num_attention_heads": 16,
        },
        text={
            "hidden_size": 2560,
            "ffn_dim": 10240,
            "num_hidden_layers": 8,
            "num_attention_heads": 32,
            "word_embed_proj_dim": 2560,
        },
        others={
            "qformer_config": {
                "hidden_size": 768,
                "intermediate_size": 3072,
                "num_hidden_layers": 3,
                "num_attention_heads": 12,
                "encoder_hidden_size": 1408,
            },
            "": {"num_query_tokens": 32},
        },
        layers="a quarter of the layers",
        around=6,
    ),
}
"""model_type → its shape."""


def make_model(name: str, small: bool) -> tuple[nn.Module, Encoder]:
    """Return a model in float32 and its encoder; `small`: a tiny one, to test the benchmark."""
    shape = SHAPES[name]
    family = family_named(name)
    torch.manual_seed(SEED)
    tiny = TinyParams(image_size=64, patch_size=8, hidden_size=96, layers=2, heads=4)
    made, processor = family.make_untrained(["what color is it?"], VOCABULARY, tiny if small else shape.image)
    encoder = Encoder(name, processor)
    if small:
        return made, encoder
    config = made.config
    for part, values in {"vision_config": shape.vision, "text_config": shape.text, **shape.others}.items():
        target = getattr(config, part) if part else config
        for key, value in {"initializer_range": 0.02, **values}.items():
            setattr(target, key, value)
    config.get_text_config().vocab_size = VOCABULARY
    if name == "idefics3":
        processor.image_seq_len = (512 // 16 // 4) ** 2
    if name == "blip-2":
        processor.num_query_tokens = 32
    model = type(made)(config)
    model.answer_start, model.answer_end = made.answer_start, made.answer_end
    return model, encoder


def make_workload(name: str, encoder: Encoder, images: int, questions: int, small: bool) -> Workload:
    """Return random images with random questions and answers; equal arguments give equal workloads."""
    size = 64 if small else SHAPES[name].image.image_size
    noise = torch.Generator().manual_seed(SEED)
    pixels = torch.randint(0, 256, (images, size, size, 3), generator=noise, dtype=torch.uint8).numpy()
    pictures = encoder.images([Image.fromarray(own) for own in pixels])
    start, end = encoder.answers([""])[0][0], encoder.answers([""])[0][-1]
    lengths = {length - 2 + SHAPES[name].around: count for length, count in QUESTION_LENGTHS.items()}
    words = random_texts(images * questions, lengths, *WORDS)
    answers = random_texts(images * questions, {1: 99, 3: 1}, *WORDS)
    return Workload(pictures, [questions] * images, words, [[start, *answer, end] for answer in answers])
