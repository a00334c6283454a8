"""The attention of an answer, drawn over its image and described in words."""

import math

import numpy as np
from PIL import Image

LONGEST = 512
"""Pixels of the longer side of what is drawn."""
COVER = (0.5, 0.75)
"""How much of the drawing is the colour of the map, from none to most; the rest is the image, in grey."""

# The map's colours lie on a straight line in OKLab, from a dark blue to a light yellow: equal steps look equal, and
# lightness alone tells them apart, for every kind of colour blindness. (L, a, b.)
_DARK, _LIGHT = (0.26, -0.01, -0.13), (0.95, -0.03, 0.17)
# Björn Ottosson, A perceptual color space for image processing, 2020, https://bottosson.github.io/posts/oklab/.
_TO_CONES = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def colours(values: np.ndarray) -> np.ndarray:
    """Return the colour of each value from 0 (dark blue) to 1 (light yellow): (..., 3), uint8, sRGB."""
    lab = np.asarray(_DARK) + np.asarray(values)[..., None] * (np.asarray(_LIGHT) - _DARK)
    linear = ((lab @ _TO_CONES.T) ** 3 @ _TO_RGB.T).clip(0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (coded * 255).round().astype(np.uint8)


def draw_over(image: Image.Image, looked: np.ndarray) -> Image.Image:
    """Return an image under the map of where an answer looked.

    Args:
        image: in RGB, of any size; comes back with LONGEST pixels on its longer side.
        looked: (rows, columns) of patches that cover the image, not negative. What has the largest share gets the
            lightest colour; darkest is none.
    """
    scale = LONGEST / max(image.size)
    size = [max(1, round(scale * side)) for side in image.size]
    grey = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2).convert("L")
    patches = Image.fromarray((looked / max(float(looked.max()), 1e-12)).astype(np.float32))
    values = np.asarray(patches.resize(size, Image.Resampling.BICUBIC)).clip(0, 1)
    return _blend(np.asarray(grey, np.float32), values)


def colour_bar(steps: int = 64) -> Image.Image:
    """Return the map's colours from none to most, left to right, as drawn over an image of middle grey."""
    return _blend(np.full((1, steps), 128, np.float32), np.linspace(0, 1, steps)[None])


def _blend(grey: np.ndarray, values: np.ndarray) -> Image.Image:
    """Return values from 0 to 1 as colours over an image in grey, both (height, width)."""
    cover = (COVER[0] + (COVER[1] - COVER[0]) * values)[..., None]
    return Image.fromarray(((1 - cover) * grey[..., None] + cover * colours(values)).round().astype(np.uint8))


def most_looked_at(looked: np.ndarray) -> tuple[str, float]:
    """Return the ninth of the image with the patch of the largest share, and that share over a uniform one.

    As ("top left", 3.2): 3.2 times what every patch would have if all were looked at alike.
    """
    row, column = np.unravel_index(int(looked.argmax()), looked.shape)
    height = ("top", "", "bottom")[math.floor(3 * (row + 0.5) / looked.shape[0])]
    side = ("left", "", "right")[math.floor(3 * (column + 0.5) / looked.shape[1])]
    where = " ".join(part for part in (height, side) if part) or "middle"
    return where, float(looked.max() / looked.mean())
