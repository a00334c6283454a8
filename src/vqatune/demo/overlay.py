"""The attention of an answer, drawn into its image as contours and described in words."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

LONGEST = 512
"""Pixels of the longer side of what is drawn."""


@dataclass(frozen=True)
class Contour:
    """A line around what has a share of at least `level` of the largest; width in pixels, colour in sRGB."""

    level: float
    width: float
    colour: tuple[int, int, int]


CONTOURS = (
    Contour(0.25, 2, (126, 200, 255)),
    Contour(0.5, 3, (255, 214, 64)),
    Contour(0.75, 4, (255, 255, 255)),
)
"""Told apart by width and lightness as well as by colour, the innermost the widest."""
EDGE = 1.5
"""Pixels of the dark edge on each side of a line, by which it is seen on whatever the image has there."""
_EDGE_COLOUR = (0, 0, 0)
_FLAT = 1e-3
"""A slope a pixel, of values from 0 to 1, below which a line would spread into an area."""


def draw_over(image: Image.Image, looked: np.ndarray) -> Image.Image:
    """Return an image with contours of where an answer looked; between them its colours stay.

    Args:
        image: in RGB, of any size; comes back with LONGEST pixels on its longer side.
        looked: (rows, columns) of patches that cover the image, not negative.
    """
    scale = LONGEST / max(image.size)
    size = [max(1, round(scale * side)) for side in image.size]
    drawn = np.asarray(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2), np.float32)
    patches = Image.fromarray((looked / max(float(looked.max()), 1e-12)).astype(np.float32))
    values = np.asarray(patches.resize(size, Image.Resampling.BICUBIC))
    slope = np.hypot(*(_slope(values, axis) for axis in (0, 1))).clip(_FLAT)
    for contour in CONTOURS:
        away = np.abs(values - contour.level) / slope
        drawn = _blend(drawn, _EDGE_COLOUR, _cover(away, contour.width + 2 * EDGE))
        drawn = _blend(drawn, contour.colour, _cover(away, contour.width))
    return Image.fromarray(drawn.round().astype(np.uint8))


def _slope(values: np.ndarray, axis: int) -> np.ndarray:
    """Return by how much values change from pixel to pixel; an image may be one pixel wide."""
    return np.gradient(values, axis=axis) if values.shape[axis] > 1 else np.zeros_like(values)


def _cover(away: np.ndarray, width: float) -> np.ndarray:
    """Return how much of each pixel a line of some width covers, by how many pixels it is away from the line's middle."""
    return (width / 2 + 0.5 - away).clip(0, 1)[..., None]


def _blend(drawn: np.ndarray, colour: tuple[int, int, int], cover: np.ndarray) -> np.ndarray:
    return (1 - cover) * drawn + cover * np.asarray(colour, np.float32)


def most_looked_at(looked: np.ndarray) -> tuple[str, float]:
    """Return the ninth of the image with the patch of the largest share, and that share over a uniform one.

    As ("top left", 3.2): 3.2 times what every patch would have if all were looked at alike.
    """
    row, column = np.unravel_index(int(looked.argmax()), looked.shape)
    height = ("top", "", "bottom")[math.floor(3 * (row + 0.5) / looked.shape[0])]
    side = ("left", "", "right")[math.floor(3 * (column + 0.5) / looked.shape[1])]
    where = " ".join(part for part in (height, side) if part) or "middle"
    return where, float(looked.max() / looked.mean())
