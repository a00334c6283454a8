"""Parts on a Ray cluster, which is a scheduler and nothing else: parts read and write files on a shared file system."""

import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vqatune.errors import ClusterError, ParameterError
from vqatune.runtime.cluster_versions import versions_here
from vqatune.runtime.ray_driver import ClusterWork, drive
from vqatune.runtime.worker_pool import SPAWN, terminal_signals_blocked

ADDRESS = "RAY_ADDRESS"
"""The environment variable with the address of the cluster's head."""
LOG = Path(".work/ray.log")
"""What Ray says; of its workers it keeps logs of its own."""


def run_on_ray(
    run_part: Callable[[int], Any], name: Callable[[int], str], parts: list[int]
) -> Iterator[tuple[int, Any]]:
    """Yield each part's number and what `run_part` returns for it, as they are done; `name` names a part in errors.

    Raises:
        ParameterError: RAY_ADDRESS is not set.
        MissingExtraError: Ray is not installed.
        ClusterError: the cluster cannot be reached or was lost, machines differ, or a part was lost each time.
    """
    address = os.environ.get(ADDRESS)
    if not address:
        raise ParameterError(
            "compute.executor is ray: set the environment variable RAY_ADDRESS to the address of the cluster's head, such "
            "as 10.0.0.1:6379, or to local, which starts Ray on this machine"
        )
    LOG.parent.mkdir(parents=True, exist_ok=True)
    work = ClusterWork(address, pickle.dumps(run_part), parts, Path.cwd(), versions_here())
    connection, other = SPAWN.Pipe()
    process = SPAWN.Process(target=drive, args=(other, work, LOG))
    with terminal_signals_blocked():
        process.start()
    other.close()
    left = len(parts)
    try:
        while True:
            try:
                number, outcome = connection.recv()
            except (EOFError, ConnectionError) as error:
                raise ClusterError(
                    f"the connection to Ray at {address} was lost ({LOG} has what it says): see that its head runs, and run "
                    f"this again, which goes on with the {left} parts that are left"
                ) from error
            if number is None:
                outcome.get()
                return
            if isinstance(outcome.value, ClusterError):
                outcome.value.add_context(name(number))
            yield number, outcome.get()
            left -= 1
    finally:
        connection.close()
        # A local Ray ends with it.
        process.kill()
        process.join()
