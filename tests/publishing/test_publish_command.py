import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from vqatune.tables import write_json

PLACE = Path(".work/publish/v2")


@pytest.fixture
def publish(root, vqatune):
    """Run `vqatune publish v2 --repo me/blip` in a small repository, with more arguments."""
    return lambda *arguments: vqatune("publish", "v2", "--repo", "me/blip", *arguments)


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("option", [[], ["--dry-run"]])
def test_it_prepares_both_folders_and_says_what_would_go_where(option, publish, root):
    before = set(root.iterdir())
    done = publish(*option)
    assert done.status == 0 and done.err == ""
    assert f"{PLACE}/model → https://huggingface.co/me/blip (model)" in done.out
    assert f"{PLACE}/dataset → https://huggingface.co/datasets/me/blip-data (dataset)" in done.out
    assert "nothing was uploaded" in done.out and "--upload" in done.out
    size = (PLACE / "model" / "adapter_model.safetensors").stat().st_size
    (line,) = (line for line in done.out.splitlines() if "adapter_model.safetensors" in line)
    assert line.endswith(f"{size / 1000:.1f} kB")
    assert set(root.iterdir()) - before == {root / ".work"}


def test_to_upload_and_not_to_are_not_asked_for_together(publish):
    done = publish("--upload", "--dry-run")
    assert done.status == 2 and "not allowed with" in done.err


def test_another_process_writes_the_same(root, publish, warm_process):
    publish("--folder", "one")
    done = warm_process("publish", "v2", "--repo", "me/blip", "--folder", "two")
    assert done.status == 0, done.err
    assert _contents(root / "one") == _contents(root / "two")


def test_only_the_model_with_the_dataset_named_in_its_card(publish):
    assert publish("--model-only", "--dataset", "me/known").status == 0
    assert [path.name for path in PLACE.iterdir()] == ["model"]
    assert "datasets/me/known" in (PLACE / "model" / "README.md").read_text()
    assert publish("--model-only").status == 0
    assert "huggingface.co/datasets" not in (PLACE / "model" / "README.md").read_text()


def test_private_repositories_are_said_to_be_private(publish):
    assert "(private model)" in publish("--private").out


def test_a_card_that_was_edited_stays_as_long_as_nothing_else_has_changed(publish, root):
    publish()
    card = PLACE / "model" / "README.md"
    card.write_text(card.read_text() + "mine\n")
    done = publish()
    assert "model, as it was prepared before →" in done.out and card.read_text().endswith("mine\n")
    write_json({"exact_match": 0.9}, root / "metrics" / "v2.json")
    said = publish().error
    assert said.startswith(f"{card} was edited") and card.read_text().endswith("mine\n")
    card.rename(root / "mine.md")
    assert "| exact_match | 0.25 | 0.5932 | 0.9" in (publish() and card.read_text())


def test_a_file_that_was_added_is_not_lost(publish, root):
    publish()
    (PLACE / "model" / "LICENSE").write_text("mine")
    done = publish()
    assert "model, as it was prepared before →" in done.out and "LICENSE" in done.out
    write_json({"exact_match": 0.9}, root / "metrics" / "v2.json")
    assert publish().error.startswith(f"{PLACE}/model/LICENSE was put there")
    assert (PLACE / "model" / "LICENSE").read_text() == "mine"


@pytest.mark.parametrize("folder", ["data", "models/v2", "metrics/../data/raw"])
def test_nothing_is_prepared_among_what_the_stages_write(folder, publish, root):
    before = _contents(root)
    assert f"{folder} lies in " in publish("--folder", folder).error
    assert _contents(root) == before


def test_what_has_changed_is_prepared_again_and_no_more(publish, root):
    publish()
    files = {part: _contents(PLACE / part) for part in ("model", "dataset")}
    write_json({"exact_match": 0.9}, root / "metrics" / "v2.json")
    done = publish()
    assert "dataset, as it was prepared before →" in done.out and "model, as it was" not in done.out
    assert _contents(PLACE / "dataset") == files["dataset"]
    assert "0.9" in (PLACE / "model" / "metrics.json").read_text()


def test_what_was_lost_or_cut_is_prepared_again(publish):
    publish()
    parquet, adapter = (
        PLACE / "dataset/data/test-00000-of-00001.parquet",
        PLACE / "model/adapter_model.safetensors",
    )
    before = parquet.read_bytes(), adapter.read_bytes()
    parquet.unlink()
    adapter.write_bytes(b"cut")
    publish()
    assert (parquet.read_bytes(), adapter.read_bytes()) == before


def test_a_folder_of_something_else_is_left_as_it_is(publish, root):
    (root / "mine" / "dataset").mkdir(parents=True)
    (root / "mine" / "dataset" / "notes.txt").write_text("mine")
    assert publish("--folder", "mine").error.startswith("mine/dataset exists and was not prepared by")
    assert "cannot be written" in publish("--folder", "params.yaml").error
    assert _contents(root / "mine") == {"dataset/notes.txt": b"mine"}


def test_work_that_failed_half_way_leaves_nothing_and_is_done_when_started_again(publish, root):
    archive = root / "data" / "raw" / "pictures.tar"
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-10])
    assert "it is not the archive that was indexed" in publish().error
    assert list(PLACE.iterdir()) == []
    archive.write_bytes(whole)
    assert publish().status == 0


def test_what_a_killed_process_has_left_is_removed_and_nothing_that_looks_like_it(publish, root):
    left, mine = root / "out" / ".dataset.a1b2c3d4", root / "out" / ".dataset.mine"
    (left / "dataset" / "data").mkdir(parents=True)
    (left / "dataset" / "data" / "train.parquet").write_bytes(b"half")
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    assert publish("--folder", "out").status == 0
    assert not left.exists() and mine.exists()


def test_two_at_once_are_refused(publish, root):
    (root / ".work" / "locks").mkdir(parents=True)
    with FileLock(root / ".work" / "locks" / "publish.lock"):
        assert "already running here" in publish().error
    assert publish().status == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--repo", "blip"], "--repo blip lacks the name of its owner: give it as OWNER/blip"),
        (["--repo", "me/a/b"], "--repo me/a/b: Repo id must be in the form"),
        (["--repo", "me/so bad"], "--repo me/so bad: Repo id must use alphanumeric chars"),
        (["--repo", "https://huggingface.co/me/blip"], "--repo https://huggingface.co/me/blip: Repo id"),
        (["--dataset", "me/a..b"], "--dataset me/a..b: Cannot have -- or .."),
        (["--dataset", ""], "--dataset "),
        (["--data-license", "CC BY 4.0"], "--data-license 'CC BY 4.0' is no licence's name on the hub"),
        (["--data-license", ""], "--data-license '' is no licence's name"),
    ],
)
def test_a_name_that_the_hub_would_not_admit_is_refused_before_anything_is_written(
    options, said, publish, root
):
    assert publish(*options).error.startswith(said)
    assert not (root / ".work").exists()


@pytest.mark.parametrize("version", ["v3", "base", "../v1"])
def test_a_version_that_does_not_exist_is_named_with_those_that_do(version, root, vqatune):
    said = vqatune("publish", version, "--repo", "me/blip").error
    assert f"no version {version} (it has v1, v2)" in said
    assert not (root / ".work").exists()


def test_a_folder_without_models_is_told(root, vqatune):
    shutil.rmtree(root / "models")
    assert "has no version v2 (it has none)" in vqatune("publish", "v2", "--repo", "me/blip").error
