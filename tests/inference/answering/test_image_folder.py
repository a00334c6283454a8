import os

import pytest

from vqatune.errors import DataError, ImageError
from vqatune.inference.answering.image_folder import ImageFolder


@pytest.fixture
def tree(tmp_path):
    for name in (
        "a.jpg",
        "b.JPEG",
        "c.d.png",
        "small/00/e.webp",
        "small/a.png",
        "twice/t.png",
        "small/t.jpg",
        "both/g.jpg",
        "both/g.PNG",
    ):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).touch()
    (tmp_path / "tree/f.txt").touch()
    (tmp_path / "outside.jpg").touch()
    return tmp_path / "tree"


@pytest.mark.parametrize(
    ("name", "path"),
    {
        "a": "a.jpg",
        " a.jpg ": "a.jpg",
        "b": "b.JPEG",
        "c.d": "c.d.png",
        "c.d.png": "c.d.png",
        "e": "small/00/e.webp",
        "e.webp": "small/00/e.webp",
        "small/00/e": "small/00/e.webp",
        "./small/../a.jpg": "a.jpg",
        "small/a": "small/a.png",
        "t.png": "twice/t.png",
        "f.txt": "f.txt",
        "00/e": "small/00/e.webp",
        "/kaggle/input/small/00/e.webp": "small/00/e.webp",
        "C:\\photos\\00\\e.webp": "small/00/e.webp",
        "../elsewhere/a.jpg": "a.jpg",
    }.items(),
)
def test_a_picture_is_found_by_path_by_name_and_by_id(tree, name, path):
    assert ImageFolder(tree).find(name) == tree / path


@pytest.mark.parametrize(
    ("name", "line"),
    {
        "": "no picture is named",
        "  ": "no picture is named",
        "z": "z is not in",
        "f": "f is not in",
        "small": "small is not in",
        "../outside.jpg": "is not below",
        "../outside": "is not below",
        "/etc/hostname": "is not below",
        "a\0b": "is not in",
        "x" * 5000: "is not in",
        "t": "may be small/t.jpg or twice/t.png: give its path below",
        "both/g": "may be both/g.jpg or both/g.PNG: give its path below",
    }.items(),
)
def test_what_is_not_found_or_lies_elsewhere_is_said(tree, name, line):
    with pytest.raises(ImageError, match=line):
        ImageFolder(tree).find(name)


def test_the_folder_may_be_the_current_one_or_a_link(tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tree)
    assert os.path.samefile(ImageFolder(tree / ".").find("e"), tree / "small/00/e.webp")
    for folder in (".", "./", "../tree"):
        found = ImageFolder(type(tree)(folder))
        assert os.path.samefile(found.find("e"), tree / "small/00/e.webp")
        with pytest.raises(ImageError, match="is not below"):
            found.find("../outside.jpg")
    (tmp_path / "link").symlink_to(tree)
    assert ImageFolder(tmp_path / "link").find("a") == tmp_path / "link/a.jpg"
    with pytest.raises(DataError, match="nowhere is no folder"):
        ImageFolder(tmp_path / "nowhere")


def test_the_state_of_a_picture_changes_with_the_file(tree):
    pictures = ImageFolder(tree)
    before = pictures.state(tree / "a.jpg")
    assert before == pictures.state(tree / "a.jpg")
    assert before != pictures.state(tree / "small/a.png")
    (tree / "a.jpg").write_bytes(b"more")
    assert pictures.state(tree / "a.jpg") != before
    (tree / "a.jpg").unlink()
    assert pictures.state(tree / "a.jpg") == ""
