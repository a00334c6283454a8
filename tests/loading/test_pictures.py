import io

import numpy as np
import pytest
from PIL import Image

from vqatune.loading.pictures import FORMATS, open_rgb


def written(picture: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


def test_a_picture_of_16_bits_keeps_its_shades():
    shades = np.array([[0, 257 * 100, 65_535]], np.uint16)
    opened = open_rgb(written(Image.fromarray(shades), "PNG"))
    assert np.asarray(opened)[0].tolist() == [[0] * 3, [100] * 3, [255] * 3]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_picture_of_any_opaque_mode_is_opened_as_pillow_converts_it(mode):
    picture = Image.effect_noise((8, 6), 90).convert(mode)
    assert (np.asarray(open_rgb(written(picture, "PNG"))) == np.asarray(picture.convert("RGB"))).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB", "L"])
def test_what_is_transparent_lies_on_white(mode):
    shown, hidden = (200, 30, 90), (0, 0, 0)
    if mode in ("RGBA", "LA"):
        picture = Image.new("RGBA", (3, 1), (*shown, 255))
        picture.putpixel((1, 0), (*hidden, 0))
        picture.putpixel((2, 0), (*hidden, 127))
        opened = open_rgb(written(picture.convert(mode), "PNG"))
        assert opened.getpixel((2, 0))[0] in (127, 128)
    else:
        # One colour stands for nothing.
        picture = Image.new("RGB", (3, 1), shown)
        picture.putpixel((1, 0), hidden)
        picture = picture.convert(mode)
        file = io.BytesIO()
        picture.save(file, "PNG", transparency=picture.getpixel((1, 0)))
        opened = open_rgb(file.getvalue())
    assert opened.mode == "RGB" and opened.getpixel((1, 0)) == (255, 255, 255)
    assert opened.getpixel((0, 0)) == open_rgb(
        written(Image.new("RGB", (1, 1), shown).convert(mode), "PNG")
    ).getpixel((0, 0))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_photo_taken_with_the_camera_turned_stands_upright(form):
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.new("RGB", (64, 32), "red").save(file, form, exif=exif)
    opened = open_rgb(file.getvalue())
    assert opened.size == (32, 64) and "exif" not in opened.info


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_that_is_named_opens(form):
    picture = Image.new("RGB", (16, 16), (200, 30, 90))
    opened = open_rgb(written(picture.quantize(8) if form == "GIF" else picture, form))
    assert np.abs(np.subtract(opened.getpixel((8, 8)), (200, 30, 90))).max() < 12


@pytest.mark.parametrize("content", [b"", b"no picture", written(Image.new("RGB", (9, 9)), "PNG")[:40]])
def test_what_does_not_open_is_a_value_error_with_a_reason(content):
    with pytest.raises(ValueError, match="."):
        open_rgb(content)
