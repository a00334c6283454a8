"""A script and a command as they are, run in the warm process that the environment names.

`python warm.py SCRIPT ARGUMENTS…` is `python SCRIPT ARGUMENTS…`, without the seconds that importing torch takes.
"""

import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from vqatune.runtime.arithmetic import choose_arithmetic
from vqatune.runtime.warm_start import SOCKET, hand_over

RUN = [sys.executable, str(Path(__file__).resolve())]
"""What stands before a script that starts warm."""
VQATUNE = [*RUN, str(Path(sys.executable).parent / "vqatune")]
"""The command vqatune, starting warm."""
CHILDREN = "WARM_CHILDREN"
"""The environment variable with the socket for stages that the script starts, which has handed over its own."""
EXECUTABLE = "WARM_EXECUTABLE"
"""The environment variable with what sys.executable is to be, for a script that starts itself."""
SERVER = [sys.executable, str(Path(__file__).with_name("warm_server.py"))]
"""What stands before a command while which a warm process runs."""


def start_libraries(lives: int) -> str:
    """Start a warm process that lives as long as a process of this number, and return its socket's path.

    Importing the libraries takes as long as hundreds of tests, so that the processes of pytest do it once for all.
    """
    command = [*SERVER, "sh", "-c", f"echo ${SOCKET}; exec tail --pid={lives} -f /dev/null > /dev/null"]
    server = subprocess.Popen(
        command, env=_environment(""), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    with server.stdout as said:
        return said.readline().strip()


def _environment(libraries: str) -> dict[str, str]:
    # Sets have another order in its processes than in that of the tests. Whether the hub is asked is decided when its
    # library is imported, and asking where there is no network takes half a minute.
    own = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "1", "HF_HUB_OFFLINE": "1"}
    return os.environ | own | {SOCKET: libraries}


class WarmServer:
    """A process that has imported the libraries, for the tests of one process of pytest."""

    def __init__(self, libraries: str = "") -> None:
        """Start it; forked from the warm process with the socket `libraries`, it imports nothing."""
        # It lives as long as its command, which reads until its input is closed.
        command = [*SERVER, "sh", "-c", f"echo $PPID ${SOCKET}; exec cat"]
        self._server = subprocess.Popen(
            command, env=_environment(libraries), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        pid, _, path = self._server.stdout.readline().strip().partition(" ")
        self._pid = int(pid)
        self.variables = {SOCKET: path}
        """The environment in which scripts start warm; nothing but an empty name where that cannot be."""

    def processes(self) -> set[psutil.Process]:
        """Return the processes in which scripts run now."""
        return set(psutil.Process(self._pid).children())

    def stop(self) -> None:
        """End the server; a copy of its input's other end may live on in a forked process."""
        self._server.terminate()
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait(timeout=60)


class Warm(subprocess.Popen):
    """A script that runs in a warm process, which gets the signals that are sent."""

    def __init__(self, server: WarmServer, command: list[str], **options: Any) -> None:
        self._server, self._others = server, server.processes()
        options["env"] = options.get("env", os.environ) | server.variables
        super().__init__(command, **options)

    def send_signal(self, number: int) -> None:
        """Send a signal to the process that does the work; SIGTERM to the script, which passes it on."""
        if number == signal.SIGTERM:
            super().send_signal(number)
        elif self.poll() is None:
            for process in self.workers():
                process.send_signal(number)

    def workers(self) -> set[psutil.Process]:
        """Return the process that does the work, once it has begun and until it ends.

        One that was started later, and runs too, is taken for it.
        """
        return self._server.processes() - self._others


if __name__ == "__main__":
    # The environment of a test may not say which it is, and the warm process is of one.
    choose_arithmetic()
    hand_over()
    if CHILDREN in os.environ:
        os.environ[SOCKET] = os.environ.pop(CHILDREN)
    sys.executable = os.environ.get(EXECUTABLE, sys.executable)
    del sys.argv[0]
    script = Path(sys.argv[0]).absolute()
    # As Python does when it starts, which the warm process did long before.
    added = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:1] = [str(script.parent), *(path for path in added if path not in sys.path)]
    # The script's own checkout may have other code.
    for name in [name for name in sys.modules if f"{name}.".startswith("vqatune.")]:
        del sys.modules[name]
    runpy.run_path(str(script), run_name="__main__")
