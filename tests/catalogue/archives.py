"""Small archives in ABO's layout, made for a test."""

import gzip
import io
import json
import tarfile
from pathlib import Path

from PIL import Image


def picture(color: tuple[int, int, int] = (200, 30, 40), size=(24, 16), kind="JPEG", mode="RGB") -> bytes:
    file = io.BytesIO()
    # The comment sets JPEGs apart whose colours are too close to do so.
    Image.new("RGB", size, color).convert(mode).save(file, kind, comment=str(color).encode())
    return file.getvalue()


def listing(
    item_id: str, *image_ids: str, name="a red shoe", language="en_US", kind="SHOES", **fields
) -> dict:
    shown = {"main_image_id": image_ids[0], "other_image_id": list(image_ids[1:])} if image_ids else {}
    return {
        "item_id": item_id,
        "product_type": [{"value": kind}],
        "item_name": [{"language_tag": language, "value": name}],
        **shown,
        **fields,
    }


def line(record: dict | list) -> bytes:
    return json.dumps(record).encode()


def write_tar(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def listings_member(part: int, lines: list[bytes], zipped=True) -> tuple[str, bytes]:
    content = b"\n".join(lines) + b"\n"
    name = f"listings/metadata/listings_{part:x}.json"
    return (f"{name}.gz", gzip.compress(content)) if zipped else (name, content)


def images_csv(
    rows: list[tuple[str, str]], header="image_id,height,width,path", zipped=True
) -> tuple[str, bytes]:
    text = "\n".join([header, *(f"{image_id},16,24,{path}" for image_id, path in rows)]) + "\n"
    name = "images/metadata/images.csv"
    return (f"{name}.gz", gzip.compress(text.encode())) if zipped else (name, text.encode())


def write_archives(folder: Path, records: list[dict], pictures: dict[str, bytes]) -> Path:
    """Write both archives: the records over 16 members, the pictures (image id → bytes) and their table."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [line(record) for record in records]
    write_tar(folder / "abo-listings.tar", [listings_member(part, lines[part::16]) for part in range(16)])
    rows = [(image_id, f"{place % 256:02x}/{place:08x}.jpg") for place, image_id in enumerate(pictures)]
    members = [
        (f"images/small/{path}", content) for (_, path), content in zip(rows, pictures.values(), strict=True)
    ]
    write_tar(folder / "abo-images-small.tar", [*members, images_csv(rows)])
    return folder
