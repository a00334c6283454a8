"""Worker processes: what they return, and how they end."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from vqatune.runtime.progress import map_chunks

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from vqatune.runtime.progress import map_chunks

def work(part):
    if part == "kill" or part == "kill once" and not Path("killed").exists():
        Path("killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if part == "exit":
        os._exit(3)
    if part == "fail":
        raise ValueError("no")
    if part == "wait":
        time.sleep(600)
    return part

if __name__ == "__main__":
    for result in map_chunks(work, sys.argv[1:], "working"):
        print(result, flush=True)
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a script that works on these parts in two worker processes."""
    monkeypatch.setenv("VQATUNE_WORKERS", "2")
    (tmp_path / "script.py").write_text(SCRIPT)

    def start(*parts: str) -> subprocess.Popen:
        command = [sys.executable, tmp_path / "script.py", *parts]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )

    return start


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent_whatever_ends_it(start, number):
    process = start("a", "wait", "wait")
    assert process.stdout.readline() == "a\n"
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    assert process.wait(10) == -number
    # They hold its output, which is at its end when they have gone.
    assert process.communicate(timeout=60)[0] == ""
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert len(workers) >= 2 and alive == []


def test_an_error_waits_for_no_other_part(start):
    begin = time.monotonic()
    said, error = start("a", "fail", "wait", "wait").communicate(timeout=60)
    assert said == "a\n" and error.splitlines()[-1] == "ValueError: no"
    assert time.monotonic() - begin < 60


def test_a_killed_worker_is_replaced_and_its_chunk_repeated(start):
    process = start("a", "kill once", "b", "c", "d", "e")
    assert process.communicate(timeout=60) == ("a\nkill once\nb\nc\nd\ne\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (
            "kill",
            r"the worker process was killed \(SIGKILL\) 4 times, .* set VQATUNE_WORKERS to a lower number",
        ),
        ("exit", "the worker process ended by itself, with status 3"),
    ],
)
def test_a_chunk_whose_workers_are_always_killed_is_named(start, part, said):
    out, error = start("a", part, "b").communicate(timeout=60)
    assert out == "a\n"
    assert re.search(f"WorkerKilledError: chunk 2 of 3 of working: {said}", error.splitlines()[-1])


def test_chunks_are_taken_as_they_are_needed(monkeypatch):
    monkeypatch.setenv("VQATUNE_WORKERS", "2")
    taken = []

    def chunks() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield -number

    results = map_chunks(abs, chunks())
    for number in range(100):
        assert next(results) == number
        assert len(taken) < number + 40
    results.close()
    assert len(taken) < 140
    assert list(map_chunks(abs, iter([-3, -2]), total=2)) == [3, 2] and list(map_chunks(abs, iter([]))) == []
