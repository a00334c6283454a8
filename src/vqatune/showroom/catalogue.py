"""The showroom: a drawn sample catalogue in ABO's archive layout and JSON, with its class imbalance and defects.

A listing is a function of the seed and its index, so a larger catalogue begins with the listings of a smaller one.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from vqatune.runtime.progress import track
from vqatune.showroom.archives import write_archives
from vqatune.showroom.drawing import draw, random_view
from vqatune.showroom.products import KINDS, Product, choose, random_product
from vqatune.showroom.wording import item_record
from vqatune.tables.hash_ranks import hash_rank, unit

Option = TypeVar("Option")

_LONGEST_SIDE = 256
_JPEG_QUALITY = 85
_MEMBERS = "0123456789abcdef"

_MAIN_KIND, *_OTHER_KINDS = KINDS
_MAIN_SHARE = 0.47
# Long tail: the rarest kinds have one listing each, whatever the size of the catalogue.
_TAIL = 6

# Each defect occurs once in so many listings.
_DEFECT_PERIOD = 128
_SHARED, _GRAYSCALE = "images of the listing before", "grayscale"
_DEFECTS = {
    10: "no image",
    13: _SHARED,
    15: "main image lost",
    20: "other image lost",
    25: "truncated",
    31: "png bytes",
    36: "png path",
    41: _GRAYSCALE,
    46: "listed twice",
    54: "empty values",
    60: "none values",
    65: "over-long bullet point",
    70: "broken html",
    75: "no color",
}

# The languages of a listing, with their shares in percent.
_LANGUAGES: dict[tuple[str, ...], int] = {
    ("en_US",): 56,
    ("en_US", "de_DE"): 6,
    ("en_US", "es_ES"): 5,
    ("en_US", "fr_FR", "de_DE"): 4,
    ("en_US", "en_IN"): 4,
    ("en_US", "ja_JP"): 3,
    ("en_IN",): 9,
    ("de_DE",): 4,
    ("es_ES",): 3,
    ("fr_FR",): 2,
    ("ja_JP",): 2,
    ("en_GB",): 1,
    ("de_DE", "fr_FR"): 1,
}


@dataclass(frozen=True)
class Listing:
    """A planned listing.

    `image_ids`: main image first. `drawn`: those of them that this listing adds to the archive.
    """

    index: int
    product: Product
    defect: str | None
    languages: tuple[str, ...]
    image_ids: tuple[str, ...]
    drawn: tuple[str, ...]


def draw_catalogue(listings: int, seed: int, folder: Path) -> None:
    """Write `abo-listings.tar` and `abo-images-small.tar` with the given number of listings into a folder.

    The same arguments give the same bytes. An existing file is replaced once the new one is complete.
    """
    items = plan_catalogue(listings, seed)
    write_archives(folder, _members(items, seed), _drawn_images(items, seed))


def plan_catalogue(listings: int, seed: int) -> list[Listing]:
    """Return the given number of planned listings, by index."""
    items: list[Listing] = []
    unused = list(_OTHER_KINDS)
    for index in range(listings):
        # A golden-ratio sequence spreads the main kind evenly, so that it has its share of any number of listings.
        is_main = index * 0.6180339887498949 % 1 < _MAIN_SHARE
        # Each of the other kinds occurs once before any occurs again.
        is_first = not is_main and bool(unused)
        kind = _MAIN_KIND if is_main else unused.pop(0) if is_first else _common_kind(seed, index)
        defect = _DEFECTS.get(index % _DEFECT_PERIOD)
        languages = _languages(seed, index)
        if is_first and "en_US" not in languages:
            languages = ("en_US", *languages)
        if defect == _SHARED:
            before = items[-1]
            items.append(Listing(index, before.product, defect, languages, before.image_ids, ()))
            continue
        # A grayscale image only shows black, white and grey.
        limits = {"colors": ("black", "grey"), "inks": ("white", "black")} if defect == _GRAYSCALE else {}
        product = random_product(seed, "listing", index, kind=kind, **limits)
        drawn = tuple(
            _image_id(seed, index, view) for view in range(choose((1, 1, 2, 3), seed, "views", index))
        )
        image_ids = drawn
        if defect == "no image":
            image_ids = drawn = ()
        elif defect == "main image lost":
            image_ids = (_image_id(seed, index, "lost"), *drawn)
        elif defect == "other image lost":
            image_ids = (*drawn, _image_id(seed, index, "lost"))
        items.append(Listing(index, product, defect, languages, image_ids, drawn))
    return items


def _common_kind(seed: int, index: int) -> str:
    common = _OTHER_KINDS[:-_TAIL]
    shares = [1 / (position + 2.5) for position in range(len(common))]
    return _weighted(dict(zip(common, shares, strict=True)), unit(seed, "kind", index))


def _languages(seed: int, index: int) -> tuple[str, ...]:
    return _weighted(_LANGUAGES, unit(seed, "languages", index))


def _weighted(weights: dict[Option, float], point: float) -> Option:
    """Return the option at a point from 0 to 1 of the cumulative distribution of the weights."""
    rest = point * sum(weights.values())
    for option, weight in weights.items():
        rest -= weight
        if rest < 0:
            return option
    return option


def _image_id(seed: int, index: int, view: int | str) -> str:
    """Return an image id, such as 71vUMFizV4L."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"
    number = hash_rank(seed, "image id", index, view)
    middle = "".join(digits[number >> 6 * digit & 63] for digit in range(8))
    return f"{choose((41, 51, 61, 71, 81, 91), seed, 'image size', index)}{middle}L"


def _members(items: list[Listing], seed: int) -> dict[str, list[str]]:
    """Return the JSON lines of each of the 16 members, by the last character of its name."""
    members: dict[str, list[str]] = {name: [] for name in _MEMBERS}
    for item in items:
        record = item_record(item.product, item.languages, seed, item.index)
        if item.image_ids:
            record["main_image_id"] = item.image_ids[0]
        if item.image_ids[1:]:
            record["other_image_id"] = list(item.image_ids[1:])
        _add_defect(record, item.defect)
        line = json.dumps(record, ensure_ascii=False)
        member = hash_rank(seed, "member", item.index) % len(_MEMBERS)
        members[_MEMBERS[member]].append(line)
        if item.defect == "listed twice":
            members[_MEMBERS[(member + 1) % len(_MEMBERS)]].append(line)
    return members


def _add_defect(record: dict[str, Any], defect: str | None) -> None:
    """Give a record a defect that real records have."""
    tag = record["item_name"][0]["language_tag"]
    if defect == "empty values":
        record["material"] = [{"language_tag": tag, "value": ""}]
        record["bullet_point"].append({"language_tag": tag, "value": "  "})
        record["other_image_id"] = []
    elif defect == "none values":
        for field in ("style", "pattern", "item_shape"):
            record[field] = [{"language_tag": tag, "value": "None"}]
    elif defect == "over-long bullet point":
        long_text = "Because every home is different, we thought about everything. " * 60
        record["bullet_point"].insert(0, {"language_tag": tag, "value": long_text})
    elif defect == "broken html":
        text = (
            "<div><p>Soft &amp; sturdy&nbsp;design<br>1 &lt; 2<script>var a = '<b>';</script><td>Care: wipe"
        )
        record["product_description"] = [{"language_tag": tag, "value": text}]
    elif defect == "no color":
        del record["color"], record["color_code"]


def _drawn_images(items: list[Listing], seed: int) -> Iterator[tuple[str, str, tuple[int, int], bytes]]:
    """Yield image id, path, (width, height) of the original, and the file's bytes, sorted by path."""
    plan = []
    for item in items:
        for number, image_id in enumerate(item.drawn):
            name = blake2b(image_id.encode(), digest_size=4).hexdigest()
            path = f"{name[:2]}/{name}.{'png' if item.defect == 'png path' else 'jpg'}"
            plan.append((path, image_id, number, item))
    plan.sort(key=lambda entry: entry[:3])
    for path, image_id, number, item in track(plan, "drawing photographs"):
        view = random_view(seed, "view", item.index, number, main=number == 0)
        image = draw(item.product, view, _LONGEST_SIDE)
        # ABO's table has the size of the original image, not of the small one.
        factor = choose((4, 6, 8, 10), seed, "original", image_id)
        yield image_id, path, (image.width * factor, image.height * factor), _encode(image, item.defect)


def _encode(image: Image.Image, defect: str | None) -> bytes:
    file = io.BytesIO()
    if defect in ("png bytes", "png path"):
        image.save(file, "PNG")
        return file.getvalue()
    if defect == _GRAYSCALE:
        image = image.convert("L")
    image.save(file, "JPEG", quality=_JPEG_QUALITY)
    content = file.getvalue()
    return content[: len(content) * 6 // 10] if defect == "truncated" else content
