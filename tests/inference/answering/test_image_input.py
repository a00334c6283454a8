import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vqatune.errors import DataError, ImageError
from vqatune.inference.answering import image_input as given_pictures
from vqatune.inference.answering.image_input import decode_image, images_in, open_image
from vqatune.loading.pictures import open_rgb


@pytest.fixture
def limits(monkeypatch):
    monkeypatch.setattr(given_pictures, "MOST_BYTES", 1_000_000)


@pytest.fixture
def short_waits(monkeypatch):
    monkeypatch.setattr(given_pictures, "SECONDS_TO_WAIT", 0.3)
    monkeypatch.setattr(given_pictures, "SECONDS_IN_ALL", 0.5)


def _refused(picture) -> str:
    with pytest.raises(ImageError) as caught:
        open_image(picture)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_picture_is_the_same_as_bytes_path_and_opened_and_as_the_stages_see_it(contents, folder):
    content, path = contents["image03"], folder / "image03.jpg"
    expected = np.asarray(open_rgb(content))
    with Image.open(path) as opened:
        for picture in (content, path, str(path), opened):
            found = open_image(picture)
            assert found.mode == "RGB" and (np.asarray(found) == expected).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_a_photo_taken_with_the_camera_turned_stands_upright(encoded, format_, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode_image(encoded((40, 30), format_, exif=exif))
    assert picture.size == ((40, 30) if orientation < 5 else (30, 40))


def test_it_is_turned_as_the_note_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.new("RGB", (2, 1))
    stored.putpixel((0, 0), (255, 0, 0))
    stored.save(tmp_path / "a.png", exif=exif)
    # The camera was turned clockwise: what is stored on the left is above.
    upright = open_image(tmp_path / "a.png")
    assert upright.size == (1, 2) and upright.getpixel((0, 0)) == (255, 0, 0)
    # Once.
    assert open_image(upright).size == (1, 2)


def test_a_picture_of_16_bits_keeps_its_shades(tmp_path):
    shades = np.array([[0, 257 * 100, 65_535]], np.uint16)
    Image.fromarray(shades).save(tmp_path / "deep.png")
    with Image.open(tmp_path / "deep.png") as opened:
        for picture in (tmp_path / "deep.png", opened):
            assert np.asarray(open_image(picture))[0].tolist() == [[0] * 3, [100] * 3, [255] * 3]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero here")
def test_what_has_no_end_is_too_large():
    assert "is larger than 20 MB" in _refused("/dev/zero")


def test_damaged_notes_leave_the_picture_as_it_is(encoded):
    assert decode_image(encoded((40, 30), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")).size == (40, 30)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(encoded, tmp_path):
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    for width in (60_000, 8_000):
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, width, 8, 2, 0, 0, 0))
        bomb = (
            b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
        )
        (tmp_path / "bomb.png").write_bytes(bomb)
        assert "bomb.png has more than 50 megapixels: make it smaller" in _refused(tmp_path / "bomb.png")
    with pytest.raises(ImageError, match="the upload has more than 0.001 megapixels"):
        decode_image(encoded((40, 30)), "the upload", most_pixels=1000)


def test_what_is_no_picture_is_named_with_what_to_do(tmp_path, encoded, limits):
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "cut.jpg").write_bytes(encoded((400, 300), "JPEG")[:700])
    (tmp_path / "large.png").write_bytes(bytes(1_000_001))
    assert "notes.txt is no JPEG, PNG, WebP, GIF, BMP" in _refused(tmp_path / "notes.txt")
    assert "empty.jpg is no JPEG" in _refused(tmp_path / "empty.jpg")
    assert "cut.jpg does not open (image file is truncated" in _refused(tmp_path / "cut.jpg")
    assert "large.png is larger than 1 MB" in _refused(tmp_path / "large.png")
    assert "the picture is larger than 1 MB" in _refused(bytes(1_000_001))
    assert "none.jpg does not exist: check its name" in _refused(tmp_path / "none.jpg")
    assert "only http:// and https:// are fetched" in _refused("ftp://somewhere/a.jpg")
    assert "is a folder" in _refused(tmp_path)
    assert "cannot be read" in _refused("a\0b.jpg")


@given(data=st.data())
@settings(max_examples=60)
def test_damaged_bytes_give_a_picture_or_one_line(data, encoded):
    format_ = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP"]))
    content = bytearray(encoded((16, 12), format_))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert decode_image(content).mode == "RGB"
    except ImageError as error:
        assert "\n" not in str(error)


def test_a_picture_comes_from_a_url_also_after_a_redirect(server, contents):
    expected = np.asarray(open_rgb(contents["image00"]))
    for path in ("picture", "picture?size=large", "moved"):
        assert (np.asarray(open_image(f"{server.url}/{path}")) == expected).all()
    assert open_image(server.url.upper() + "/picture").size == expected.shape[1::-1]


def test_what_a_server_does_wrong_is_said_in_one_line(server, limits):
    said = {
        "nothing": "the server says 404 Not Found: check the address",
        "page": "is no JPEG, PNG, WebP, GIF, BMP",
        "large": "is larger than 1 MB",
        "endless": "is larger than 1 MB",
        "round": "leads from one address to the next",
    }
    for path, line in said.items():
        assert f"{server.url}/{path} {line}" in _refused(f"{server.url}/{path}").replace(
            "cannot be fetched, ", ""
        )
    assert f"{server.url}/cut " in _refused(f"{server.url}/cut")
    assert "http://127.0.0.1:9/a.jpg cannot be reached" in _refused("http://127.0.0.1:9/a.jpg")
    assert "cannot be fetched" in _refused("http://[half/a.jpg")


@pytest.mark.parametrize("path", ["slow", "drip"])
def test_a_server_that_does_not_finish_is_not_waited_for(server, limits, short_waits, path):
    assert f"{server.url}/{path} takes too long to answer" in _refused(f"{server.url}/{path}")


def test_a_folders_files_come_by_name_without_hidden_ones_and_folders(tmp_path):
    for name in ("b.jpg", "a.png", ".hidden.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "deeper").mkdir()
    assert [path.name for path in images_in(tmp_path)] == ["a.png", "b.jpg"]
    with pytest.raises(DataError, match="deeper holds no pictures .folders in it are not entered"):
        images_in(tmp_path / "deeper")
