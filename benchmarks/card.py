"""What a graphics card could do at best: the arithmetic of a step by formula, and the cards' peaks."""

import re

from transformers import BlipConfig

from setting import Asked

PEAKS = {"H200": 989, "H100": 989, "A100": 312, "L40S": 362, "L4": 121, "V100": 125, "T4": 65}
"""TFLOP/s of dense matrix products in 16 bits, as the maker says."""
PCIE_PEAKS = {"H100": 756}
"""Of those that are slower as a PCIe card."""
ONLY_FP16 = {"V100", "T4"}
BATCHES, IMAGES, QUESTIONS = 13, 10_400, 14
"""The versions of a whole chain, the images of each, and the questions of an image."""


def peak_tflops(name: str, precision: str) -> float | None:
    """Return a card's peak by its name, such as NVIDIA H100 80GB HBM3; None where it is not known."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    card = next((word for word in words if word in PEAKS), None)
    if card is None or precision == "float32" or (card in ONLY_FP16 and precision != "fp16"):
        return None
    return PCIE_PEAKS.get(card, PEAKS[card]) if "PCIe" in words else PEAKS[card]


def step_flops(config: BlipConfig, asked: Asked, answer_tokens: int, backward: bool, tower: bool) -> float:
    """Return the floating-point operations of the matrix products in a step of ours.

    A product of (a, b) and (b, c) counts 2abc. Backward, a frozen layer has a gradient of its inputs only, as much
    as forward; attention has those of both its factors, twice as much. LoRA's small matrices are left out.

    Args:
        config: of the model.
        asked: the step's images and questions.
        answer_tokens: that the decoder is given in all.
        backward: whether there is a backward pass, too.
        tower: whether it goes through the vision tower.
    """
    vision, text, images = config.vision_config, config.text_config, len(asked.counts)
    width, inner, layers = vision.hidden_size, vision.intermediate_size, vision.num_hidden_layers
    patches = (vision.image_size // vision.patch_size) ** 2
    seen = patches + 1
    embedding = 2 * images * patches * 3 * vision.patch_size**2 * width
    tower_linear = layers * 2 * images * seen * width * (4 * width + 2 * inner)
    tower_attention = layers * 4 * images * seen**2 * width

    words, layers = text.hidden_size, text.num_hidden_layers
    lengths = [len(question) for question in asked.questions]
    tokens, answered = sum(lengths), answer_tokens / len(lengths)
    # Self-attention's four matrices, cross-attention's two on the text's side, and the two of the inner layer.
    a_token = 2 * words * (6 * words + 2 * text.intermediate_size)
    linear = layers * (tokens + answer_tokens) * a_token
    linear += layers * tokens * 4 * words**2
    linear += answer_tokens * 2 * words * (words + text.vocab_size)
    attention = sum(length**2 + length * seen + answered**2 + answered * length for length in lengths)
    attention *= layers * 4 * words
    image_keys = layers * 4 * images * seen * width * words

    forward = embedding + tower_linear + tower_attention + linear + attention + image_keys
    if not backward:
        return forward
    through_tower = tower_linear + 2 * tower_attention + image_keys
    return forward + linear + 2 * attention + (through_tower if tower else 0)


def card_figures(name: str, precision: str, flops: float, seconds: float) -> dict[str, float | None]:
    """Return the rate of a step and its share of the card's peak."""
    rate, peak = flops / seconds / 1e12, peak_tflops(name, precision)
    return {"tflops": rate, "peak_tflops": peak, "share_of_peak": rate / peak if peak else None}


def chain_hours(pairs_per_second: float) -> float:
    """Return how many hours 13 batches of 10,400 images with 14 questions each take at this rate."""
    return BATCHES * IMAGES * QUESTIONS / pairs_per_second / 3600
