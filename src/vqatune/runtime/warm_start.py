"""Stages that start warm: `python -m vqatune.runtime.warm_start dvc repro`, on Linux.

Importing torch, transformers and peft takes longer than a showroom stage computes. Here one process, the server, imports
these libraries once, runs a command such as `dvc repro`, and forks itself for every stage that the command starts. A
stage's script asks for that over a Unix socket (`hand_over`) and waits: its exit status, output and arguments are those
of the stage. The stage stays in the process group of the terminal, which sends its signals to all of them. This package
is imported after the fork, so edited code is never stale. Elsewhere than on Linux, where forking such a process is not
safe, the command simply runs.
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
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from vqatune.runtime.arithmetic import arithmetic_in_use, choose_arithmetic
from vqatune.runtime.locked_folders import make_locked_folder, remove_unlocked_folders

SOCKET = "VQATUNE_WARM_START"
"""The environment variable with the socket's path, whose name is the arithmetic of the libraries."""
LIBRARIES = (
    *("pydantic", "rich.progress", "pandas", "pyarrow.parquet", "PIL.Image"),
    *("torch", "safetensors.torch", "transformers.models.blip.modeling_blip"),
    *("transformers.models.blip.processing_blip", "transformers.models.blip.image_processing_pil_blip"),
    *("transformers.models.bert.tokenization_bert", "peft", "accelerate", "dvclive"),
)
"""Imported before the fork, while the command starts."""
_FOLDER = "vqatune-"
"""What the name of the folder with the socket begins with."""
_LONGEST_FOLDER = 76
"""Bytes of the path of its folder: a socket's path has at most 107 on Linux."""
_OF_TERMINAL = (signal.SIGINT, signal.SIGHUP)
_PASSED_ON = (*_OF_TERMINAL, signal.SIGTERM)
_STANDARD_STREAMS = 3
_PR_SET_PDEATHSIG = 1


def hand_over() -> None:
    """Let a warm process run this script, and exit as it does; return where there is no such process."""
    path = os.environ.pop(SOCKET, None)
    # What the libraries were told when they were imported cannot be changed any more.
    if not path or Path(path).name != arithmetic_in_use():
        return
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError:
        return
    ignored = [number.value for number in _PASSED_ON if signal.getsignal(number) == signal.SIG_IGN]
    request = {"argv": sys.argv, "cwd": os.getcwd(), "environment": dict(os.environ), "ignored": ignored}
    content = json.dumps(request).encode()
    process = None
    came: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if process is not None:
            _signal(process, number)

    # A terminal sends its signals to the stage, too; SIGTERM is for this process alone.
    for number in _OF_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    if signal.SIGTERM.value not in ignored:
        signal.signal(signal.SIGTERM, pass_on)
    streams = array.array("i", range(_STANDARD_STREAMS))
    connection.sendmsg([len(content).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    connection.sendall(content)
    process = int.from_bytes(_receive(connection, 4), "big")
    for number in came:
        _signal(process, number)
    status = int.from_bytes(_receive(connection, 4), "big", signed=True)
    if status < 0:
        with contextlib.suppress(OSError):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _signal(process: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def _receive(connection: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        more = connection.recv(length - len(content))
        if not more:
            raise ConnectionError("the process at the other end has ended")
        content += more
    return content


def run_command(command: list[str]) -> int:
    """Run a command whose stages start warm; return its exit status."""
    before = {number: signal.getsignal(number) for number in _PASSED_ON}
    stages: dict[int, socket.socket] = {}
    # No TemporaryDirectory, which a stage would clean up when it exits. Stages hold its lock, too.
    folder, descriptor = make_locked_folder(lambda: Path(tempfile.mkdtemp(prefix=_FOLDER, dir=_temporary())))
    remove_unlocked_folders(_with_sockets_alone(folder.parent))
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / arithmetic_in_use()))
            listener.listen()
            # The command and its stages get the terminal's signals themselves.
            for number in _OF_TERMINAL:
                signal.signal(number, signal.SIG_IGN)
            main = subprocess.Popen(
                command,
                env=os.environ | {SOCKET: str(folder / arithmetic_in_use())},
                preexec_fn=lambda: _restore(before),  # noqa: PLW1509 - no thread runs here yet
            )

            def end(number: int, frame: FrameType | None) -> None:
                for process in (main.pid, *stages):
                    _signal(process, number)

            signal.signal(signal.SIGTERM, end)
            for library in LIBRARIES:
                # A command that had nothing to do has ended by now. What is not there is said by the stage that needs it.
                if main.poll() is None:
                    with contextlib.suppress(ImportError):
                        importlib.import_module(library)
            # Garbage collection in a stage passes over, and copies, nothing of the libraries.
            gc.freeze()
            _serve(listener, main, stages, before)
            return main.returncode if main.returncode >= 0 else 128 - main.returncode
    finally:
        shutil.rmtree(folder)
        if descriptor is not None:
            os.close(descriptor)


def _temporary() -> str:
    """Return the folder for temporary files, or /tmp where the path of a socket in it would be too long."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) < _LONGEST_FOLDER else "/tmp"


def _with_sockets_alone(temporary: Path) -> Iterator[Path]:
    """Yield the folders of servers: whoever made a socket in one had locked it before."""
    for folder in temporary.glob(f"{_FOLDER}*"):
        with contextlib.suppress(OSError):
            inside = list(folder.iterdir())
            if inside and all(each.is_socket() for each in inside):
                yield folder


def _restore(before: dict[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)


def _serve(
    listener: socket.socket,
    main: subprocess.Popen,
    stages: dict[int, socket.socket],
    before: dict[signal.Signals, Any],
) -> None:
    """Fork for every request until the command and all stages have ended."""
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
                    try:
                        process = _start(connection, [listener, *stages.values()], (ended, notify), before)
                    except (OSError, IndexError, ValueError):
                        # The script was killed before it had asked.
                        connection.close()
                        continue
                    stages[process] = connection
                    selector.register(connection, selectors.EVENT_READ)
                    with contextlib.suppress(OSError):
                        connection.sendall(process.to_bytes(4, "big"))
                elif key.fileobj == ended:
                    os.read(ended, 4096)
                else:
                    # Nothing is sent after the request: the script was killed, and its stage ends with it.
                    selector.unregister(key.fileobj)
                    for process, connection in stages.items():
                        if connection is key.fileobj:
                            _signal(process, signal.SIGKILL)
            for process, connection in list(stages.items()):
                done, status = os.waitpid(process, os.WNOHANG)
                if done:
                    del stages[process]
                    with contextlib.suppress(KeyError, ValueError):
                        selector.unregister(connection)
                    with contextlib.suppress(OSError):
                        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
                    connection.close()


def _start(
    connection: socket.socket,
    others: list[socket.socket],
    pipe: tuple[int, int],
    before: dict[signal.Signals, Any],
) -> int:
    """Fork a process that runs the requested script, and return its number."""
    size, ancillary, _, _ = connection.recvmsg(4, socket.CMSG_SPACE(4 * _STANDARD_STREAMS))
    streams = array.array("i")
    streams.frombytes(ancillary[0][2])
    server = os.getpid()
    with contextlib.ExitStack() as opened:
        for stream in streams:
            opened.callback(os.close, stream)
        request = json.loads(_receive(connection, int.from_bytes(size, "big")))
        # A signal between the fork and _restore would be handled as the server's.
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        process = os.fork()
        if process:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
            return process
        opened.pop_all()
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _restore(before)
        for number in request["ignored"]:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
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


def _run_script(request: dict[str, Any]) -> int:
    """Run a script as Python would, and return its exit status."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["argv"]
    script = str(Path(sys.argv[0]).absolute())
    sys.path[0] = str(Path(script).parent)
    # The code of the script's own checkout, as it is now.
    for name in [name for name in sys.modules if f"{name}.".startswith("vqatune.")]:
        del sys.modules[name]
    status = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as left:
        if isinstance(left.code, int | None):
            status = left.code or 0
        else:
            # As Python itself does.
            sys.stderr.write(f"{left.code}\n")
            status = 1
    except BaseException as error:  # noqa: BLE001 - what Python itself would do
        sys.excepthook(*sys.exc_info())
        status = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    if sys.platform != "linux":
        os.execvp(sys.argv[1], sys.argv[1:])
    choose_arithmetic()
    sys.exit(run_command(sys.argv[1:]))
