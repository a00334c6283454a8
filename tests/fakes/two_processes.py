"""A launcher: `python two_processes.py WARM SCRIPT ARGUMENTS…` runs a script twice, as torch's distributed processes.

The scripts start warm, so that it takes a second where `accelerate launch` takes twelve.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

from vqatune.runtime.warm_start import SOCKET


def launcher(warm: dict[str, str]) -> str:
    """Return the command for params.yaml, whose processes start in the warm process of these variables."""
    return shlex.join([sys.executable, str(Path(__file__).resolve()), warm[SOCKET]])


def main(warm: str, *command: str) -> int:
    """Run the command in two processes, pass SIGTERM on to them, and return the first exit status that is not 0."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {SOCKET: warm, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        subprocess.Popen(
            [sys.executable, *command],
            env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    signal.signal(signal.SIGTERM, lambda number, frame: [each.send_signal(number) for each in processes])
    return next(filter(None, [each.wait() for each in processes]), 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
