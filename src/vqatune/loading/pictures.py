"""Decoding images with PIL: the accepted formats, and the exceptions that damaged files raise."""

import struct
import warnings
import zlib
from io import BytesIO

from PIL import Image, UnidentifiedImageError

# Formats of product images; PIL's other decoders run programs or parse formats that catalogues do not use.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
# PIL's decoders raise any of these on damaged files; PIL's own errors are OSErrors.
DECODE_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def open_rgb(content: bytes) -> Image.Image:
    """Decode an image to RGB; raises ValueError with the reason where its bytes do not open."""
    try:
        with warnings.catch_warnings():
            # PIL warns about defects that it repairs.
            warnings.simplefilter("ignore")
            return to_rgb(Image.open(BytesIO(content), formats=FORMATS))
    except UnidentifiedImageError:
        raise ValueError("it is no JPEG, PNG, WebP, GIF or BMP") from None
    except DECODE_ERRORS as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an opened image to RGB; raises one of DECODE_ERRORS where it does not decode."""
    if image.mode.startswith("I;16"):
        # PIL would clip 16-bit values to white above 255.
        image = image.point(lambda value: value / 257).convert("L")
    return image.convert("RGB")
