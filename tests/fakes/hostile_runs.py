"""A command or stage that reads edited files: `python hostile_runs.py JOBS RESULT`, warm by `warm.RUN` before it.

JOBS is JSON: {seed, count, files: [[path, kind of edit], …], command: [script, …], imports: modules that
it begins with}. For every number a process is forked in
the working directory, which gets a file in an edited copy, no network, an address space that may grow by MEMORY and SECONDS.
RESULT gets a line of JSON each: what was edited, the exit status (negative: the signal's number), what was said, the seconds
and how many MB of memory it took.
"""

import importlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

import hostile_edits
from forks import address_space, run_script

MEMORY = 3 << 30
"""Bytes that the address space of a process may grow by; that of one that reads sound files grows by a fifth of it."""
SECONDS = 30
"""Within which a process must have ended."""
EDITS = {
    "json": hostile_edits.edit_json,
    "bytes": hostile_edits.edit_bytes,
    "safetensors": hostile_edits.edit_safetensors,
    "yaml": hostile_edits.edit_yaml,
}


def no_network(*arguments: object) -> None:
    """Stand in the place of functions that look up or connect: end the process as no command does."""
    sys.stderr.write(f"the network was asked for: {arguments[:2]}\n")
    sys.stderr.flush()
    os._exit(98)


def alone() -> None:
    """Leave this process no network and not much memory."""
    socket.getaddrinfo = socket.create_connection = no_network
    socket.socket.connect = no_network
    limit = address_space() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def wait(process: int) -> tuple[int, float]:
    """Wait for a process, not for ever; return its exit status and its largest memory in MB."""
    deadline = time.monotonic() + SECONDS
    while True:
        done, status, used = os.wait4(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), used.ru_maxrss / 1024
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
            deadline += SECONDS
        time.sleep(0.005)


def main(jobs: dict, result: Path) -> None:
    """Run every job."""
    for module in jobs["imports"]:
        importlib.import_module(module)
    said = result.with_suffix(".txt")
    with result.open("w") as results:
        for number in range(jobs["count"]):
            draw = random.Random(f"{jobs['seed']} {number}")
            name, kind = draw.choice(jobs["files"])
            path, kept = Path(name), result.with_suffix(".kept")
            shutil.copyfile(path, kept)
            edited = EDITS[kind](path, draw)
            start = time.monotonic()
            process = os.fork()
            if not process:
                run_script(jobs["command"], Path.cwd(), Path(os.devnull), said, alone)
            status, memory = wait(process)
            told = {
                "number": number,
                "file": name,
                "edit": edited,
                "status": status,
                "said": said.read_text(),
            }
            told |= {"seconds": round(time.monotonic() - start, 2), "memory": round(memory)}
            results.write(json.dumps(told) + "\n")
            shutil.copyfile(kept, path)


if __name__ == "__main__":
    asked, path = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    main(asked, path)
