import numpy as np
import pytest
from PIL import Image

from vqatune.demo.overlay import CONTOURS, draw_over, most_looked_at


def _looked_at(row: int, column: int) -> np.ndarray:
    looked = np.zeros((4, 4), np.float32)
    looked[row, column] = 1
    return looked


def _changed(drawn: Image.Image, image: Image.Image) -> np.ndarray:
    resized = image.resize(drawn.size, Image.Resampling.BICUBIC, reducing_gap=2)
    return (np.asarray(drawn) != np.asarray(resized)).any(axis=2)


def test_lines_surround_what_was_looked_at_and_the_picture_keeps_its_colours_elsewhere():
    noise = np.random.default_rng(0).integers(0, 256, (200, 400, 3), np.uint8)
    drawn = draw_over(Image.fromarray(noise), _looked_at(1, 2))
    assert drawn.size == (512, 256)
    changed = _changed(drawn, Image.fromarray(noise))
    # The middle of that patch, and all patches that are not beside it.
    assert 0 < changed.mean() < 0.2 and not changed[92:100, 316:324].any()
    assert not changed[:, :120].any() and not changed[200:, :].any()
    for line in (changed[96, :320], changed[96, 320:], changed[:96, 320], changed[96:, 320]):
        assert line.any()


def test_every_line_is_there_and_the_innermost_is_around_the_most():
    drawn = np.asarray(draw_over(Image.new("RGB", (512, 512), "grey"), _looked_at(1, 1)))
    outermost = []
    for contour in CONTOURS:
        rows, _ = np.nonzero((drawn == contour.colour).all(axis=2))
        outermost.append(rows.min())
    assert outermost == sorted(outermost) and outermost[-1] < 192


@pytest.mark.parametrize("colour", ["white", "black", "yellow", "skyblue"])
def test_lines_are_seen_on_any_colour(colour):
    image = Image.new("RGB", (256, 256), colour)
    changed = np.abs(np.asarray(draw_over(image, _looked_at(2, 2))).astype(int) - image.getpixel((0, 0)))
    # Of the line or of its edge.
    assert (changed.max(axis=2) > 120).sum() > 500


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_where_all_was_looked_at_alike_there_are_no_lines(share):
    image = Image.new("RGB", (64, 48), "teal")
    assert not _changed(draw_over(image, np.full((4, 4), share, np.float32)), image).any()


@pytest.mark.parametrize(
    ("size", "drawn"), [((3000, 1500), (512, 256)), ((1, 40), (13, 512)), ((9999, 1), (512, 1))]
)
def test_pictures_of_any_size_are_drawn_alike_and_keep_their_form(size, drawn):
    assert draw_over(Image.new("RGB", size), np.ones((2, 2), np.float32)).size == drawn


@pytest.mark.parametrize(
    ("row", "column", "where"),
    [(0, 0, "top left"), (1, 4, "top right"), (2, 2, "middle"), (2, 0, "left"), (5, 3, "bottom")],
)
def test_the_place_is_said_in_words(row, column, where):
    looked = np.full((6, 6), 0.5 / 35, np.float32)
    looked[row, column] = 0.5
    said, share = most_looked_at(looked)
    assert said == where and share == pytest.approx(18, rel=1e-4)
