"""Pictures that somebody gives: files, folders, URLs, uploads; within limits, and upright.

Cameras store a picture as the sensor saw it and note how it was held; shown anywhere, and here, it is turned upright.
(The catalogue's pictures are taken as they are stored, by every stage: they have no such notes.)
"""

import re
import time
import warnings
from io import BytesIO
from pathlib import Path

import requests
import urllib3
from PIL import Image, UnidentifiedImageError

from vqatune.errors import DataError, ImageError
from vqatune.loading.pictures import FORMATS, REFUSALS, to_rgb

Picture = Image.Image | bytes | str | Path
"""A picture: opened, as the bytes of a file, or as the path or URL of one."""

MOST_BYTES = 20_000_000
MOST_PIXELS = 50_000_000
SECONDS_TO_WAIT = 10
"""For a server to say something."""
SECONDS_IN_ALL = 60
MOST_REDIRECTS = 5

_URL = re.compile("https?://", re.IGNORECASE)
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF's orientation → what turns the picture upright."""


def open_picture(picture: Picture) -> Image.Image:
    """Return a picture in RGB, upright.

    Raises ImageError where there is none, it does not open, or it is larger than MOST_BYTES or MOST_PIXELS (an
    opened one may have any size).
    """
    if isinstance(picture, Image.Image):
        try:
            return _turned(to_rgb(picture), _orientation(picture))
        except REFUSALS as error:
            raise ImageError(f"the picture does not open: {error}") from error
    if isinstance(picture, bytes):
        return check_picture(picture)
    if is_url(picture):
        return check_picture(_fetch(str(picture)), str(picture))
    if "://" in str(picture):
        raise ImageError(f"{picture} is no file, and only http:// and https:// are fetched")
    return check_picture(_read(Path(picture)), str(picture))


def check_picture(content: bytes, name: str = "the picture", most_pixels: int = MOST_PIXELS) -> Image.Image:
    """Return the picture in a file's bytes, in RGB, upright.

    Its size is looked at before it is decoded, so that a small file cannot fill the memory. Raises ImageError,
    which calls the picture `name`, where it is too large or does not open.
    """
    if len(content) > MOST_BYTES:
        raise ImageError(_too_many_bytes(name))
    try:
        with warnings.catch_warnings():
            # PIL warns about much that it puts right.
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(content), formats=FORMATS) as opened:
                width, height = opened.size
                if width * height > most_pixels:
                    raise ImageError(_too_many_pixels(name, most_pixels))
                return _turned(to_rgb(opened), _orientation(opened))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(_too_many_pixels(name, most_pixels)) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name} is no JPEG, PNG, WebP, GIF or BMP: give a picture in one of these"
        ) from error
    except REFUSALS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name} does not open ({reason}): it is damaged or cut") from error


def is_url(given: str | Path) -> bool:
    """Whether a picture is given by its URL."""
    return isinstance(given, str) and _URL.match(given) is not None


def pictures_in(folder: Path) -> list[Path]:
    """Return the files right in a folder, by name; those whose name starts with a dot are left out.

    Raises DataError where there are none.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}") from error
    if not files:
        raise DataError(
            f"{folder} holds no pictures (folders in it are not entered): name a folder that does"
        )
    return files


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ImageError(f"{path} is a folder: name a picture in it")
        with path.open("rb") as file:
            # Not by its size: a device has none, and no end.
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ImageError(_too_many_bytes(str(path)))
        return content
    except FileNotFoundError as error:
        raise ImageError(f"{path} does not exist: check its name") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _fetch(url: str) -> bytes:
    deadline = time.monotonic() + SECONDS_IN_ALL
    slow = f"{url} takes too long to answer: try again, or download it and give the file"
    # Compressed on the way it could be larger than what is counted here.
    headers = {"User-Agent": "vqatune", "Accept": "image/*", "Accept-Encoding": "identity"}
    try:
        with requests.Session() as session:
            session.max_redirects = MOST_REDIRECTS
            with session.get(url, stream=True, timeout=SECONDS_TO_WAIT, headers=headers) as response:
                if response.status_code != requests.codes.ok:
                    said = f"{response.status_code} {response.reason or ''}".strip()
                    raise ImageError(f"{url} cannot be fetched, the server says {said}: check the address")
                if int(response.headers.get("Content-Length") or 0) > MOST_BYTES:
                    raise ImageError(_too_many_bytes(url))
                content = bytearray()
                while piece := response.raw.read1(1 << 16):
                    content += piece
                    if len(content) > MOST_BYTES:
                        raise ImageError(_too_many_bytes(url))
                    if time.monotonic() > deadline:
                        raise ImageError(slow)
                return bytes(content)
    except requests.TooManyRedirects as error:
        raise ImageError(f"{url} leads from one address to the next, with no end: check it") from error
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise ImageError(slow) from error
    except (requests.ConnectionError, urllib3.exceptions.HTTPError) as error:
        raise ImageError(f"{url} cannot be reached: check the address and the network") from error
    except (requests.RequestException, ValueError) as error:
        raise ImageError(f"{url} cannot be fetched ({error}): check the address") from error


def _orientation(picture: Image.Image) -> int:
    # Asking a PNG without the note would decode it.
    if "exif" not in picture.info:
        return 1
    try:
        return picture.getexif().get(_ORIENTATION, 1)
    except REFUSALS:
        # The note is damaged, not the picture.
        return 1


def _turned(picture: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    upright = picture if turn is None else picture.transpose(turn)
    # Whoever gets it would turn it once more.
    upright.info.pop("exif", None)
    return upright


def _too_many_bytes(name: str) -> str:
    return f"{name} is larger than {MOST_BYTES // 1_000_000} MB: make it smaller"


def _too_many_pixels(name: str, most: int) -> str:
    return f"{name} has more than {most / 1e6:g} megapixels: make it smaller"
