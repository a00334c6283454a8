import io

import numpy as np
import pytest
from PIL import Image

from vqatune.loading.pictures import open_rgb


def written(picture: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


def test_a_picture_of_16_bits_keeps_its_shades():
    shades = np.array([[0, 257 * 100, 65_535]], np.uint16)
    opened = open_rgb(written(Image.fromarray(shades), "PNG"))
    assert np.asarray(opened)[0].tolist() == [[0] * 3, [100] * 3, [255] * 3]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_picture_of_any_mode_is_opened_as_pillow_converts_it(mode):
    picture = Image.effect_noise((8, 6), 90).convert(mode)
    assert (np.asarray(open_rgb(written(picture, "PNG"))) == np.asarray(picture.convert("RGB"))).all()


@pytest.mark.parametrize("content", [b"", b"no picture", written(Image.new("RGB", (9, 9)), "PNG")[:40]])
def test_what_does_not_open_is_a_value_error_with_a_reason(content):
    with pytest.raises(ValueError, match="."):
        open_rgb(content)
