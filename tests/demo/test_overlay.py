import numpy as np
import pytest
from PIL import Image

from vqatune.demo.overlay import colour_bar, colours, draw_over, most_looked_at


def _lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE L*, from 0 to 100: what is left where colours are not told apart."""
    coded = rgb / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(luminance) - 16


def test_lightness_alone_tells_the_colours_apart_in_even_steps():
    lightness = _lightness(colours(np.linspace(0, 1, 11)))
    steps = np.diff(lightness)
    assert lightness[0] < 25 and lightness[-1] > 90
    assert steps.min() > 0.5 * steps.max() > 0


def test_what_was_looked_at_is_light_and_the_rest_is_dark():
    looked = np.zeros((4, 4), np.float32)
    looked[1, 2] = 1
    drawn = _lightness(np.asarray(draw_over(Image.new("RGB", (400, 200), "grey"), looked)))
    assert drawn.shape == (256, 512)
    # The middle of that patch, and those of others.
    assert drawn[96, 320] > drawn[32, 64] + 30 and drawn[96, 320] > drawn[224, 448] + 30
    row, column = np.unravel_index(drawn.argmax(), drawn.shape)
    assert 64 <= row < 128 and 256 <= column < 384


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_picture_stays_visible_under_the_map(share):
    half = Image.new("RGB", (64, 64), "black")
    half.paste("white", (32, 0, 64, 64))
    looked = np.full((4, 4), share, np.float32)
    lightness = _lightness(np.asarray(draw_over(half, looked)))
    assert abs(lightness[:, :128].mean() - lightness[:, 384:].mean()) > 15


@pytest.mark.parametrize(
    ("size", "drawn"), [((3000, 1500), (512, 256)), ((1, 40), (13, 512)), ((9999, 1), (512, 1))]
)
def test_pictures_of_any_size_are_drawn_alike_and_keep_their_form(size, drawn):
    assert draw_over(Image.new("RGB", size), np.ones((2, 2), np.float32)).size == drawn


def test_the_bar_has_the_colours_of_the_map_from_none_to_most():
    lightness = _lightness(np.asarray(colour_bar())[0])
    assert len(lightness) == 64 and (np.diff(lightness) >= 0).all()


@pytest.mark.parametrize(
    ("row", "column", "where"),
    [(0, 0, "top left"), (1, 4, "top right"), (2, 2, "middle"), (2, 0, "left"), (5, 3, "bottom")],
)
def test_the_place_is_said_in_words(row, column, where):
    looked = np.full((6, 6), 0.5 / 35, np.float32)
    looked[row, column] = 0.5
    said, share = most_looked_at(looked)
    assert said == where and share == pytest.approx(18, rel=1e-4)
