"""A script that is killed where it is about to write: `python killed.py NUMBER LOG SCRIPT ARGUMENTS…`, or warm by `warm.RUN`.

Its own process gets SIGKILL before the NUMBER-th event that changes a file or folder below the working directory; with 0
it runs to its end. LOG gets a line an event: the kind and the path. What libraries in C++ and Rust write is no event of
Python, and worker processes are not watched.
"""

import os
import runpy
import signal
import sys
from pathlib import Path

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGES = {
    **dict.fromkeys(
        ("os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate", "sqlite3.connect"), (0,)
    ),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), (1, 0)),
}
"""Event of sys.addaudithook → the places of its paths, the one that is changed first."""


def watch(number: int, log: int, root: str) -> None:
    """Write every event to the descriptor `log`, and kill this process before the one with that number."""
    seen = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal seen
        path = _changed(event, arguments)
        if path is None:
            return
        path = os.path.join(root, os.fsdecode(path))
        if path == root or not path.startswith(root) or "__pycache__" in path:
            return
        seen += 1
        os.write(log, f"{event} {path.removeprefix(root).lstrip('/')}\n".encode())
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _changed(event: str, arguments: tuple) -> str | bytes | None:
    """Return the path that an event changes, as it was named; None where it changes none."""
    if event == "open":
        path, _, flags = arguments
        return path if isinstance(path, str | bytes) and flags & _WRITES else None
    if event == "ctypes.dlsym":
        # Looked up just before two folders change places.
        return "renameat2" if arguments[1] == "renameat2" else None
    if event not in _CHANGES:
        return None
    path = arguments[_CHANGES[event][0]]
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    path = os.fspath(path)
    folder = arguments[-1]
    if event in {"os.mkdir", "os.remove", "os.rmdir"} and isinstance(folder, int) and folder >= 0:
        return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path))
    return path


if __name__ == "__main__":
    number, log = int(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    del sys.argv[:3]
    sys.path[0] = str(Path(sys.argv[0]).absolute().parent)
    watch(number, log, os.getcwd())
    runpy.run_path(sys.argv[0], run_name="__main__")
