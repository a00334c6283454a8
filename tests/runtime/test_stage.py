import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from vqatune.errors import DataError
from vqatune.runtime.stage import timings

STAGE = """
from common import run
from vqatune.errors import DataError
from vqatune.runtime.progress import map_chunks, track


def double(number):
    return 2 * number


def main(params, kind="well"):
    if kind == "badly":
        raise DataError("the table is empty: run the stage before")
    if kind == "stopped":
        raise KeyboardInterrupt
    print(list(track(map_chunks(double, [1, 2, 3], "doubling"), "tracking", 3)))


if __name__ == "__main__":
    run(main, for_each=True)
"""


@pytest.fixture
def stage(tmp_path, repository, warm_server):
    (tmp_path / "stages").mkdir()
    shutil.copy(repository / "stages" / "common.py", tmp_path / "stages")
    shutil.copy(repository / "params.yaml", tmp_path)
    (tmp_path / "src").symlink_to(repository / "src")
    (tmp_path / "stages" / "toy.py").write_text(STAGE)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "stages/toy.py", *arguments]
        environment = os.environ | warm_server.variables | environment
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.parametrize("workers", ["1", "3"])
def test_a_stage_runs_with_any_number_of_workers(stage, tmp_path, workers):
    done = stage(VQATUNE_WORKERS=workers)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[2, 4, 6]\n", "")
    record = json.loads((tmp_path / ".work" / "timings" / "toy.json").read_text())
    assert record["stage"] == "toy" and record["seconds"] > 0 and record["peak_mb"] > 10


def test_an_error_of_ours_is_one_line_and_a_failure(stage, tmp_path):
    done = stage("badly")
    assert done.returncode == 1
    assert done.stderr == "error in toy@badly: the table is empty: run the stage before\n"
    assert not (tmp_path / ".work" / "timings").exists()


def test_wrong_parameters_are_one_line_and_a_failure(stage, tmp_path):
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    done = stage()
    assert done.returncode == 1
    assert done.stderr.startswith("error in toy: params.yaml: ") and done.stderr.count("\n") == 1


def test_an_interrupted_stage_says_so_without_a_traceback(stage):
    done = stage("stopped")
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["importing", "working"])
def test_a_signal_is_one_line_from_the_first_moment_on(stage, tmp_path, repository, number, moment):
    """Each in its own process, which says when it is where the signal shall come."""
    wait = "print('here', flush=True); import time; time.sleep(60)"
    text = (
        STAGE.replace("from vqatune.errors", f"{wait}\nfrom vqatune.errors")
        if moment == "importing"
        else STAGE
    )
    text = text.replace("raise KeyboardInterrupt", wait)
    (tmp_path / "stages" / "toy.py").write_text(text)
    command = [sys.executable, "stages/toy.py", "stopped"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "here\n"
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert said.endswith(": stopped; `dvc repro` goes on from here\n") and said.count("\n") == 1


def test_timings_come_longest_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert timings() == []
    (tmp_path / ".work" / "timings").mkdir(parents=True)
    for name, seconds in (("raw", 1.5), ("base", 60.0)):
        record = {"stage": name, "seconds": seconds, "peak_mb": 100}
        (tmp_path / ".work" / "timings" / f"{name}.json").write_text(json.dumps(record))
    assert [record["stage"] for record in timings()] == ["base", "raw"]
    (tmp_path / ".work/timings/raw.json").write_bytes(b"\x00\xff")
    with pytest.raises(DataError, match=r"raw\.json is damaged .*: delete it"):
        timings()


@pytest.mark.slow
def test_no_stage_imports_torch_that_does_not_need_it(repository):
    # In one process, which has torch from the first stage on that imports it.
    script = """
import importlib, sys
sys.path[:0] = ["stages", "src"]
for stage in sys.argv[1:]:
    importlib.import_module(stage)
    if "torch" in sys.modules:
        sys.exit(f"{stage} imports torch")
"""
    stages = ["raw", "extract", "filter", "sample", "generate", "split", "tasks", "batch", "eval", "report"]
    done = subprocess.run(
        [sys.executable, "-c", script, *stages], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
