"""Scripts that run one after the other in forks of one warm process: a run takes a tenth of a second more than its work.

`python forks.py FOLDER`, warm by `warm.RUN` before it, reads a line of JSON for each: the script and its arguments. It says the
process's number, and its exit status when it has ended. What is printed is in files.
"""

import json
import os
import resource
import runpy
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from warm import RUN, Warm, WarmServer


class Ended(NamedTuple):
    """What a process ended with."""

    status: int
    """Negative: the signal's number."""
    out: str
    err: str


class Forks:
    """Runs scripts in a folder, in forks of a process of its own, which ends with the test's process or by `stop`."""

    def __init__(self, server: WarmServer, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.process = folder, 0
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        environment = environment | {"PYTHONPATH": str(folder / "src")}
        command = [*RUN, __file__, str(folder)]
        self._forking = Warm(server, command, cwd=folder.parent, env=environment, **pipes)
        # The server may still import the libraries, which is no part of a script's time.
        assert self._forking.stdout.readline() == "ready\n"

    def start(self, command: list[str]) -> None:
        """Start a script; the one before must have ended."""
        print(json.dumps(command), file=self._forking.stdin, flush=True)
        self.process = int(self._forking.stdout.readline())

    def kill(self) -> None:
        """Kill the process; one that has ended is not waited for before `wait`, so that its number is still its own."""
        os.kill(self.process, signal.SIGKILL)

    def wait(self, seconds: float) -> Ended:
        """Wait for the process, not longer; return what it ended with."""
        if not select.select([self._forking.stdout], [], [], seconds)[0]:
            self.kill()
            raise TimeoutError(f"it had not ended after {seconds} seconds: {self._text('err')}")
        assert self._forking.stdout.readline() == "ended\n"
        print(file=self._forking.stdin, flush=True)
        return Ended(int(self._forking.stdout.readline()), self._text("out"), self._text("err"))

    def _text(self, name: str) -> str:
        return (self.folder.parent / f"{name}.txt").read_text()

    def stop(self) -> None:
        """End the process that forks."""
        self._forking.stdin.close()
        self._forking.wait(timeout=60)
        self._forking.stdout.close()


def run_script(
    command: list[str], folder: Path, out: Path, err: Path, before: Callable[[], None] | None = None
) -> None:
    """Run a script in this forked process as Python would, and end it; `before` is called just before."""
    status = 99
    try:
        os.chdir(folder)
        for stream, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv = command
        sys.path[0] = str(Path(command[0]).absolute().parent)
        try:
            if before:
                before()
            runpy.run_path(command[0], run_name="__main__")
            status = 0
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else int(left.code is not None)
        except BaseException:  # noqa: BLE001 - what Python itself would do
            sys.excepthook(*sys.exc_info())
        threading._shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def address_space() -> int:
    """Return the bytes of this process's address space."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def main(folder: Path) -> None:
    """Run what is asked for, until the input ends."""
    out, err = (folder.parent / f"{name}.txt" for name in ("out", "err"))
    answers = os.dup(1)
    os.write(answers, b"ready\n")
    for line in iter(sys.stdin.readline, ""):
        process = os.fork()
        if not process:
            os.close(answers)
            run_script(json.loads(line), folder, out, err)
        os.write(answers, f"{process}\n".encode())
        # Not reaped before the other side has looked, as it may send the process a signal until then.
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        os.write(answers, b"ended\n")
        sys.stdin.readline()
        os.write(answers, f"{os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
