"""Parts that are done once each: processes that are killed, jobs of an array, and errors that name a part."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from vqatune.errors import DataError, ParameterError
from vqatune.runtime.parts import map_parts, parse_share

STAGE = """
import os, signal, sys, time
from functools import partial
from pathlib import Path

from common import run
from vqatune.errors import DataError
from vqatune.runtime.parts import map_parts, stop_here_in_job_array
from vqatune.runtime.progress import map_chunks, workers
from vqatune.runtime.output import say


def double(number):
    return 2 * number


def work(number, times):
    with open("ran.txt", "a") as file:
        file.write(f"{times}{number} ")
    event = Path(f"at-{times}{number}")
    if event.exists():
        does = event.read_text()
        if does == "kill once":
            event.unlink()
        if does == "kill the driver":
            event.unlink()
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        if does.startswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
    inner = list(map_chunks(double, [number, number]))
    return {"number": number * times, "workers": workers(), "inner": tuple(inner)}


def main(params):
    tallies = [
        map_parts(partial(work, times=times), 4, Path(f".work/toy/{times}"), f"taking {times} times")
        for times in (1, 10)
    ]
    stop_here_in_job_array()
    say([tally["number"] for parts in tallies for tally in parts])


if __name__ == "__main__":
    run(main, parts=True)
"""
RESULT = "[0, 1, 2, 3, 0, 10, 20, 30]\n"


@pytest.fixture
def start(tmp_path, repository):
    """Start the stage, in two worker processes."""
    (tmp_path / "stages").mkdir()
    shutil.copy(repository / "stages" / "common.py", tmp_path / "stages")
    shutil.copy(repository / "params.yaml", tmp_path)
    (tmp_path / "src").symlink_to(repository / "src")
    (tmp_path / "stages" / "toy.py").write_text(STAGE)

    def start(*arguments: str, workers: int = 2) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "stages/toy.py", *arguments],
            cwd=tmp_path,
            env=os.environ | {"VQATUNE_WORKERS": str(workers)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def stage(start):
    """Run the stage; return its exit status and what it says on standard output and error."""

    def stage(*arguments: str, workers: int = 2) -> tuple[int, str, str]:
        process = start(*arguments, workers=workers)
        out, error = process.communicate(timeout=60)
        return process.returncode, out, error

    return stage


def ran(folder) -> list[str]:
    return sorted((folder / "ran.txt").read_text().split())


def test_the_part_of_a_killed_worker_is_repeated_and_a_killed_driver_goes_on(start, stage, tmp_path):
    (tmp_path / "at-11").write_text("kill once")
    (tmp_path / "at-102").write_text("kill the driver")
    process = start()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    before = ran(tmp_path)
    assert [before.count(part) for part in ("10", "11", "12", "13", "102")] == [1, 2, 1, 1, 1]
    # Both workers were in use, so that none starts more.
    assert json.loads((tmp_path / ".work/toy/1/00000.json").read_text())["workers"] == 1
    assert stage() == (0, RESULT, "")
    again = ran(tmp_path)
    assert [again.count(part) for part in ("10", "11", "12", "13", "102")] == [1, 2, 1, 1, 2]


def test_a_part_whose_workers_are_always_killed_is_one_line(stage, tmp_path):
    (tmp_path / "at-12").write_text("kill")
    status, out, error = stage()
    assert (status, out, error.count("\n")) == (1, "", 1)
    assert error.startswith(
        "error in toy: part 3 of 4 of taking 1 times: the worker process was killed (SIGKILL) 4 times"
    )
    assert "set VQATUNE_WORKERS to a lower number, make more parts" in error


def test_the_jobs_of_an_array_share_the_parts_and_a_whole_run_writes(stage, tmp_path):
    status, out, error = stage("--part", "1/2", workers=1)
    assert (status, out) == (75, "")
    assert error == (
        "toy: part 1 of 2 has done its share of `taking 1 times`; 2 of 4 parts are not done yet by the other jobs: run "
        "the array again when they have ended\n"
    )
    assert ran(tmp_path) == ["10", "12"]
    status, out, error = stage("--part", "2/2", workers=1)
    assert (status, out) == (75, "") and "`taking 10 times`; 2 of 4" in error
    assert ran(tmp_path) == ["10", "101", "103", "11", "12", "13"]
    assert stage("--part", "1/2", workers=1) == (
        0,
        "toy: all parts are done: `dvc repro toy` writes the tables\n",
        "",
    )
    assert stage(workers=1) == (0, RESULT, "")
    assert len(ran(tmp_path)) == 8


@pytest.mark.parametrize("part", ["", "0/2", "3/2", "1/0", "1", "a/b", "-1/2"])
def test_a_share_that_is_none_is_an_error(part):
    with pytest.raises(ParameterError, match="must be a job's number and how many there are: 7/64"):
        parse_share("filter", part)


def test_a_stage_without_parts_refuses_a_share(stage, tmp_path):
    script = tmp_path / "stages" / "toy.py"
    script.write_text(script.read_text().replace("parts=True", ""))
    status, _, error = stage("--part", "1/2")
    assert status == 1
    assert error == "error in toy: this stage has no parts that jobs could share: leave --part out\n"


def fail(number: int) -> dict:
    raise DataError("the table is empty")


def break_off(number: int) -> dict:
    raise ValueError("no")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_errors_name_the_part(tmp_path, monkeypatch, workers):
    monkeypatch.setenv("VQATUNE_WORKERS", workers)
    with pytest.raises(DataError, match="^part [1-3] of 3 of checking: the table is empty$"):
        map_parts(fail, 3, tmp_path, "checking")
    with pytest.raises(ValueError) as caught:
        map_parts(break_off, 3, tmp_path, "checking")
    assert caught.value.__notes__ in [[f"It is of part {number} of 3 of checking."] for number in (1, 2, 3)]
    assert list(tmp_path.iterdir()) == []


def count_workers(number: int) -> dict:
    return {"workers": os.environ["VQATUNE_WORKERS"], "here": os.getpid()}


def test_a_single_part_has_all_workers(tmp_path, monkeypatch):
    monkeypatch.setenv("VQATUNE_WORKERS", "3")
    assert map_parts(count_workers, 1, tmp_path / "1", "one") == [{"workers": "3", "here": os.getpid()}]
    # The last that is missing has them, too, in a process that may be killed.
    done = tmp_path / "2"
    done.mkdir()
    (done / "00001.json").write_text('{"workers": "0"}')
    last, other = map_parts(count_workers, 2, done, "two")
    assert last["workers"] == "3" and last["here"] != os.getpid() and other == {"workers": "0"}
