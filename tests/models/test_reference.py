import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from hub_cache import COMMIT, offline_hub
from stored_checkpoints import shards, store
from tiny_families import STOCK, tiny_model
from torch import nn

from vqatune.base_model.base import make_base
from vqatune.errors import ModelError
from vqatune.inference.answering.load_version import load_version
from vqatune.inference.prediction.predict import predict
from vqatune.models.checkpoint import fingerprint, load_model
from vqatune.models.reference import copy_checkpoint
from vqatune.publishing.export import export_merged
from vqatune.publishing.publish import prepare
from vqatune.publishing.request import Request
from vqatune.training.loop import train_version


@pytest.fixture(scope="module")
def stored(tiny_base, tmp_path_factory) -> Path:
    """A checkpoint in several files and 16 bits, as large ones are; not to be written to."""
    return store(tiny_base, tmp_path_factory.mktemp("stored") / "blip", torch.float16, 20_000)


@pytest.fixture
def root(stored, tmp_path, monkeypatch) -> Path:
    """A repository, with the checkpoint in a folder of it; the current folder."""
    shutil.copytree(stored, tmp_path / "repository" / "checkpoints" / "blip")
    (tmp_path / "repository" / ".work").mkdir()
    monkeypatch.chdir(tmp_path / "repository")
    return tmp_path / "repository"


@pytest.fixture
def make(tiny_with):
    """Make a base model that refers to a checkpoint, or copies it."""

    def run(folder: Path | str, name: str, keep: str = "reference", revision: str | None = None) -> Path:
        hub = {"source": "hub", "name": name, "keep": keep, "revision": revision}
        make_base(tiny_with({f"model.{key}": value for key, value in hub.items()}), [], Path(folder))
        return Path(folder)

    return run


def _assert_same(model: nn.Module, other: nn.Module) -> None:
    for (name, weight), same in zip(model.named_parameters(), other.named_parameters(), strict=True):
        assert weight.dtype == same[1].dtype and torch.equal(weight, same[1]), name


def _written(base: Path) -> dict:
    return json.loads((base / "weights.json").read_text())


def _refused(base: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(base)
    said = str(caught.value)
    assert "\n" not in said and str(base) in said
    return said


def test_a_reference_has_all_of_a_base_but_its_weights(make, root):
    base, copy = make("models/base", "checkpoints/blip"), make("models/copy", "checkpoints/blip", "copy")
    files = {path.name: path.read_bytes() for path in base.iterdir() if path.name != "weights.json"}
    assert files == {
        path.name: path.read_bytes() for path in copy.iterdir() if path.name != "model.safetensors"
    }
    written = _written(base)
    assert written["name"] == "../../checkpoints/blip" and written["revision"] is None
    assert list(written["files"]) == [path.name for path in shards(root / "checkpoints/blip")]
    for dtype in (None, torch.float32):
        _assert_same(load_model(base, dtype), load_model(copy, dtype))


def test_a_relative_folder_is_found_from_anywhere_and_in_a_clone(make, root, tmp_path, monkeypatch):
    make("models/base", "checkpoints/blip")
    monkeypatch.chdir("/")
    load_model(root / "models" / "base")
    root.rename(tmp_path / "clone")
    load_model(tmp_path / "clone" / "models" / "base")
    assert "which cannot be found" in _refused(
        shutil.copytree(tmp_path / "clone/models/base", tmp_path / "a/b/base")
    )


def test_an_absolute_folder_stays_absolute(make, root, stored):
    base = make("models/base", str(stored))
    assert _written(base)["name"] == str(stored)
    _assert_same(load_model(base, None), load_model(stored, None))


@pytest.mark.parametrize("revision", [COMMIT, "main"])
def test_a_checkpoint_of_the_hub_is_pinned_to_its_commit(revision, make, root, stored, monkeypatch):
    offline_hub(monkeypatch, root / "hub", "me/blip", stored)
    base = make("models/base", "me/blip", revision=revision)
    assert (_written(base)["name"], _written(base)["revision"]) == ("me/blip", COMMIT)
    _assert_same(load_model(base, None), load_model(stored, None))
    shutil.rmtree(root / "hub")
    assert f"me/blip at revision {COMMIT}, which cannot be found" in _refused(base)


def test_a_file_that_is_damaged_in_the_cache_is_one_line(make, root, stored, monkeypatch):
    kept = offline_hub(monkeypatch, root / "hub", "me/blip", stored)
    base = make("models/base", "me/blip", revision=COMMIT)
    _changed(kept)
    assert f"is not the file that it was: delete {root}/hub/models--me--blip, to have it" in _refused(base)


def _changed(folder: Path) -> None:
    path = shards(folder)[1]
    before = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _shorter(folder: Path) -> None:
    path = shards(folder)[0]
    path.write_bytes(path.read_bytes()[:-1])


def _gone(folder: Path) -> None:
    shards(folder)[1].unlink()


def _in_one_file(folder: Path) -> None:
    load_model(folder, None).save_pretrained(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_changed, "checkpoints/blip/model-00002-of-"),
        (_shorter, "is not the file that it was: put back what it was, or run `dvc repro -f base`"),
        (_gone, "which cannot be found (1 of the"),
        (_in_one_file, "whose files are others than model-00001-of-"),
        (shutil.rmtree, "put the checkpoint into"),
    ],
)
def test_weights_that_are_not_what_they_were_are_one_line(change, said, make, root):
    base = make("models/base", "checkpoints/blip")
    load_model(base)
    change(root / "checkpoints" / "blip")
    assert said in _refused(base)


def test_a_damaged_reference_is_one_line(make, root):
    base = make("models/base", "checkpoints/blip")
    for text in ("{", "[]", '{"name": "checkpoints/blip", "revision": null, "files": {"a": 3}}'):
        (base / "weights.json").write_text(text)
        assert "weights.json is damaged" in _refused(base)


def test_hashes_are_remembered_in_the_repositorys_work_folder(make, root):
    base = make("models/base", "checkpoints/blip")
    kept = {path.read_text() for path in (root / ".work" / "sha256").iterdir()}
    assert kept == {file["sha256"] for file in _written(base)["files"].values()}


def test_the_fingerprint_is_of_the_configuration_and_the_hashes_not_of_the_place(make, root, stored):
    base = make("models/base", "checkpoints/blip")
    before = fingerprint(base)
    assert fingerprint(make("models/other", str(stored))) == before
    _changed(root / "checkpoints" / "blip")
    assert fingerprint(base) == before
    assert fingerprint(make("models/changed", "checkpoints/blip")) != before
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"image_text_hidden_size": 7}))
    assert fingerprint(base) != before


def test_versions_of_a_reference_are_those_of_a_copy(make, root, repository, tiny_with, pairs, places):
    params = tiny_with({"compute.precision": "bf16", "train.learning_rate": 0.01})
    shutil.copy(repository / "params.yaml", root)
    weights, answers = [], []
    for keep in ("copy", "reference"):
        models = root / "models"
        shutil.rmtree(models, ignore_errors=True)
        base = make("models/base", "checkpoints/blip", keep)
        train_version(params, "v1", base, None, pairs, places, Path("models/v1"))
        train_version(params, "v2", base, Path("models/v1"), pairs.head(9), places, Path("models/v2"))
        assert (
            json.loads(Path("models/v2/adapter_config.json").read_text())["base_model_name_or_path"]
            == "models/base"
        )
        answers.append(predict(params, "v2", base, Path("models/v2"), pairs, places))
        export_merged("v2", root / keep, root)
        weights.append((models / "v2" / "adapter_model.safetensors").read_bytes())
        load_version(Path("models/v2"))
    assert weights[0] == weights[1]
    pd.testing.assert_frame_equal(*answers, check_exact=True)
    exported = [
        {path.name: path.read_bytes() for path in (root / keep).iterdir()} for keep in ("copy", "reference")
    ]
    assert exported[0].keys() == exported[1].keys()
    for name in exported[0].keys() - {"README.md"}:
        assert exported[0][name] == exported[1][name], name


def test_a_published_version_has_the_weights_that_are_on_no_hub(
    make, root, repository, stored, tiny_params, pairs, places
):
    base = make("models/base", "checkpoints/blip")
    train_version(tiny_params, "v1", base, None, pairs, places, Path("models/v1"))
    shutil.copy(repository / "params.yaml", root)
    prepare(
        Request(version="v1", repo="me/blip", dataset="me/abo-vqa", with_dataset=False), root / "out", root
    )
    expected, _ = load_version(Path("models/v1"))
    shutil.rmtree(root / "checkpoints")
    published = shutil.copytree(root / "out" / "model", root / "elsewhere")
    _assert_same(load_model(published / "base", None), load_model(stored, None))
    _assert_same(load_version(published, published / "base")[0], expected)


@pytest.mark.parametrize("kind", STOCK)
def test_a_checkpoint_of_any_family_is_referred_to(kind, make, root):
    model, encoder = tiny_model(kind)
    stored = root / "checkpoints" / "other"
    encoder.family.save_checkpoint(model, encoder.processor, stored, "[ENC]")
    base = make("models/base", "checkpoints/other")
    assert not list(base.glob("*.safetensors"))
    _assert_same(load_model(base), load_model(stored))


def test_a_version_of_another_reference_is_refused(make, root, tiny_params, pairs, places):
    base = make("models/base", "checkpoints/blip")
    train_version(tiny_params, "v1", base, None, pairs, places, Path("models/v1"))
    _changed(root / "checkpoints" / "blip")
    make("models/base", "checkpoints/blip")
    with pytest.raises(ModelError, match="was tuned from another base model"):
        load_version(Path("models/v1"))


def test_a_copy_of_it_has_the_weights(make, root, stored):
    copy_checkpoint(make("models/base", "checkpoints/blip"), root / "copy")
    assert not (root / "copy" / "weights.json").exists()
    shutil.rmtree(root / "checkpoints")
    _assert_same(load_model(root / "copy", None), load_model(stored, None))
