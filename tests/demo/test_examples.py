import pandas as pd
import pytest

from vqatune.demo.examples import pick_examples
from vqatune.errors import ArchiveError
from vqatune.loading.reader import ImageReader
from vqatune.tables import IMAGES, PAIRS, write_table


def test_the_same_pictures_are_picked_every_time_each_type_in_turn(demo_root, tmp_path):
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    one, other = (pick_examples(demo_root / "data", folder, 6) for folder in folders)
    assert [example.image_id for example in one] == [example.image_id for example in other]
    assert [example.caption for example in one] == ["hat", "mug"] * 3
    assert len({example.image_id for example in one}) == 6


def test_an_example_has_its_pictures_bytes_its_questions_and_their_answers(
    demo_root, tmp_path, pairs, places
):
    examples = pick_examples(demo_root / "data", tmp_path, 100)
    assert len(examples) == 12
    for example in examples:
        assert example.image.read_bytes() == ImageReader(places).content(example.image_id)
        own = pairs[pairs["image_id"] == example.image_id]
        assert list(example.answers.items()) == list(zip(own["question"], own["answer"], strict=True))
        assert example.thumbnail.exists()


def test_a_picture_that_does_not_open_is_left_out(demo_root, tmp_path, pairs, places):
    archive = tmp_path / "damaged.tar"
    archive.write_bytes(b"no picture" * 20)
    damaged = places.assign(path="", height=48, width=48)
    damaged.loc[damaged["image_id"] == "image00", ["archive", "offset", "length"]] = [str(archive), 0, 100]
    write_table(pairs, tmp_path / "data/test.parquet", PAIRS)
    write_table(damaged, tmp_path / "data/extracted/images.parquet", IMAGES)
    found = pick_examples(tmp_path / "data", tmp_path, 100)
    assert {example.image_id for example in found} == {f"image{number:02d}" for number in range(1, 12)}


def test_without_a_test_set_there_are_no_examples(tmp_path):
    assert pick_examples(tmp_path / "data", tmp_path) == []


def test_a_missing_archive_is_named(tmp_path, pairs, places):
    missing = places.assign(archive=str(tmp_path / "gone.tar"), path="", height=48, width=48)
    write_table(pairs, tmp_path / "data/test.parquet", PAIRS)
    write_table(pd.DataFrame(missing), tmp_path / "data/extracted/images.parquet", IMAGES)
    with pytest.raises(ArchiveError, match="gone.tar does not exist"):
        pick_examples(tmp_path / "data", tmp_path)
