"""Decoding images with PIL, the same way everywhere: the accepted formats, transparency, orientation, and what damaged files raise.

A model sees what a person sees: an image whose EXIF data says that the camera was turned stands upright, and a transparent one
lies on white.
"""

import struct
import warnings
import zlib
from io import BytesIO

from PIL import Image, UnidentifiedImageError, features

# Formats of pictures; PIL's other decoders run programs or parse formats that catalogues do not use.
_ALWAYS = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "GIF": "GIF", "BMP": "BMP"}
_WHERE_BUILT = {"libtiff": ("TIFF", "TIFF"), "avif": ("AVIF", "AVIF"), "jpg_2000": ("JPEG2000", "JPEG 2000")}
_NAMED = _ALWAYS | dict(named for built, named in _WHERE_BUILT.items() if features.check(built))
FORMATS = tuple(_NAMED)
"""PIL's names of the formats that are read, those that this build of it has."""
FORMAT_NAMES = " or ".join(", ".join(_NAMED.values()).rsplit(", ", 1))
"""The formats in words."""

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

_ORIENTATION = 0x0112
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation → the transposition that makes the image upright."""


def open_rgb(content: bytes) -> Image.Image:
    """Decode an image to RGB, upright and on white; raises ValueError with the reason where its bytes do not open."""
    try:
        with warnings.catch_warnings():
            # PIL warns about defects that it repairs.
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                return as_seen(image)
    except UnidentifiedImageError:
        raise ValueError(f"it is no {FORMAT_NAMES}") from None
    except DECODE_ERRORS as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


def as_seen(image: Image.Image) -> Image.Image:
    """Return an opened image in RGB, upright and on white; raises one of DECODE_ERRORS where it does not decode."""
    turned = orientation(image)
    transposition = _TRANSPOSITIONS.get(turned)
    upright = to_rgb(image) if transposition is None else to_rgb(image).transpose(transposition)
    # A reader of the EXIF data would transpose it again.
    upright.info.pop("exif", None)
    return upright


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an opened image to RGB, on white, as it is stored; raises one of DECODE_ERRORS where it does not decode."""
    if image.mode.startswith("I;16"):
        # PIL would clip 16-bit values to white above 255.
        image = image.point(lambda value: value / 257).convert("L")
    if image.has_transparency_data:
        # What is transparent has a colour that nobody sees.
        shown = image.convert("RGBA")
        white = Image.new("RGBA", shown.size, "white")
        return Image.alpha_composite(white, shown).convert("RGB")
    return image.convert("RGB")


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation that an opened image is to be turned by, 1 where it is upright."""
    # getexif would decode a PNG without EXIF data; PIL itself turns a TIFF.
    if "exif" not in image.info or image.format == "TIFF":
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except DECODE_ERRORS:
        # The EXIF data is damaged, not the image.
        return 1
