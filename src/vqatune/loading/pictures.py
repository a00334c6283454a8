"""Opening a picture's bytes: the formats that are read, and all that PIL may raise on damaged ones."""

import struct
import warnings
import zlib
from io import BytesIO

from PIL import Image, UnidentifiedImageError

# What a catalogue's pictures come in; PIL's other readers run programs or parse what no shop publishes.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
# PIL's readers raise any of these on damaged files; its own errors are OSErrors.
REFUSALS = (
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
    """Return a picture in RGB; raises ValueError with the reason where its bytes do not open."""
    try:
        with warnings.catch_warnings():
            # PIL warns about much that it puts right.
            warnings.simplefilter("ignore")
            return to_rgb(Image.open(BytesIO(content), formats=FORMATS))
    except UnidentifiedImageError:
        raise ValueError("it is no JPEG, PNG, WebP, GIF or BMP") from None
    except REFUSALS as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


def to_rgb(picture: Image.Image) -> Image.Image:
    """Return an opened picture in RGB; raises REFUSALS where it does not decode."""
    if picture.mode.startswith("I;16"):
        # PIL would make white of all that is above 255.
        picture = picture.point(lambda value: value / 257).convert("L")
    return picture.convert("RGB")
