import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hub_cache import COMMIT, offline_hub
from stored_checkpoints import cast, shards, store
from tiny_families import STOCK, tiny_model

from vqatune.base_model.base import make_base
from vqatune.errors import ModelError
from vqatune.models.checkpoint import fingerprint, load_model

INDEX = "model.safetensors.index.json"


@pytest.fixture(scope="module")
def sharded(tiny_base, tmp_path_factory) -> Path:
    """The folder of a checkpoint in several files."""
    folder = store(tiny_base, tmp_path_factory.mktemp("stored") / "sharded", torch.float16, 20_000)
    assert len(shards(folder)) > 2 and not (folder / "model.safetensors").exists()
    return folder


@pytest.fixture(scope="module")
def whole(sharded, tmp_path_factory) -> Path:
    """The same weights in one file."""
    return store(sharded, tmp_path_factory.mktemp("whole") / "base", torch.float16)


def _assert_same(model, other) -> None:
    for (name, weight), same in zip(model.named_parameters(), other.named_parameters(), strict=True):
        assert weight.dtype == same[1].dtype and torch.equal(weight, same[1]), name


@pytest.mark.parametrize("dtype", [None, torch.float32])
def test_a_checkpoint_in_several_files_is_that_in_one(dtype, sharded, whole):
    _assert_same(load_model(sharded, dtype), load_model(whole, dtype))


@pytest.mark.parametrize("kind", ["blip", *STOCK])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_every_weight_is_in_the_dtype_and_every_buffer_as_it_is_in_float32(kind, dtype, tiny_base, tmp_path):
    folder = tmp_path / "float32"
    if kind == "blip":
        shutil.copytree(tiny_base, folder)
    else:
        folder.mkdir()
        model, encoder = tiny_model(kind)
        encoder.family.save_checkpoint(model, encoder.processor, folder, "[ENC]")
    expected = cast(load_model(folder), dtype)
    for loaded in (load_model(folder, dtype), load_model(store(folder, tmp_path / "stored", dtype), None)):
        _assert_same(loaded, expected)
        for (name, buffer), same in zip(loaded.named_buffers(), expected.buffers(), strict=True):
            assert buffer.dtype == same.dtype and torch.equal(buffer, same), name


def test_a_base_is_one_file_whatever_the_hub_has(sharded, whole, make_params, tmp_path):
    for name, source in (("sharded", sharded), ("whole", whole)):
        make_base(make_params({"model.source": "hub", "model.name": str(source)}), [], tmp_path / name)
    assert not (tmp_path / "sharded" / INDEX).exists()
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "sharded" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("kind", ["sharded", "whole"])
def test_a_checkpoint_of_the_hub_is_loaded_from_its_cache(kind, request, tmp_path, monkeypatch):
    stored = request.getfixturevalue(kind)
    offline_hub(monkeypatch, tmp_path, "me/blip", stored)
    _assert_same(load_model("me/blip", None, revision=COMMIT), load_model(stored, None))


def test_a_checkpoint_that_the_cache_lacks_a_file_of_is_one_line(sharded, tmp_path, monkeypatch):
    kept = offline_hub(monkeypatch, tmp_path, "me/blip", sharded)
    shards(kept)[1].unlink()
    with pytest.raises(
        ModelError, match=r"1 of the \d+ files that .* are missing, such as model-00002"
    ) as caught:
        load_model("me/blip", revision=COMMIT)
    assert "\n" not in str(caught.value)


def _lacks_a_shard(folder: Path) -> None:
    shards(folder)[1].unlink()


def _lacks_the_index(folder: Path) -> None:
    (folder / INDEX).unlink()


def _cut(folder: Path) -> None:
    (folder / INDEX).write_text("{")


def _index(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        index = json.loads((folder / INDEX).read_text()) | changes
        (folder / INDEX).write_text(
            json.dumps({name: value for name, value in index.items() if value is not None})
        )

    return change


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_lacks_a_shard, r"1 of the \d+ files that .*index.json names are missing, such as model-00002"),
        (_lacks_the_index, "has no model.safetensors and no model.safetensors.index.json"),
        (_cut, "index.json is damaged"),
        (_index(weight_map={}), "index.json names no file"),
        (_index(weight_map=None), "index.json is damaged"),
        (_index(weight_map=["a"]), "index.json is damaged"),
        (_index(metadata=None), "index.json is damaged"),
        (
            _index(weight_map={"weight": "../model.safetensors"}),
            "names ../model.safetensors, which is no file beside",
        ),
    ],
)
def test_a_checkpoint_with_missing_files_is_one_line(damage, said, sharded, tmp_path):
    folder = shutil.copytree(sharded, tmp_path / "base")
    damage(folder)
    with pytest.raises(ModelError, match=said) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_the_fingerprint_is_of_every_file(sharded, tmp_path):
    before = fingerprint(sharded)
    assert fingerprint(shutil.copytree(sharded, tmp_path / "copy")) == before
    folder = shutil.copytree(sharded, tmp_path / "other")
    last = shards(folder)[-1]
    last.write_bytes(last.read_bytes()[:-1] + b"x")
    assert fingerprint(folder) != before
