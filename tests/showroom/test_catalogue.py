import gzip
import io
import json
import re
import tarfile
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from vqatune.showroom.catalogue import draw_catalogue, plan_catalogue
from vqatune.showroom.products import KINDS

LISTINGS = 130


def read_listings(folder: Path) -> dict[str, list[dict]]:
    with tarfile.open(folder / "abo-listings.tar") as archive:
        return {
            member.name: [
                json.loads(line) for line in gzip.decompress(archive.extractfile(member).read()).splitlines()
            ]
            for member in archive
        }


def read_images(folder: Path) -> tuple[dict[str, bytes], list[list[str]]]:
    with tarfile.open(folder / "abo-images-small.tar") as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}
    table = gzip.decompress(files.pop("images/metadata/images.csv.gz")).decode().splitlines()
    return files, [line.split(",") for line in table]


def opened(content: bytes) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            return picture.copy()
    except OSError:
        return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("showroom")
    draw_catalogue(LISTINGS, seed=13, folder=folder)
    return folder


@pytest.fixture(scope="module")
def records(folder) -> list[dict]:
    return [record for lines in read_listings(folder).values() for record in lines]


def texts(record: dict, field: str) -> list[str]:
    return [entry["value"] for entry in record.get(field, [])]


def images_of(record: dict) -> list[str]:
    return [*filter(None, [record.get("main_image_id")]), *record.get("other_image_id", [])]


def test_archives_have_the_published_layout(folder):
    assert list(read_listings(folder)) == [
        f"listings/metadata/listings_{name}.json.gz" for name in "0123456789abcdef"
    ]
    files, table = read_images(folder)
    assert table[0] == ["image_id", "height", "width", "path"]
    assert {f"images/small/{row[3]}" for row in table[1:]} == set(files)
    assert len({row[0] for row in table}) == len(table)
    for image_id, _, _, path in table[1:]:
        assert re.fullmatch(r"[0-9]{2}[A-Za-z0-9+-]{8}L", image_id)
        assert re.fullmatch(r"([0-9a-f]{2})/\1[0-9a-f]{6}\.(jpg|png)", path)
    with tarfile.open(folder / "abo-images-small.tar") as archive:
        kept = {(member.mtime, member.uid, member.gid, member.mode, member.uname) for member in archive}
    assert len(kept) == 1 and not (kept.pop()[4])


def test_listings_have_the_published_fields_and_forms(records):
    for record in records:
        assert re.fullmatch(r"B0[0-9A-Z]{8}", record["item_id"])
        assert [set(entry) for entry in record["product_type"]] == [{"value"}]
        for field in ("item_name", "bullet_point", "brand", "style", "pattern", "finish_type"):
            assert all(set(entry) == {"language_tag", "value"} for entry in record[field])
        for entry in record.get("color", []):
            assert set(entry) == {"language_tag", "standardized_values", "value"}
        for code in record.get("color_code", []):
            assert re.fullmatch("#[0-9A-F]{6}", code)


def test_photographs_are_small_and_not_square_and_their_originals_are_listed_in_proportion(folder):
    files, table = read_images(folder)
    shapes = Counter()
    for _, height, width, path in table[1:]:
        picture = opened(files[f"images/small/{path}"])
        if picture is None:
            continue
        assert max(picture.size) == 256
        shapes[picture.width != picture.height] += 1
        assert int(width) * picture.height == int(height) * picture.width
        assert int(width) > picture.width
    assert shapes[True] > 0.9 * shapes.total()


def test_same_arguments_give_the_same_bytes_and_another_seed_others(folder, tmp_path):
    for name, seed in (("same", 13), ("other", 14)):
        draw_catalogue(LISTINGS, seed, tmp_path / name)
        for archive in ("abo-listings.tar", "abo-images-small.tar"):
            equal = (tmp_path / name / archive).read_bytes() == (folder / archive).read_bytes()
            assert equal == (name == "same")


def test_a_larger_catalogue_begins_with_the_smaller_one():
    assert plan_catalogue(300, 13)[:LISTINGS] == plan_catalogue(LISTINGS, 13)


def test_the_dirt_of_a_real_catalogue_is_there(folder, records):
    files, table = read_images(folder)
    there = {row[0] for row in table[1:]}
    pictures = [(path, content, opened(content)) for path, content in files.items()]
    assert any(picture is None and content.startswith(b"\xff\xd8") for _, content, picture in pictures)
    png = [path for path, content, _ in pictures if content.startswith(b"\x89PNG")]
    assert {path.rpartition(".")[2] for path in png} == {"png", "jpg"}
    assert any(picture and picture.mode == "L" for _, _, picture in pictures)

    assert any(not images_of(record) for record in records)
    assert any(record.get("main_image_id", "") not in {*there, ""} for record in records)
    assert any(set(record.get("other_image_id", [])) - there for record in records)
    owners = Counter(record["item_id"] for record in records)
    assert max(owners.values()) == 2
    uses = Counter(
        image for record in {r["item_id"]: r for r in records}.values() for image in images_of(record)
    )
    assert max(uses.values()) == 2

    assert any(
        re.search(r"<\w+>", text) for record in records for text in texts(record, "product_description")
    )
    assert any(text.strip() == "" for record in records for text in texts(record, "bullet_point"))
    assert any(text == "None" for record in records for text in texts(record, "pattern"))
    assert any(len(text) > 2000 for record in records for text in texts(record, "bullet_point"))
    assert any("color" not in record for record in records)


def test_grayscale_photographs_are_of_products_whose_colors_are_told_without_color(folder, records):
    files, table = read_images(folder)
    paths = {row[0]: f"images/small/{row[3]}" for row in table[1:]}
    checked = 0
    for record in records:
        for image in images_of(record):
            picture = opened(files[paths[image]]) if image in paths else None
            if picture and picture.mode == "L":
                assert {value for entry in record["color"] for value in entry["standardized_values"]} <= {
                    "Black",
                    "Grey",
                }
                assert not any(re.search("yellow|red", text) for text in texts(record, "bullet_point"))
                checked += 1
    assert checked


def test_default_catalogue_has_the_size_the_languages_and_the_skew_of_the_real_one():
    items = plan_catalogue(1300, 13)
    images = Counter()
    for item in items:
        images[item.product.kind] += len(item.drawn)
    assert images.total() >= 2000 and len(images) == len(KINDS) >= 24
    assert 0.4 < images.most_common(1)[0][1] / images.total() < 0.55
    assert 3 <= sum(0 < count < 5 for count in images.values()) <= 12
    tags = Counter(tag for item in items for tag in item.languages)
    assert 0.75 < tags["en_US"] / len(items) < 0.82
    assert tags["en_IN"] > 20 and sum(count > 20 for count in tags.values()) >= 5
    assert sum(len(item.languages) > 1 for item in items) > 100
    views = Counter(len(item.drawn) for item in items)
    assert min(views[1], views[2], views[3]) > 100


def test_a_small_catalogue_has_every_type_in_american_english_and_a_main_type():
    items = plan_catalogue(80, 13)
    tried = Counter(item.product.kind for item in items if item.drawn and "en_US" in item.languages)
    assert len(tried) >= 24
    assert tried.most_common(1)[0][1] > 0.35 * tried.total()


def test_values_are_told_in_the_language_they_are_tagged_with(records):
    finishes = {"en_US": set(), "de_DE": set(), "ja_JP": set()}
    for record in records:
        for entry in record["finish_type"]:
            finishes.setdefault(entry["language_tag"], set()).add(entry["value"])
    assert finishes["en_US"] == {"Glossy", "Matte"}
    assert finishes["de_DE"] == {"Glänzend", "Matt"}
    assert finishes["ja_JP"] == {"光沢", "マット"}


def test_archives_that_were_there_are_replaced_and_nothing_else_is_left(tmp_path):
    (tmp_path / "abo-listings.tar").write_text("old")
    draw_catalogue(3, seed=1, folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"abo-listings.tar", "abo-images-small.tar"}
    assert sum(map(len, read_listings(tmp_path).values())) == 3
