"""Starting a stage in several processes with a launcher, such as `accelerate launch`."""

import logging
import os
import shlex
import signal
import subprocess
import sys
from types import FrameType

from vqatune.errors import ParameterError

_logger = logging.getLogger(__name__)

LAUNCHED = "VQATUNE_LAUNCHED"
"""The environment variable of processes that a launcher has started."""


def launched() -> bool:
    """Whether a launcher has started this process."""
    return LAUNCHED in os.environ or "LOCAL_RANK" in os.environ


def relaunch(launcher: str) -> None:
    """Run this script again with a launcher, and exit with its status where that is not 0.

    Args:
        launcher: a command that script and arguments are appended to, such as
            "accelerate launch --multi_gpu --num_processes 4".

    Raises:
        ParameterError: the command does not exist.
    """
    command = [*shlex.split(launcher), *sys.argv]
    try:
        process = subprocess.Popen(command, env=os.environ | {LAUNCHED: "1"})
    except OSError as error:
        raise ParameterError(
            f"launcher: {command[0]} cannot be started ({error.strerror}): is it on the PATH?"
        ) from error
    # Forward SIGTERM and wait, so that the processes can save their state. A terminal sends SIGINT to all of them.
    received = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if number == signal.SIGTERM:
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    status = process.wait()
    for number, handler in before.items():
        signal.signal(number, handler)
    if status:
        _logger.error("what went wrong is said above the launcher's own report")
        sys.exit(128 + received[0] if received else 128 - status if status < 0 else status)
