import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from vqatune.errors import DataError, ModelError
from vqatune.tables import BATCH, read_csv, write_table
from vqatune.training.loop import train_version


@pytest.fixture
def train(tiny_params, tiny_base, pairs, places, tmp_path):
    def run(
        version: str, previous: str | None = None, params=tiny_params, chosen=pairs, base=tiny_base
    ) -> Path:
        before = None if previous is None else tmp_path / previous
        train_version(params, version, base, before, chosen, places, tmp_path / version)
        return tmp_path / version

    return run


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_version_holds_adapter_processor_state_and_log(train, pairs):
    folder = train("v1")
    names = set(_digests(folder))
    assert {
        "adapter_model.safetensors",
        "adapter_config.json",
        "processor_config.json",
        "tokenizer.json",
        "training_state/optimizer.safetensors",
        "training_state/position.json",
        "log.csv",
    } <= names
    log = read_csv(folder / "log.csv")
    assert list(log.columns) == ["step", "loss", "smoothed_loss", "learning_rate", "pairs_seen"]
    assert log["pairs_seen"].iloc[-1] == len(pairs)
    assert len(log) == 2


def test_training_brings_the_loss_down(train, make_params, tiny_params, pairs):
    params = tiny_params.model_copy(
        update={"train": tiny_params.train.model_copy(update={"images_per_step": 2, "learning_rate": 0.01})}
    )
    many = pd.concat([pairs.assign(copy=copy) for copy in range(10)], ignore_index=True)
    log = read_csv(train("v1", params=params, chosen=many) / "log.csv")
    assert log["loss"].tail(10).mean() < 0.6 * log["loss"].head(10).mean()


def test_the_same_inputs_give_the_same_bytes(train, tmp_path):
    first = _digests(train("v1"))
    (tmp_path / "v1").rename(tmp_path / "first")
    assert _digests(train("v1")) == first


def test_the_optimizer_carries_over_to_the_next_version(train):
    train("v1")
    carried = train("v2", "v1")
    steps = load_file(carried / "training_state" / "optimizer.safetensors")
    assert {int(value) for name, value in steps.items() if name.endswith("/step")} == {4}
    position = json.loads((carried / "training_state" / "position.json").read_text())
    assert position["step"] == 4 and position["version"] == "v2"


def test_a_fresh_optimizer_would_train_another_adapter(train, tmp_path):
    train("v1")
    carried = load_file(train("v2", "v1") / "adapter_model.safetensors")
    (tmp_path / "v2").rename(tmp_path / "carried")
    state = tmp_path / "v1" / "training_state" / "optimizer.safetensors"
    from safetensors.torch import save_file

    save_file({name: torch.zeros_like(value) for name, value in load_file(state).items()}, state)
    fresh = load_file(train("v2", "v1") / "adapter_model.safetensors")
    assert any(not torch.equal(carried[name], fresh[name]) for name in carried)


def test_two_versions_in_two_processes_are_those_of_one(train, tiny_base, pairs, places, tmp_path):
    train("v1")
    expected = _digests(train("v2", "v1"))
    (tmp_path / "v2").rename(tmp_path / "expected")
    write_table(pairs, tmp_path / "pairs.parquet", BATCH)
    places.to_parquet(tmp_path / "places.parquet")
    script = """
import sys, pandas as pd
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import TINY
from vqatune.params import check_params
from vqatune.tables import BATCH, read_table
from vqatune.training.loop import train_version
import yaml
values = yaml.safe_load(Path(sys.argv[2]).read_text())
for name, value in TINY.items():
    place = values
    *sections, key = name.split(".")
    for section in sections:
        place = place[section]
    place[key] = value
folder = Path(sys.argv[4])
train_version(check_params(values, "params"), "v2", Path(sys.argv[3]), folder / "v1",
              read_table(folder / "pairs.parquet", BATCH), pd.read_parquet(folder / "places.parquet"), folder / "v2")
"""
    tests = Path(__file__).resolve().parents[1]
    subprocess.run(
        [sys.executable, "-c", script, tests, tests.parent / "params.yaml", tiny_base, tmp_path],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        check=True,
    )
    assert _digests(tmp_path / "v2") == expected


def test_another_base_model_than_the_last_version_had_is_refused(train, tiny_params, tmp_path):
    from vqatune.models.base import make_base

    train("v1")
    make_base(tiny_params.model_copy(update={"seed": 5}), ["what color is it?", "red"], tmp_path / "other")
    with pytest.raises(ModelError):
        train("v2", "v1", base=tmp_path / "other")
    assert not (tmp_path / "v2").exists()


def test_a_loss_that_is_not_finite_stops_with_step_and_pairs(train, tiny_params, tmp_path):
    params = tiny_params.model_copy(
        update={"train": tiny_params.train.model_copy(update={"images_per_step": 2, "learning_rate": 1e30})}
    )
    with pytest.raises(
        ModelError, match=r"the loss of v1 is (nan|inf) at step \d+, pairs image\d+"
    ) as caught:
        train("v1", params=params)
    assert "learning_rate" in str(caught.value)
    assert not (tmp_path / "v1").exists()


def test_an_empty_batch_is_an_error(train, pairs):
    with pytest.raises(DataError, match="holds no pairs"):
        train("v1", chosen=pairs.iloc[:0])
