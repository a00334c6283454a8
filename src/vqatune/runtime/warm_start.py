"""Stages that start warm: `python -m vqatune.runtime.warm_start dvc repro`, on Linux.

Importing torch, transformers and peft takes longer than a showroom stage computes. Here one process imports these
libraries once, runs a command such as `dvc repro`, and forks itself for every stage that the command starts. A stage's
script asks for that over a Unix socket (`hand_over`), and from then on passes signals on and waits: its exit status,
output and arguments are those of the stage. This package is imported after the fork, so edited code is never stale.
Elsewhere than on Linux, where forking such a process is not safe, the command simply runs.
"""

import array
import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

SOCKET = "VQATUNE_WARM_START"
"""The environment variable with the socket's path."""
LIBRARIES = (
    *("pydantic", "rich.progress", "pandas", "pyarrow.parquet", "PIL.Image"),
    *("torch", "safetensors.torch", "transformers.models.blip.modeling_blip"),
    *("transformers.models.blip.processing_blip", "transformers.models.blip.image_processing_pil_blip"),
    *("transformers.models.bert.tokenization_bert", "peft", "accelerate", "dvclive"),
)
"""What is imported before the fork: libraries only. The first stages need no torch, so it costs no time to wait."""
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STANDARD_STREAMS = 3
_PR_SET_PDEATHSIG = 1


def hand_over() -> None:
    """Let a warm process run this script, and exit as it does; return where there is no such process."""
    path = os.environ.pop(SOCKET, None)
    if path is None:
        return
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError:
        return
    request = json.dumps({"argv": sys.argv, "cwd": os.getcwd(), "environment": dict(os.environ)}).encode()
    streams = array.array("i", range(_STANDARD_STREAMS))
    connection.sendmsg([len(request).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    connection.sendall(request)
    process = int.from_bytes(_receive(connection, 4), "big")

    def pass_on(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)

    for number in PASSED_ON:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, pass_on)
    status = int.from_bytes(_receive(connection, 4), "big", signed=True)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _receive(connection: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        more = connection.recv(length - len(content))
        if not more:
            raise ConnectionError("the process that runs the stages has ended")
        content += more
    return content


def run_command(command: list[str]) -> int:
    """Run a command whose stages start warm; return its exit status."""
    # No TemporaryDirectory, which a stage would clean up when it exits.
    folder = Path(tempfile.mkdtemp(prefix="vqatune-"))
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "warm-start"))
            listener.listen()
            for number in PASSED_ON:
                # The terminal sends them to the command and its stages, too, which end by themselves.
                signal.signal(number, signal.SIG_IGN)
            main = subprocess.Popen(
                command,
                env=os.environ | {SOCKET: str(folder / "warm-start")},
                preexec_fn=_default_signals,  # noqa: PLW1509 - no thread runs here yet
            )
            for library in LIBRARIES:
                # A command that had nothing to do has ended by now.
                if main.poll() is None:
                    importlib.import_module(library)
            # Garbage collection in a stage passes over, and copies, nothing of the libraries.
            gc.freeze()
            _serve(listener, main)
            return main.returncode
    finally:
        shutil.rmtree(folder)


def _serve(listener: socket.socket, main: subprocess.Popen) -> None:
    """Fork for every request until the command and all stages have ended."""
    stages: dict[int, socket.socket] = {}
    ended, notify = os.pipe()
    os.set_blocking(notify, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(notify)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        while main.poll() is None or stages:
            for key, _ in selector.select(timeout=1):
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    stages[_start(connection, [listener, *stages.values()], (ended, notify))] = connection
                    selector.register(connection, selectors.EVENT_READ)
                elif key.fileobj == ended:
                    os.read(ended, 4096)
                else:
                    # Nothing is sent after the request: the script was killed, and its stage ends with it.
                    selector.unregister(key.fileobj)
                    process = next((pid for pid, other in stages.items() if other is key.fileobj), None)
                    if process is not None:
                        os.kill(process, signal.SIGKILL)
            for process, connection in list(stages.items()):
                done, status = os.waitpid(process, os.WNOHANG)
                if done:
                    del stages[process]
                    with contextlib.suppress(KeyError, ValueError):
                        selector.unregister(connection)
                    with contextlib.suppress(OSError):
                        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
                    connection.close()


def _start(connection: socket.socket, others: list[socket.socket], pipe: tuple[int, int]) -> int:
    """Fork a process that runs the requested script, tell its number over the connection, and return it."""
    size, ancillary, _, _ = connection.recvmsg(4, socket.CMSG_SPACE(4 * _STANDARD_STREAMS))
    streams = array.array("i")
    streams.frombytes(ancillary[0][2])
    request = json.loads(_receive(connection, int.from_bytes(size, "big")))
    process = os.fork()
    if process:
        for stream in streams:
            os.close(stream)
        connection.sendall(process.to_bytes(4, "big"))
        return process
    try:
        signal.set_wakeup_fd(-1)
        _default_signals()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # Signals of the terminal come through the script that asked, once.
        os.setpgid(0, 0)
        for other in (*others, connection):
            other.close()
        for descriptor in pipe:
            os.close(descriptor)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os._exit(_run_script(request))
    finally:
        os._exit(1)


def _run_script(request: dict) -> int:
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["argv"]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    status = 0
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:  # noqa: BLE001 - what Python itself would do
        sys.excepthook(*sys.exc_info())
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _default_signals() -> None:
    for number in (*PASSED_ON, signal.SIGCHLD):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


if __name__ == "__main__":
    if sys.platform != "linux":
        os.execvp(sys.argv[1], sys.argv[1:])
    sys.exit(run_command(sys.argv[1:]))
