"""A script on a machine with a fault: `python broken_machine.py KIND RESULT SCRIPT ARGUMENTS…`, warm by `warm.RUN` before it.

KIND: full, a tmpfs without room for a byte, with a copy of the working directory; read-only, the working directory as a
read-only mount; memory N, an address space that may grow by N MB. Mounts are those of a namespace of this process. The
script runs with the fault and, where it failed, again without. RESULT gets JSON: the exit status, what was said, which
paths changed, the digests of all
files then, and, from the second time, the exit status and the digests.
"""

import ctypes
import hashlib
import json
import os
import resource
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from forks import address_space, run_script
from kill_rounds import contents

_NEW_MOUNTS, _NEW_USER = 0x20000, 0x10000000
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
_LIBC = ctypes.CDLL(None, use_errno=True)
ROOM = 200 << 20
"""Bytes of the tmpfs."""


def _call(name: str, *arguments: object) -> None:
    if getattr(_LIBC, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [each.encode() if each is not None else None for each in (source, target, kind, options)]
    _call("mount", *texts[:3], ctypes.c_ulong(flags), texts[3])


def own_mounts() -> None:
    """Give this process, which has one thread, mounts of its own; raises OSError where that cannot be."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", _NEW_USER | _NEW_MOUNTS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _mount(None, "/", None, _PRIVATE | _RECURSIVE)


def full(root: str) -> Path:
    """Have a full tmpfs in the place of a folder; return the file that fills it."""
    aside = f"{root}/temporary"
    _mount("tmpfs", aside, "tmpfs", 0, f"size={ROOM}")
    for path in Path(root).iterdir():
        if path.name not in {"temporary", ".git", ".dvc"}:
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, f"{aside}/{path.name}")
    Path(aside, "temporary").mkdir()
    Path(aside, ".git").mkdir()
    _mount(f"{root}/.git", f"{aside}/.git", None, _BIND)
    _mount(aside, root, None, _BIND | _RECURSIVE)
    os.chdir(root)
    filling = Path(root, "temporary/filling")
    with filling.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return filling


def read_only(root: str) -> None:
    """Have a folder mounted read-only."""
    _mount(root, root, None, _BIND | _RECURSIVE)
    _mount(None, root, None, _BIND | _REMOUNT | _READ_ONLY)
    os.chdir(root)


def less_memory(megabytes: int) -> None:
    """Let the address space of this process grow by so much."""
    limit = address_space() + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def run_in_a_fork(said: Path, before: Callable[[], None] | None = None) -> int:
    """Run the script in a forked process; return its exit status. `said` gets its standard error."""
    process = os.fork()
    if not process:
        run_script(sys.argv, Path.cwd(), Path(os.devnull), said, before)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def digests(found: dict[str, bytes | None]) -> dict[str, str]:
    """Return path → digest of what `contents` returned."""
    return {name: hashlib.sha256(content or b"").hexdigest() for name, content in found.items()}


def main(kind: str, result: Path) -> None:
    """Run the script of sys.argv with the fault and without."""
    root, said, filling = os.getcwd(), result.with_suffix(".txt"), None
    kind, *size = kind.split()
    if kind != "memory":
        own_mounts()
    was = contents(Path(root))
    if kind == "full":
        filling = full(root)
    elif kind == "read-only":
        read_only(root)
    before = partial(less_memory, int(size[0])) if size else None
    told = {"status": run_in_a_fork(said, before), "said": said.read_text()}
    now = contents(Path(root))
    told["changed"] = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
    told["files then"] = digests(now)
    if told["status"]:
        if filling:
            filling.unlink()
        elif kind == "read-only":
            _mount(None, root, None, _BIND | _REMOUNT)
        told["status again"] = run_in_a_fork(said)
        now = contents(Path(root))
    told["files"] = digests(now)
    result.write_text(json.dumps(told))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    chosen, path = sys.argv[1], Path(sys.argv[2])
    del sys.argv[:3]
    main(chosen, path)
