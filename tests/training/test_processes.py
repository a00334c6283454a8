"""Training and prediction in several processes, against one."""

import shlex
import signal
import sys
import time

import numpy as np
import pytest
from safetensors.torch import load_file
from two_processes import launcher
from whole_tables import write_digests

from vqatune.dataset.shards import write_shards
from vqatune.runtime.warm_start import SOCKET
from vqatune.tables import IMAGES, PREDICTIONS, read_csv, read_table

ACCELERATE = (
    *(sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"),
    *("--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"),
)
SAME = {"lora.dropout": 0.0, "train.images_per_step": 6, "train.schedule": "cosine", "train.warmup_steps": 2}


@pytest.fixture
def made(stage_folder):
    def run(name: str, changes: dict):
        stages = stage_folder(SAME | changes, name=name, copies=2)
        said = stages.run("train", "v1", "base", "01") + stages.run("predict", "v1")
        assert "one process" not in said
        log = read_csv(stages.root / "models/v1/log.csv")
        adapter = load_file(stages.root / "models/v1/adapter_model.safetensors")
        return log, adapter, read_table(stages.root / "data/predictions/v1.parquet", PREDICTIONS)

    return run


@pytest.mark.slow
def test_two_processes_give_the_losses_adapter_and_answers_of_one(made, warm_server):
    log, adapter, predictions = made("one", {})
    # The processes that accelerate starts are warm; it is not.
    accelerate = shlex.join(["env", f"{SOCKET}={warm_server.variables[SOCKET]}", *ACCELERATE])
    two = {"train.launcher": accelerate, "predict.launcher": launcher(warm_server.variables)}
    others = made("two", two)
    for column in ("loss", "smoothed_loss", "learning_rate", "gradient_norm"):
        np.testing.assert_allclose(others[0][column], log[column], atol=1e-5)
    assert others[0]["pairs_seen"].tolist() == log["pairs_seen"].tolist()
    assert adapter.keys() == others[1].keys()
    for name, value in adapter.items():
        np.testing.assert_allclose(others[1][name], value, atol=1e-5, err_msg=name)
    assert others[2][["qa_id", "prediction"]].equals(predictions[["qa_id", "prediction"]])
    np.testing.assert_allclose(others[2]["log_probability"], predictions["log_probability"], atol=1e-4)


@pytest.mark.slow
def test_two_processes_stopped_and_started_again_end_as_if_they_had_not_been(
    stage_folder, warm_server, make_params
):
    changes = SAME | {"train.launcher": launcher(warm_server.variables)}
    changes |= {"train.images_per_step": 2, "train.checkpoint_every": 1}
    whole = stage_folder(changes, name="whole", copies=3)
    whole.run("train", "v1", "base", "01")
    stages = stage_folder(changes, copies=3)
    # Each process reads its own pictures of the shards; the others read archives.
    data, seed = stages.root / "data", make_params().train.seed
    where = data / "extracted/images.parquet"
    digests = data / "digests.parquet"
    write_digests(read_table(where, IMAGES), digests)
    write_shards(
        data / "batches", 1, where, digests, str(data / "shards"), 4_000, seed, stages.root / ".work"
    )
    process = stages.start("train", "v1", "base", "01")
    while not list(stages.root.glob(".work/training/v1/*/00000000[4-9]")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGTERM and "stopped after step" in said
    assert "read from the archives" not in said
    assert not (stages.root / "models/v1").exists()
    stages.run("train", "v1", "base", "01")
    for name in ("log.csv", "adapter_model.safetensors", "training_state/optimizer.safetensors"):
        made = (stages.root / "models/v1" / name).read_bytes()
        assert made == (whole.root / "models/v1" / name).read_bytes()


@pytest.mark.slow
def test_a_launcher_that_starts_one_process_only_is_told_of(stage_folder, warm_server):
    variable = f"{SOCKET}={warm_server.variables[SOCKET]}"
    stages = stage_folder({"predict.launcher": shlex.join(["env", variable, sys.executable])})
    assert "the launcher has started one process only" in stages.run("predict", "base")


@pytest.mark.slow
def test_a_launcher_that_is_not_there_is_one_line(stage_folder):
    stages = stage_folder({"train.launcher": "no-such-launcher --processes 2"})
    process = stages.start("train", "v1", "base", "01")
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert said == (
        "error in train@v1: launcher: no-such-launcher cannot be started (No such file or directory): "
        "is it on the PATH?\n"
    )
