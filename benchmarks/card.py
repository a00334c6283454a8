"""A GPU's upper bound: the FLOPs of a step by formula, and the peak rates of GPUs."""

import re

from transformers import BlipConfig

from setting import Workload

PEAKS = {"H200": 989, "H100": 989, "A100": 312, "L40S": 362, "L4": 121, "V100": 125, "T4": 65}
"""TFLOP/s of dense 16-bit matrix products, from the data sheets."""
PCIE_PEAKS = {"H100": 756}
"""Of GPUs whose PCIe version is slower."""
ONLY_FP16 = {"V100", "T4"}
BATCHES, IMAGES, QUESTIONS = 13, 10_400, 14
"""Versions of a whole chain, images of a master batch, and questions of an image."""


def peak_tflops(name: str, precision: str) -> float | None:
    """Return a GPU's peak rate by its name, such as NVIDIA H100 80GB HBM3; None where unknown."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    card = next((word for word in words if word in PEAKS), None)
    if card is None or precision == "float32" or (card in ONLY_FP16 and precision != "fp16"):
        return None
    return PCIE_PEAKS.get(card, PEAKS[card]) if "PCIe" in words else PEAKS[card]


def step_flops(
    config: BlipConfig, workload: Workload, answer_tokens: int, backward: bool, tower: bool
) -> float:
    """Return the FLOPs of the matrix products in one of our steps.

    A product of (a, b) and (b, c) counts 2abc. In the backward pass a frozen layer computes the gradient of its inputs
    only, as many FLOPs as forward; attention those of both factors, twice as many. LoRA's matrices are left out.

    Args:
        config: of the model.
        workload: the step's images and questions.
        answer_tokens: the total number of decoder inputs.
        backward: whether to count a backward pass.
        tower: whether the backward pass includes the vision tower.
    """
    vision, text, images = config.vision_config, config.text_config, len(workload.counts)
    width, inner, layers = vision.hidden_size, vision.intermediate_size, vision.num_hidden_layers
    patches = (vision.image_size // vision.patch_size) ** 2
    seen = patches + 1
    embedding = 2 * images * patches * 3 * vision.patch_size**2 * width
    tower_linear = layers * 2 * images * seen * width * (4 * width + 2 * inner)
    tower_attention = layers * 4 * images * seen**2 * width

    words, layers = text.hidden_size, text.num_hidden_layers
    lengths = [len(question) for question in workload.questions]
    tokens, answered = sum(lengths), answer_tokens / len(lengths)
    # Four matrices of self-attention, cross-attention's query and output, and two of the feed-forward layer.
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
    """Return the FLOP rate of a step and its share of the GPU's peak."""
    rate, peak = flops / seconds / 1e12, peak_tflops(name, precision)
    return {"tflops": rate, "peak_tflops": peak, "share_of_peak": rate / peak if peak else None}


def chain_hours(pairs_per_second: float) -> float:
    """Return the hours that 13 master batches of 10,400 images with 14 questions each take at this rate."""
    return BATCHES * IMAGES * QUESTIONS / pairs_per_second / 3600
