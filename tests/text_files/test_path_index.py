import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.text_files.path_index import PathIndex, SeveralFiles, file_stem

FILES = ["00/ab.jpg", "01/ab.jpg", "01/cd.JPG", "deep/er/ef.png", "gh.webp"]


@pytest.mark.parametrize(
    ("path", "file"),
    {
        "00/ab.jpg": "00/ab.jpg",
        "./01/ab.jpg": "01/ab.jpg",
        "/data/images/00/ab.jpg": "00/ab.jpg",
        "C:\\photos\\01\\ab.jpg": "01/ab.jpg",
        "photos/gh.webp": "gh.webp",
        "ef.png": "deep/er/ef.png",
        "cd": "01/cd.JPG",
        "er/ef": "deep/er/ef.png",
    }.items(),
)
def test_a_file_is_found_by_its_last_parts(path, file):
    assert PathIndex(FILES).find(path) == file


@pytest.mark.parametrize("path", ["", "zz.jpg", "02/cd.JPG", "b.jpg", "ab.png", "/", "."])
def test_what_shares_too_little_is_not_found(path):
    assert PathIndex(FILES).find(path) is None


@pytest.mark.parametrize("path", ["ab.jpg", "ab"])
def test_several_files_are_named(path):
    with pytest.raises(SeveralFiles, match="may be 00/ab.jpg or 01/ab.jpg"):
        PathIndex(FILES).find(path)


_names = st.text(
    st.characters(blacklist_characters="/\\", blacklist_categories=("Cs", "Zs", "Cc")), min_size=1, max_size=4
)


@given(
    st.lists(st.lists(_names, min_size=1, max_size=3).map("/".join), unique=True, max_size=6),
    st.sampled_from("/\\"),
)
def test_every_file_is_found_by_its_own_path_under_any_root(files, sign):
    index = PathIndex(files)
    for file in files:
        assert index.find(file) == file
        if "/" in file and not {".", ".."} & set(file.split("/")):
            assert index.find(f"X:{sign}elsewhere{sign}{file.replace('/', sign)}") == file


parts_of_paths = st.lists(
    st.sampled_from(["00", "01", "a.jpg", "a.JPG", "a", "b.png.jpg", "b.png", "b", "..", "."]),
    min_size=1,
    max_size=4,
)


@given(st.lists(parts_of_paths, min_size=1, max_size=4), parts_of_paths, st.sampled_from(["/", "\\"]))
def test_what_finds_a_file_has_its_stem(files, wanted, separator):
    paths = list(dict.fromkeys("/".join(parts) for parts in files))
    try:
        found = PathIndex(paths).find(separator.join(wanted))
    except SeveralFiles as several:
        found = several.files[0]
    if found is not None:
        assert file_stem(found) == file_stem(separator.join(wanted))
