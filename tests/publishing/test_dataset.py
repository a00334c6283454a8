import hashlib
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from datasets import load_dataset
from huggingface_hub import DatasetCard
from PIL import Image

from vqatune.errors import ArchiveError, DataError
from vqatune.publishing.dataset import write_dataset
from vqatune.publishing.publish import prepare
from vqatune.publishing.request import Request
from vqatune.tables import PAIRS, SAMPLED, read_table, write_json, write_table

CHECKS = {"pairs": 1000, "kept": 990, "dropped": {"none_like": 0, "answer_in_question": 10}}


def _prepare(root: Path, **changes) -> Path:
    request = Request(version="v2", repo="me/blip", dataset="me/abo-vqa", **changes)
    prepare(request, root / "out", root)
    return root / "out" / "dataset"


def _card(root: Path, **changes) -> str:
    return (_prepare(root, **changes) / "README.md").read_text()


def _front(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def _ran(root: Path, **sections: dict) -> None:
    """Have dvc.lock say that stages ran with other parameters than those of params.yaml."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    stages = {
        stage: {"params": {"params.yaml": {stage: params[stage] | changes}}}
        for stage, changes in sections.items()
    }
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def test_datasets_reads_pictures_and_pairs_from_the_parquet_files(root, content, tables, tmp_path):
    folder = _prepare(root)
    files = {split: str(folder / "data" / f"{split}-*.parquet") for split in tables}
    loaded = load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))
    for split, expected in tables.items():
        rows = list(loaded[split])
        assert [row["image_id"] for row in rows] == sorted(expected["image_id"].unique())
        for row in rows:
            original = Image.open(BytesIO(content(row["image_id"])))
            assert isinstance(row["image"], Image.Image)
            assert np.array_equal(np.asarray(row["image"]), np.asarray(original))
            asked = expected[expected["image_id"] == row["image_id"]].sort_values("qa_id")
            columns = ["qa_id", "question", "answer", "difficulty", "question_type", "generator"]
            assert row["pairs"] == asked[columns].to_dict("records")
            assert row["item_id"] == f"item-{row['image_id']}"
            assert json.loads(row["metadata"]) == {"item_name": ["Ärmel | <b>"]}


def test_the_pictures_bytes_and_paths_are_the_catalogues(root, content):
    table = pd.read_parquet(_prepare(root) / "data" / "test-00000-of-00001.parquet")
    for row in table.itertuples():
        assert row.image == {"bytes": content(row.image_id), "path": f"3a/{row.image_id}.jpg"}


def test_datasets_loads_the_folder_by_its_card(root, tables, tmp_path):
    folder, cache = str(_prepare(root)), str(tmp_path / "cache")
    # It checks the numbers of rows against those in the card, and casts to the card's columns.
    images = load_dataset(folder, cache_dir=cache)
    pairs = load_dataset(folder, "pairs", cache_dir=cache)
    for split, expected in tables.items():
        assert images[split].num_rows == expected["image_id"].nunique()
        read = pairs[split].to_pandas().sort_values("qa_id", ignore_index=True)
        wanted = expected.sort_values("qa_id", ignore_index=True)[PAIRS.names]
        assert read.to_dict("records") == wanted.to_dict("records")
    info = {
        each["config_name"]: each for each in _front((Path(folder) / "README.md").read_text())["dataset_info"]
    }
    assert info["images"]["features"] == images["train"].features._to_yaml_list()
    assert info["pairs"]["features"] == pairs["train"].features._to_yaml_list()
    assert info["images"]["download_size"] == sum(
        path.stat().st_size for path in (Path(folder) / "data").iterdir()
    )


def test_large_datasets_are_cut_into_files_of_bounded_size(root, tmp_path, content):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder, most in ((whole, 10**9), (parts, 3000)):
        folder.mkdir()
        write_dataset(folder, root, most)
    names = sorted(path.name for path in (parts / "data").glob("train-*"))
    assert len(names) > 2
    assert names == [f"train-{number:05}-of-{len(names):05}.parquet" for number in range(len(names))]
    tables = [pd.read_parquet(parts / "data" / name) for name in names]
    for table in tables:
        size = sum(len(content(image_id)) for image_id in table["image_id"])
        assert size <= 3000 or len(table) == 1
    joined = pd.concat(tables, ignore_index=True)
    pd.testing.assert_frame_equal(joined, pd.read_parquet(whole / "data" / "train-00000-of-00001.parquet"))


def test_the_same_data_give_the_same_bytes(root, tmp_path):
    def digests(name: str) -> dict[str, str]:
        (tmp_path / name).mkdir()
        write_dataset(tmp_path / name, root)
        files = (tmp_path / name).rglob("*.parquet")
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    first = digests("first")
    shuffled = read_table(root / "data" / "train.parquet", PAIRS).sample(frac=1, random_state=1)
    assert len(first) == 6 and digests("second") == first
    write_table(shuffled, root / "data" / "train.parquet", PAIRS)
    again = digests("third")
    assert again["train-00000-of-00001.parquet"] == first["train-00000-of-00001.parquet"]


def test_a_pair_without_a_difficulty_has_none(root, pairs, tmp_path):
    unknown = pairs.assign(difficulty=pd.array([pd.NA] * len(pairs), dtype="Int8"))
    write_table(unknown[unknown["image_id"] >= "image09"], root / "data" / "test.parquet", PAIRS)
    folder = _prepare(root)
    files = str(folder / "data" / "test-*.parquet")
    rows = load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))["train"]
    assert {pair["difficulty"] for row in rows for pair in row["pairs"]} == {None}
    assert "of the pairs have no difficulty" in (folder / "README.md").read_text()


def test_a_validation_set_without_pairs_is_no_split(root, pairs):
    write_table(pairs.head(0), root / "data" / "validation.parquet", PAIRS)
    folder = root / "without"
    folder.mkdir()
    assert set(write_dataset(folder, root).tables) == {"train", "test"}
    assert not list(folder.rglob("*validation*")) and "validation" not in _card(root)


def test_the_card_is_valid_and_says_what_is_there(root):
    write_json(CHECKS, root / "metrics" / "data" / "generate.json")
    card = _card(root)
    front = DatasetCard(card).data
    assert front.language == ["en"] and front.task_categories == ["visual-question-answering"]
    assert front.size_categories == ["n<1K"] and front.license is None
    assert 'load_dataset("me/abo-vqa", "pairs")' in card
    for line in (
        "| train | 2 | 8 | 8 | 15 |",
        "| validation | 1 | 1 | 1 | 3 |",
        "| test | 2 | 3 | 3 | 6 |",
        "All pictures of a listing are in one split",
        "of 1,000, 990 were kept",
        "| answer in question | 10 | 1.00% |",
        "| red | 8 (53.3%) | 1 (33.3%) | 3 (50.0%) |",
        "The pictures were drawn",
    ):
        assert line in card, line
    assert "none like" not in card


def test_pictures_of_abo_are_credited_and_the_model_that_wrote_the_pairs_is_named(root):
    _ran(
        root,
        raw={"source": "abo"},
        generate={"provider": "gemini", "model": "gemini-x"},
        split={"by": "image"},
    )
    card = _card(root)
    assert _front(card)["license"] == "cc-by-4.0"
    assert "Credit for the data, including all images: Amazon.com." in card
    assert "written by the model `gemini-x`" in card and "`varied-v1`" in card
    assert "No human has checked the pairs" in card
    assert "other pictures of a product may be in training" in card


def test_of_a_catalogue_of_ones_own_no_licence_is_claimed_and_no_path_told(root):
    private = "/home/someone/private"
    _ran(
        root,
        raw={"source": "path", "path": private},
        generate={"provider": "recorded", "path": f"{private}/pairs.csv"},
    )
    card = _card(root)
    assert "license" not in _front(card) and "under what licence is not said here" in card
    assert private not in card
    named = _card(root, data_license="cc-by-nc-4.0")
    assert _front(named)["license"] == "cc-by-nc-4.0" and "under the licence cc-by-nc-4.0" in named


def test_answers_that_would_break_a_table_do_not(root, pairs):
    odd = pairs[pairs["image_id"] >= "image09"].assign(answer="a|b<i>\nc")
    write_table(odd, root / "data" / "test.parquet", PAIRS)
    assert "| a\\|b&lt;i&gt; c | 0 (0.0%) | 0 (0.0%) | 6 (100.0%) |" in _card(root)


def _no_archive(root: Path) -> None:
    (root / "data" / "raw" / "pictures.tar").unlink()


def _other_archive(root: Path) -> None:
    (root / "data" / "raw" / "pictures.tar").write_bytes(bytes(10**6))


def _cut_archive(root: Path) -> None:
    path = root / "data" / "raw" / "pictures.tar"
    path.write_bytes(path.read_bytes()[:-10])


def _damaged_table(root: Path) -> None:
    (root / "data" / "test.parquet").write_bytes(b"PAR1 no more")


def _no_table(root: Path) -> None:
    (root / "data" / "train.parquet").unlink()


def _unknown_image(root: Path) -> None:
    path = root / "data" / "sampled.parquet"
    write_table(read_table(path, SAMPLED).iloc[1:], path, SAMPLED)


def _damaged_report(root: Path) -> None:
    write_json({"pairs": 3}, root / "metrics" / "data" / "generate.json")


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (_no_archive, ArchiveError, "pictures.tar does not exist: run `dvc repro raw` or `dvc pull`"),
        (_other_archive, ArchiveError, "has no picture at byte 0, where image00 should be"),
        (_cut_archive, ArchiveError, "it is not the archive that was indexed"),
        (_damaged_table, DataError, "test.parquet is not a readable Parquet table"),
        (_no_table, DataError, "train.parquet does not exist"),
        (_unknown_image, DataError, r"images that are not in data/sampled.parquet \(1, such as image00\)"),
        (_damaged_report, DataError, "generate.json is damaged"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_named_and_nothing_is_written(damage, error, said, root):
    damage(root)
    with pytest.raises(error, match=said):
        _prepare(root)
    assert not list((root / "out").glob("*")) and not list((root / "out").glob(".*"))
