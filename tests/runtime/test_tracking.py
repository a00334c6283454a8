"""Trainings that are watched while they run: what the trackers have is what log.csv has, and nothing else changes."""

import importlib.util
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from tensorboardX.proto.event_pb2 import Event
from warm import RUN, Warm

from vqatune.errors import ParameterError
from vqatune.tables import read_csv
from vqatune.training.loop import train_version

COPIES = 4
STEPS = 6 * COPIES
MANY_STEPS = {"train.images_per_step": 2, "train.checkpoint_every": 7}

ONE_LINE = re.compile(r"train v\d+, .*; left 0:00:00\n")
"""What a training says at its end, where there is no terminal."""


def _live(work: Path, version: str = "v1") -> pd.DataFrame:
    """Return what DVCLive's files hold, as a log."""
    files = sorted((work / "live" / version / "plots" / "metrics").glob("*.tsv"))
    assert files
    return pd.concat([pd.read_csv(file, sep="\t", index_col="step") for file in files], axis=1)


def _events(work: Path, version: str = "v1") -> list[Event]:
    """Return the events of TensorBoard's only file: records of a length, its sum, so many bytes, their sum."""
    (path,) = (work / "tensorboard" / version).iterdir()
    content, events = path.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        events.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return events


def _scalars(work: Path) -> pd.DataFrame:
    """Return what TensorBoard's file holds, as a log; a step that it has twice fails."""
    rows = [
        (event.step, value.tag, value.simple_value)
        for event in _events(work)
        for value in event.summary.value
        if value.WhichOneof("value") == "simple_value"
    ]
    return pd.DataFrame(rows, columns=["step", "tag", "value"]).pivot(
        index="step", columns="tag", values="value"
    )


def _assert_same(seen: pd.DataFrame, log: pd.DataFrame, close: bool = False) -> None:
    wanted = log.set_index("step")
    # TensorBoard keeps single precision.
    pd.testing.assert_frame_equal(
        seen[wanted.columns], wanted, check_exact=not close, check_dtype=False, check_names=False, rtol=1e-6
    )
    assert set(seen.columns) == set(wanted.columns)


@pytest.fixture
def train(tiny_with, tiny_base, pairs, places, tmp_path):
    def run(changes: dict | None = None, version: str = "v1") -> tuple[pd.DataFrame, Path]:
        params = tiny_with({"train.images_per_step": 2} | (changes or {}))
        folder = tmp_path / "models" / version
        train_version(params, version, tiny_base, None, pairs, places, folder, tmp_path / "work")
        return read_csv(folder / "log.csv"), tmp_path / "work"

    return run


def test_dvclive_has_every_row_of_the_log_and_the_parameters(train):
    log, work = train()
    assert len(log) == 6
    _assert_same(_live(work), log)
    latest = json.loads((work / "live/v1/metrics.json").read_text())
    assert latest == log.iloc[-1].to_dict()
    told = yaml.safe_load((work / "live/v1/params.yaml").read_text())
    assert told["lora"]["r"] == 8 and told["train"]["images_per_step"] == 2
    assert not (work / "tensorboard").exists() and not (work / "wandb").exists()


def test_a_training_that_is_done_again_is_not_added_to_the_one_before(train, monkeypatch):
    # What a user's own trainings with DVCLive may want.
    monkeypatch.setenv("DVCLIVE_RESUME", "1")
    asked = {"train.report_to": ["tensorboard"]}
    train(asked)
    log, work = train(asked | {"train.learning_rate": 0.001})
    _assert_same(_live(work), log)
    _assert_same(_scalars(work), log, close=True)


def test_versions_are_watched_side_by_side(train):
    first, work = train()
    second, _ = train({"train.seed": 5}, version="v2")
    _assert_same(_live(work, "v1"), first)
    _assert_same(_live(work, "v2"), second)


def test_tensorboard_has_every_row_and_the_parameters_as_text(train):
    log, work = train({"train.report_to": ["tensorboard", "tensorboard"]})
    _assert_same(_scalars(work), log, close=True)
    texts = [
        value.tensor.string_val[0].decode()
        for event in _events(work)
        for value in event.summary.value
        if value.WhichOneof("value") == "tensor"
    ]
    assert len(texts) == 1 and "    lora:\n      r: 8\n" in texts[0]


@pytest.mark.slow
def test_after_a_kill_the_trackers_go_on_without_gap_or_repetition(stage_folder):
    stages = stage_folder(MANY_STEPS, copies=COPIES)
    process = stages.start("train", "v1", "base", "01")
    deadline = time.monotonic() + 120
    losses = stages.root / ".work/live/v1/plots/metrics/loss.tsv"
    # Two steps and more after a checkpoint, which will be taken again.
    while not losses.exists() or len(losses.read_text().splitlines()) < 17:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (stages.root / "models/v1").exists()
    parameters = yaml.safe_load((stages.root / "params.yaml").read_text())
    parameters["train"]["report_to"] = ["tensorboard"]
    (stages.root / "params.yaml").write_text(yaml.safe_dump(parameters))

    said = stages.run("train", "v1", "base", "01")
    assert ONE_LINE.fullmatch(said)
    log = read_csv(stages.root / "models/v1/log.csv")
    assert len(log) == STEPS
    _assert_same(_live(stages.root / ".work"), log)
    _assert_same(_scalars(stages.root / ".work"), log, close=True)


@pytest.mark.slow
def test_what_is_watched_changes_nothing_in_git_and_says_nothing_more(stage_folder, monkeypatch):
    stages = stage_folder(MANY_STEPS)

    def git(*arguments: str) -> str:
        person = ["-c", "user.name=A Tester", "-c", "user.email=tester@example.com"]
        done = subprocess.run(
            ["git", *person, *arguments], cwd=stages.root, check=True, capture_output=True, text=True
        )
        return done.stdout

    def state() -> str:
        return (
            git("status", "--porcelain", "--untracked-files=all") + git("for-each-ref") + git("log", "--all")
        )

    (stages.root / ".gitignore").write_text("/.work/\n/models/\n/data/\n")
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "before")
    before = state()
    # A git repository in which nobody has set DVC up stays one.
    assert ONE_LINE.fullmatch(stages.run("train", "v1", "base", "01"))
    assert state() == before and not (stages.root / ".dvc").exists()
    assert not (stages.root / ".work/live").exists()

    dvc = str(Path(sys.executable).parent / "dvc")
    assert Warm(stages.server, [*RUN, dvc, "init", "--quiet"], cwd=stages.root).wait(60) == 0
    git("add", "--all")
    git("commit", "--quiet", "--message", "with DVC")
    before = state()
    # What DVC sets in an experiment.
    for name, value in {
        "DVC_ROOT": str(stages.root),
        "DVC_EXP_NAME": "attempt",
        "DVC_EXP_BASELINE_REV": git("rev-parse", "HEAD").strip(),
    }.items():
        monkeypatch.setenv(name, value)
    assert ONE_LINE.fullmatch(stages.run("train", "v2", "base", "01"))
    assert state() == before
    _assert_same(_live(stages.root / ".work", "v2"), read_csv(stages.root / "models/v2/log.csv"))


@pytest.mark.parametrize("name", ["tensorbord", "all", "mlflow"])
def test_an_unknown_tracker_is_refused_by_name(make_params, name):
    with pytest.raises(ParameterError) as caught:
        make_params({"train.report_to": ["tensorboard", name]})
    assert f"train.report_to.1 is {name!r}, but must be 'tensorboard' or 'wandb'" in str(caught.value)


@pytest.mark.skipif(importlib.util.find_spec("wandb") is not None, reason="wandb is installed here")
def test_a_tracker_that_is_not_installed_is_named_before_anything_is_read(tiny_with, pairs, tmp_path):
    params = tiny_with({"train.report_to": ["wandb"]})
    with pytest.raises(ParameterError) as caught:
        nowhere = tmp_path / "nowhere"
        train_version(params, "v1", nowhere, None, pairs, pd.DataFrame(), tmp_path / "v1", tmp_path / "work")
    assert "train.report_to asks for wandb, which is not installed: `pip install wandb`" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


WANDB = """
import json, os
from . import errors

class Config(dict):
    def update(self, values, allow_val_change=False):
        _write("config", values)

class Run:
    def log(self, values, step=None):
        _write("log", values | {"step": step})
    def finish(self):
        _write("finish", {})

config = Config()

def _write(what, values):
    with open("wandb.jsonl", "a") as file:
        file.write(json.dumps([what, values]) + "\\n")

def init(**arguments):
    if os.environ.get("WANDB_MODE") != "offline":
        raise errors.UsageError("api_key not configured (no-tty).\\n call wandb.login(key=[your_api_key])")
    _write("init", arguments)
    return Run()
"""
"""A stand-in for the package: what it is called with goes into a file, and without an account it begins no run."""


@pytest.fixture
def wandb(tmp_path, monkeypatch):
    if importlib.util.find_spec("wandb") is not None:
        pytest.skip("wandb is installed here, and a stand-in would hide it")
    package = tmp_path / "packages" / "wandb"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(WANDB)
    (package / "errors.py").write_text(
        "class Error(Exception):\n    pass\n\n\nclass UsageError(Error):\n    pass\n"
    )
    # Accelerate takes a package for installed when it has metadata.
    metadata = package.parent / "wandb-0.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: wandb\nVersion: 0.0\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("WANDB_MODE", "offline")


@pytest.mark.slow
def test_weights_and_biases_is_given_every_row_in_a_run_named_after_the_version(stage_folder, wandb):
    stages = stage_folder({"train.images_per_step": 2, "train.report_to": ["wandb"]})
    stages.run("train", "v1", "base", "01")
    (_, begun), (_, told), *rows, (last, _) = map(
        json.loads, (stages.root / "wandb.jsonl").read_text().splitlines()
    )
    assert begun == {"project": "vqatune", "name": "v1", "dir": ".work"}
    assert told["lora"]["r"] == 8 and last == "finish"
    seen = pd.DataFrame([values for _, values in rows]).set_index("step")
    _assert_same(seen, read_csv(stages.root / "models/v1/log.csv"), close=True)


@pytest.mark.slow
def test_weights_and_biases_without_an_account_is_one_line_that_says_what_to_do(
    stage_folder, wandb, monkeypatch
):
    monkeypatch.delenv("WANDB_MODE")
    stages = stage_folder({"train.report_to": ["wandb"]})
    process = stages.start("train", "v1", "base", "01")
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1 and said.count("\n") == 1, said
    assert said.startswith(
        "error in train@v1: Weights & Biases lets no run of v1 begin (api_key not configured"
    )
    assert "WANDB_MODE=offline" in said
