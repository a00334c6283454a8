import io

import numpy as np
import pytest
from PIL import Image

from vqatune.generation.client.sent_pictures import as_sent, can_be_sent
from vqatune.generation.providers import mime_type
from vqatune.loading.pictures import FORMATS, open_rgb

PICTURE = Image.effect_noise((12, 8), 60).convert("RGB")


def written(picture: Image.Image, form: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_that_is_read_is_sent_as_one_that_all_models_take(form):
    content = written(PICTURE.convert("P") if form == "GIF" else PICTURE, form)
    sent = as_sent(content)
    assert can_be_sent(content) and mime_type(sent) is not None
    assert (sent == content) == (form in ("JPEG", "PNG", "WEBP"))
    seen, meant = (np.asarray(open_rgb(each)).astype(int) for each in (sent, content))
    assert np.abs(seen - meant).max() <= (24 if form in ("AVIF", "JPEG2000") else 0)


def test_a_turned_and_a_transparent_picture_are_sent_as_a_person_sees_them():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = written(PICTURE, "JPEG", exif=exif)
    with Image.open(io.BytesIO(as_sent(turned))) as sent:
        assert sent.size == (8, 12) and "exif" not in sent.info
    clear = written(Image.new("RGBA", (4, 4), (255, 0, 0, 0)), "PNG")
    with Image.open(io.BytesIO(as_sent(clear))) as sent:
        assert sent.mode == "RGB" and sent.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("content", [b"", b"no picture", written(PICTURE, "GIF")[:20]])
def test_what_does_not_open_is_left_as_it_is(content):
    assert as_sent(content) == content
