"""Starting a stage in several processes, by a launcher that the user names."""

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
"""Set in the environment of processes that a launcher has started."""


def launched() -> bool:
    """Whether a launcher has started this process."""
    return LAUNCHED in os.environ or "LOCAL_RANK" in os.environ


def relaunch(launcher: str) -> None:
    """Run this script again by a launcher, and exit as it does unless all went well.

    Args:
        launcher: a command to which script and arguments are added, such as
            "accelerate launch --multi_gpu --num_processes 4".

    Raises:
        ParameterError: there is no such command.
    """
    command = [*shlex.split(launcher), *sys.argv]
    try:
        process = subprocess.Popen(command, env=os.environ | {LAUNCHED: "1"})
    except OSError as error:
        raise ParameterError(
            f"launcher: {command[0]} cannot be started ({error.strerror}): is it on the PATH?"
        ) from error
    # What stops this process must stop the others first, and give them time to keep their state. The terminal sends
    # its SIGINT to all of them.
    came = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if number == signal.SIGTERM:
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    status = process.wait()
    for number, handler in before.items():
        signal.signal(number, handler)
    if status:
        _logger.error("what went wrong is said above the launcher's own report")
        sys.exit(128 + came[0] if came else 128 - status if status < 0 else status)
