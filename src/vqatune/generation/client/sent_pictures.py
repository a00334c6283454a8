"""Pictures as they are sent to a model: in a format that all of them take, as a person sees them."""

import warnings
from io import BytesIO

from PIL import Image

from vqatune.generation.providers import mime_type
from vqatune.loading.pictures import DECODE_ERRORS, FORMATS, open_rgb, orientation

_LOSSY = ("JPEG", "AVIF", "JPEG2000")
_QUALITY = 95


def as_sent(content: bytes) -> bytes:
    """Return a picture's bytes as they are sent: a JPEG, PNG or WebP that is upright and opaque as it is.

    Any other picture that opens is converted, to PNG, or to JPEG of quality 95 where its format is lossy; bytes that do not
    open are returned as they are.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                lossy = image.format in _LOSSY
                if mime_type(content) and orientation(image) == 1 and not image.has_transparency_data:
                    return content
        picture = open_rgb(content)
    except (ValueError, *DECODE_ERRORS):
        return content
    converted = BytesIO()
    if lossy:
        picture.save(converted, "JPEG", quality=_QUALITY)
    else:
        picture.save(converted, "PNG")
    return converted.getvalue()


def can_be_sent(content: bytes) -> bool:
    """Return whether a picture is in a format that can be sent, or converted to one, by its header."""
    if mime_type(content):
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.open(BytesIO(content), formats=FORMATS).close()
    except DECODE_ERRORS:
        return False
    return True
