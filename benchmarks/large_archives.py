"""ABO's two archives with millions of images: made by the thousand, as numpy's arrays of bytes, and real throughout.

Every picture is a JPEG of 16 × 16 pixels that differs from all others in its comment. Every listing has four, with text of
about ABO's length; one listing in five is in German alone, one picture in a hundred has two rows in images.csv, and one in a
hundred the bytes of another.
"""

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

IMAGES_PER_LISTING = 4
_BLOCK = 512
_DIGITS = 10
_AT_ONCE = 20_000
_LISTINGS_PER_MEMBER = 50_000


def write_archives(folder: Path, images: int, types: np.ndarray, shares: np.ndarray) -> None:
    """Write `abo-listings.tar` and `abo-images-small.tar` for a number of images, of product types by their shares."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(13)
    write_images(folder / "abo-images-small.tar", images)
    with tarfile.open(folder / "abo-listings.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        count = images // IMAGES_PER_LISTING
        for number, first in enumerate(range(0, count, _LISTINGS_PER_MEMBER)):
            listings = np.arange(first, min(first + _LISTINGS_PER_MEMBER, count))
            own = types[chance.choice(len(types), len(listings), p=shares)]
            lines = "".join(map(listing, listings.tolist(), own.tolist()))
            content = gzip.compress(lines.encode(), compresslevel=1, mtime=0)
            add(tar, f"listings/metadata/listings_{number:05x}.json.gz", content)


def listing(number: int, product_type: str) -> str:
    """Return the line of a listing."""
    tag = "de_DE" if number % 5 == 4 else "en_US"
    color = ("Black", "White", "Blue", "Red", "Beige", "Green", "Brown", "Grey", "Pink")[number % 9]
    material = ("Wood", "Steel", "Cotton", "Leather", "Glass")[number % 5]
    names = [f'"i{IMAGES_PER_LISTING * number + view:0{_DIGITS}d}"' for view in range(IMAGES_PER_LISTING)]

    def texts(value: str) -> str:
        return f'[{{"language_tag":"{tag}","value":"{value}"}}]'

    point = f"Point {number % 1009} of what a buyer wants to know of {material.lower()} in {color.lower()}, at length"
    points = ",".join(texts(f"{point}, {place}")[1:-1] for place in range(5))
    return (
        f'{{"item_id":"B{number:09d}","main_image_id":{names[0]},"other_image_id":[{",".join(names[1:])}],'
        f'"product_type":[{{"value":"{product_type}"}}],"item_name":{texts(f"{color} thing number {number}")},'
        f'"bullet_point":[{points}],"color":{texts(color)},"material":{texts(material)},'
        f'"style":{texts("Modern")},"country":"US","marketplace":"Amazon","domain_name":"amazon.com",'
        f'"item_keywords":{texts(f"{color} {material} home kitchen living {number % 977}")}}}\n'
    )


def write_images(path: Path, images: int) -> None:
    """Write the archive of the pictures, and images.csv.gz after them."""
    table = io.BytesIO()
    with (
        path.open("wb") as archive,
        gzip.GzipFile(fileobj=table, mode="wb", compresslevel=1, mtime=0) as rows,
    ):
        rows.write(b"image_id,height,width,path\n")
        for members, lines in blocks(images):
            archive.write(members)
            rows.write(lines)
    with (
        path.open("ab") as archive,
        tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        add(tar, "images/metadata/images.csv.gz", table.getvalue())


def blocks(images: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield members of the tar, some thousand at a time, with their rows of images.csv."""
    picture, place = jpeg()
    header = tarfile.TarInfo(f"images/small/00/{'0' * _DIGITS}.jpg")
    header.size = len(picture)
    head = np.frombuffer(header.tobuf(format=tarfile.USTAR_FORMAT), np.uint8).copy()
    # The checksum is over a header with blanks in its place.
    head[148:156] = ord(" ")
    padded = -(-len(picture) // _BLOCK) * _BLOCK
    template = np.zeros(_BLOCK + padded, np.uint8)
    template[:_BLOCK] = head
    template[_BLOCK : _BLOCK + len(picture)] = np.frombuffer(picture, np.uint8)
    name = len("images/small/")
    for first in range(0, images, _AT_ONCE):
        numbers = np.arange(first, min(first + _AT_ONCE, images))
        members = np.tile(template, (len(numbers), 1))
        members[:, name : name + 2] = digits(numbers % 100, 2)
        members[:, name + 3 : name + 3 + _DIGITS] = digits(numbers, _DIGITS)
        # One in a hundred has the comment, and so the bytes, of the one before it.
        comments = np.where(numbers % 100 == 99, numbers - 1, numbers)
        members[:, _BLOCK + place : _BLOCK + place + _DIGITS] = digits(comments, _DIGITS)
        sums = members[:, :_BLOCK].sum(axis=1, dtype=np.int64)
        octal = sums[:, None] // 8 ** np.arange(5, -1, -1) % 8 + ord("0")
        members[:, 148:154], members[:, 154], members[:, 155] = octal, 0, ord(" ")
        lines = [
            f"i{number:0{_DIGITS}d},16,16,{number % 100:02d}/{number:0{_DIGITS}d}.jpg\n"
            for number in numbers.tolist()
        ]
        lines += lines[98::100]
        yield members.tobytes(), "".join(lines).encode()


def jpeg() -> tuple[bytes, int]:
    """Return a tiny JPEG with a comment of digits, and the place of these."""
    file = io.BytesIO()
    Image.effect_noise((16, 16), 60).convert("RGB").save(file, "JPEG")
    content = file.getvalue()
    length = (_DIGITS + 2).to_bytes(2, "big")
    return content[:2] + b"\xff\xfe" + length + b"0" * _DIGITS + content[2:], 6


def digits(numbers: np.ndarray, count: int) -> np.ndarray:
    """Return the decimal digits of numbers as ASCII, of shape (len(numbers), count)."""
    return (numbers[:, None] // 10 ** np.arange(count - 1, -1, -1) % 10 + ord("0")).astype(np.uint8)


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a member with these bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
