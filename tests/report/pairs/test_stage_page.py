"""`vqatune pairs --page`: pages of the pairs of a finished run."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from vqatune.report.pairs.stage import write_stage_page


@pytest.mark.parametrize("of", ["generate", "train", "test", "01"])
def test_the_pairs_of_a_stage_are_those_of_its_table(small_run, tmp_path, of):
    path = tmp_path / "pairs.html"
    data = small_run.root / "data"
    table = {"generate": "qa", "01": "batches/01"}.get(of, of)
    pairs = pd.read_parquet(data / f"{table}.parquet").drop_duplicates("qa_id")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(small_run.root)
        write_stage_page(of, 10_000, 1, path)
    page = path.read_text()
    sampled = pd.read_parquet(data / "sampled.parquet")
    assert page.count("<article") == (len(sampled) if of == "generate" else pairs["image_id"].nunique())
    assert page.count('data-check=""') == len(pairs)


def test_some_pictures_are_drawn_over_the_types_with_all_their_pairs(small_run, tmp_path):
    path = tmp_path / "pairs.html"
    pairs = pd.read_parquet(small_run.root / "data/qa.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(small_run.root)
        write_stage_page("generate", 7, 1, path)
    page = path.read_text()
    cards = [card.partition('"')[0] for card in page.split('data-type="')[1:]]
    assert len(cards) == len(set(cards)) == 7
    assert f"all have {len(pairs):,} pairs, of which {len(pairs):,} are kept" in page


def test_pictures_without_a_reply_say_why(small_run, tmp_path):
    root = tmp_path / "run"
    shutil.copytree(small_run.root, root)
    pairs = pd.read_parquet(root / "data/qa.parquet")
    image = pairs["image_id"].iloc[0]
    pairs[pairs["image_id"] != image].to_parquet(root / "data/qa.parquet")
    (root / ".work/replies").mkdir(parents=True)
    (root / ".work/replies/set_aside.csv").write_text(f"image_id,reason\n{image},safety\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_stage_page("generate", 10_000, 1, Path("pairs.html"))
    assert (root / "pairs.html").read_text().count("No pairs: safety") == 1


def test_the_command_writes_the_page_and_names_what_is_not_there(
    vqatune, tmp_path, small_run, parameter_values
):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(parameter_values))
    assert "run `dvc repro generate`" in vqatune("pairs", "--page").error
    assert "run `dvc repro batch`" in vqatune("pairs", "--page", "--of", "01").error
    assert "name generate, train" in vqatune("pairs", "--page", "--of", "tests").error
    assert "one picture or more" in vqatune("pairs", "--page", "--images", "0").error
    shutil.copytree(small_run.root / "data", tmp_path / "data")
    done = vqatune("pairs", "--page", "--of", "test", "--images", "3", "--out", "three.html")
    assert (done.status, done.out) == (0, "three.html\n")
    assert (tmp_path / "three.html").read_text().count("<article") == 3
