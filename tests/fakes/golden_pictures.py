"""The pictures and the question that the golden files of processors are made of."""

import torch
from PIL import Image

QUESTION = "What color is it?"
SIZES = [(48, 48), (70, 31), (20, 90)]
PLACES = 16
"""Values of a picture that are kept, evenly over all of them."""


def draw_pictures() -> list[Image.Image]:
    """Return pictures of smooth colours, which any way of resizing makes much the same of."""
    pictures = []
    for width, height in SIZES:
        across = Image.linear_gradient("L").rotate(90).resize((width, height))
        down = Image.linear_gradient("L").resize((width, height))
        pictures.append(Image.merge("RGB", (across, down, Image.new("L", (width, height), 90))))
    return pictures


def sample(values: torch.Tensor) -> list[float]:
    """Return some values of a picture's tensor."""
    flat = values.float().flatten()
    places = torch.linspace(0, len(flat) - 1, PLACES).long()
    return [round(float(value), 5) for value in flat[places]]
