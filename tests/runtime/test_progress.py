"""Worker processes: what they return, and how they end."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

SCRIPT = """
import sys, time
from vqatune.runtime.progress import map_parts

def work(part):
    if part == "fail":
        raise ValueError("no")
    if part == "wait":
        time.sleep(600)
    return part

if __name__ == "__main__":
    for result in map_parts(work, sys.argv[1:]):
        print(result, flush=True)
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a script that works on these parts in two worker processes."""
    monkeypatch.setenv("VQATUNE_WORKERS", "2")
    (tmp_path / "script.py").write_text(SCRIPT)

    def start(*parts: str) -> subprocess.Popen:
        command = [sys.executable, tmp_path / "script.py", *parts]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent_whatever_ends_it(start, number):
    process = start("a", "wait", "wait")
    assert process.stdout.readline() == "a\n"
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    assert process.wait(10) == -number
    # They hold its output, which is at its end when they have gone.
    assert process.communicate(timeout=10)[0] == ""
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert len(workers) >= 2 and alive == []


def test_an_error_waits_for_no_other_part(start):
    begin = time.monotonic()
    said, error = start("a", "fail", "wait", "wait").communicate(timeout=60)
    assert said == "a\n" and error.splitlines()[-1] == "ValueError: no"
    assert time.monotonic() - begin < 60
