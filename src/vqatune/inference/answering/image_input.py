"""Images from users: files, folders, URLs and uploads, within size limits; they are decoded as the catalogue's."""

import re
import time
import warnings
from io import BytesIO
from pathlib import Path

import requests
import urllib3
from PIL import Image, UnidentifiedImageError

from vqatune.errors import DataError, ImageError
from vqatune.loading.pictures import DECODE_ERRORS, FORMAT_NAMES, FORMATS, as_seen

ImageInput = Image.Image | bytes | str | Path
"""An opened image, the bytes of a file, or a path or URL."""

MOST_BYTES = 20_000_000
MOST_PIXELS = 50_000_000
SECONDS_TO_WAIT = 10
"""The longest wait for a server's next bytes."""
SECONDS_IN_ALL = 60
"""The longest time for a download."""
MOST_REDIRECTS = 5

_URL = re.compile("https?://", re.IGNORECASE)


def open_image(image: ImageInput) -> Image.Image:
    """Return an image in RGB, upright and on white.

    Raises ImageError where it is missing, does not open, or is larger than MOST_BYTES or MOST_PIXELS (an opened image
    may have any size).
    """
    if isinstance(image, Image.Image):
        try:
            return as_seen(image)
        except DECODE_ERRORS as error:
            raise ImageError(f"the picture does not open: {error}") from error
    if isinstance(image, bytes):
        return decode_image(image)
    if is_url(image):
        return decode_image(_fetch(str(image)), str(image))
    if "://" in str(image):
        raise ImageError(f"{image} is no file, and only http:// and https:// are fetched")
    return decode_image(_read(Path(image)), str(image))


def decode_image(content: bytes, name: str = "the picture", most_pixels: int = MOST_PIXELS) -> Image.Image:
    """Decode the bytes of an image file to RGB, upright and on white.

    The size is checked before decoding, so that a small file cannot fill the memory (a decompression bomb). Raises
    ImageError, which names the image `name`, where it is too large or does not open.
    """
    if len(content) > MOST_BYTES:
        raise ImageError(_too_many_bytes(name))
    try:
        with warnings.catch_warnings():
            # PIL warns about defects that it repairs.
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(content), formats=FORMATS) as opened:
                width, height = opened.size
                if width * height > most_pixels:
                    raise ImageError(_too_many_pixels(name, most_pixels))
                return as_seen(opened)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(_too_many_pixels(name, most_pixels)) from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is no {FORMAT_NAMES}: give a picture in one of these") from error
    except DECODE_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name} does not open ({reason}): it is damaged or cut") from error


def is_url(image: str | Path) -> bool:
    """Whether an image is given by its URL."""
    return isinstance(image, str) and _URL.match(image) is not None


def images_in(folder: Path) -> list[Path]:
    """Return the files directly in a folder, sorted by name, without hidden ones.

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
            # Limited by what is read, as devices have no size and no end.
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
    # A compressed transfer could decompress to more bytes than are counted here.
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


def _too_many_bytes(name: str) -> str:
    return f"{name} is larger than {MOST_BYTES // 1_000_000} MB: make it smaller"


def _too_many_pixels(name: str, most: int) -> str:
    return f"{name} has more than {most / 1e6:g} megapixels: make it smaller"
