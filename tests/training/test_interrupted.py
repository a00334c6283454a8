"""Training that is stopped, by every means, and started again; `make gauntlet` kills it at every write."""

import hashlib
import random
import shutil
import signal
import time
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from tiny_families import tiny_model

from vqatune.tables import IMAGES, read_table, write_table

MANY_STEPS = {"train.images_per_step": 2, "train.checkpoint_every": 1}
COPIES = 3


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _checkpoints(root: Path) -> list[Path]:
    return sorted(root.glob(".work/training/v1/*/[0-9]*"))


def _stop_after(stages, step: int, number: int, pause: float = 0.0) -> tuple[int, str]:
    """Start the stage, send it a signal once it has taken so many steps, and return its status and words."""
    process = stages.start("train", "v1", "base", "01")
    deadline = time.monotonic() + 120
    while not any(int(path.name) >= step for path in _checkpoints(stages.root)):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(pause)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    return process.returncode, said


@pytest.fixture(scope="module")
def uninterrupted(make_stage_folder, tmp_path_factory) -> dict[str, str]:
    stages = make_stage_folder(tmp_path_factory.mktemp("uninterrupted") / "stages", MANY_STEPS, COPIES)
    stages.run("train", "v1", "base", "01")
    assert not _checkpoints(stages.root)
    return _digests(stages.root / "models/v1")


@pytest.mark.slow
def test_stopped_in_every_way_and_started_again_it_ends_with_the_same_bytes(stage_folder, uninterrupted):
    stages = stage_folder(MANY_STEPS, copies=COPIES)
    status, _ = _stop_after(stages, 3, signal.SIGKILL, pause=random.Random(7).uniform(0, 0.1))
    assert status == -signal.SIGKILL
    assert not (stages.root / "models/v1").exists()

    status, said = _stop_after(stages, 7, signal.SIGTERM)
    assert status == 128 + signal.SIGTERM
    assert "train@v1: stopped after step" in said and "Traceback" not in said
    assert not (stages.root / "models/v1").exists()

    newest = _checkpoints(stages.root)[-1]
    (newest / "state.safetensors").write_bytes((newest / "state.safetensors").read_bytes()[:-8] + b"damaged!")
    # What a process leaves that is killed while it writes.
    torn = newest.parent / f".{int(newest.name) + 1:09d}.x" / "1"
    torn.mkdir(parents=True)
    (torn / "state.safetensors").write_bytes(b"half")
    status, said = _stop_after(stages, int(newest.name) + 2, signal.SIGINT)
    assert status == 128 + signal.SIGINT
    assert f"{newest.name} is damaged" in said and len(said.strip().splitlines()) == 3, said

    stages.run("train", "v1", "base", "01")
    assert _digests(stages.root / "models/v1") == uninterrupted
    assert not _checkpoints(stages.root)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "quantization"), [("blip-2", "none"), ("qwen2_5_vl", "none"), ("blip", "nf4")]
)
def test_a_version_of_any_base_that_is_killed_ends_with_the_same_bytes(
    stage_folder, tmp_path, kind, quantization
):
    changes = MANY_STEPS | {"compute.quantization": quantization}
    if kind != "blip":
        changes["lora.target_modules"] = "text_query_value_dense"
    # Few steps more than it is killed after.
    whole, killed = (stage_folder(changes, name, copies=2) for name in ("whole", "killed"))
    if kind != "blip":
        model, encoder = tiny_model(kind)
        base = tmp_path / "base"
        base.mkdir()
        encoder.family.save_checkpoint(model, encoder.processor, base, "[ENC]")
        for stages in (whole, killed):
            (stages.root / "models/base").unlink()
            (stages.root / "models/base").symlink_to(base)
    whole.run("train", "v1", "base", "01")
    assert _stop_after(killed, 4, signal.SIGKILL)[0] == -signal.SIGKILL
    assert not (killed.root / "models/v1").exists() and _checkpoints(killed.root)
    killed.run("train", "v1", "base", "01")
    assert _digests(killed.root / "models/v1") == _digests(whole.root / "models/v1")


@pytest.mark.slow
def test_processes_that_read_pictures_make_no_difference(stage_folder, uninterrupted):
    stages = stage_folder(MANY_STEPS | {"compute.loader_processes": 2}, copies=COPIES)
    stages.run("train", "v1", "base", "01")
    assert _digests(stages.root / "models/v1") == uninterrupted


@pytest.mark.slow
def test_a_second_training_of_the_same_version_is_refused(stage_folder):
    stages = stage_folder(MANY_STEPS, copies=2)
    first = stages.start("train", "v1", "base", "01")
    while not _checkpoints(stages.root):
        assert first.poll() is None, first.stderr.read()
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)
    second = stages.start("train", "v1", "base", "01")
    said = second.communicate(timeout=60)[1]
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 1
    assert (
        said.startswith("error in train@v1: it is already running in this folder") and said.count("\n") == 1
    )
    assert first.wait(timeout=60) == 0
    first.stderr.close()


@pytest.mark.slow
def test_a_checkpoint_of_another_learning_rate_is_not_used(stage_folder):
    stages = stage_folder(MANY_STEPS, copies=2)
    _stop_after(stages, 3, signal.SIGKILL)
    parameters = stages.root / "params.yaml"
    text = parameters.read_text()
    assert "learning_rate: 0.002" in text
    parameters.write_text(text.replace("learning_rate: 0.002", "learning_rate: 0.001"))
    said = stages.run("train", "v1", "base", "01")
    assert "belongs to other data, parameters or base: not used" in said
    log = (stages.root / "models/v1/log.csv").read_text().splitlines()
    assert len(log) == 12 + 1 and all(",0.001," in line for line in log[1:])


@pytest.mark.slow
def test_a_version_is_not_gone_on_with_where_its_pictures_have_changed(stage_folder):
    """One picture of the first step, say, was fetched anew: what was trained with the old one counts no more."""
    made = {}
    for name in ("whole", "killed"):
        stages = stage_folder(MANY_STEPS, name, copies=2)
        where = stages.root / "data/extracted/images.parquet"
        images = read_table(where, IMAGES)
        archive = Path(shutil.copy(images["archive"].iloc[0], stages.root / "pictures.tar"))
        write_table(images.assign(archive="pictures.tar"), where, IMAGES)
        if name == "killed":
            _stop_after(stages, 8, signal.SIGKILL)
        place = images.sort_values("length").iloc[-1]
        red = BytesIO()
        Image.new("RGB", (8, 8), "red").save(red, "JPEG")
        with archive.open("r+b") as file:
            file.seek(place["offset"])
            file.write(red.getvalue().ljust(place["length"], b"\0"))
        said = stages.run("train", "v1", "base", "01")
        assert ("saw other pictures: training starts anew" in said) == (name == "killed")
        made[name] = _digests(stages.root / "models/v1")
    assert made["killed"] == made["whole"]
