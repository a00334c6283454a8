"""The process that is connected to Ray: it hands out a task for each part, and passes on what comes of them.

Ray ends the process that has lost the connection, and writes to its output: so it is one of its own.
"""

import logging
import os
import pickle
import platform
import socket
import traceback
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import ModuleType
from typing import Any

from vqatune.errors import ClusterError
from vqatune.runtime.arithmetic import IN_USE, VARIABLES
from vqatune.runtime.cluster_versions import describe_differences, versions_here
from vqatune.runtime.code import PACKAGE
from vqatune.runtime.extras import naming_extras
from vqatune.runtime.worker_pool import REPEATS, Outcome, pickled_outcome, receive_or_end

_CONNECT_SECONDS = 20
_CHECK_SECONDS = 120
"""How long a node may take to say its versions: it imports this package from the shared file system."""


@dataclass(frozen=True)
class ClusterWork:
    """What is done on a cluster."""

    address: str
    function: bytes
    """The pickled function of a part's number."""
    parts: list[int]
    folder: Path
    """The repository, in which the parts run on every machine."""
    versions: dict[str, str]
    """The driver's (cluster_versions)."""


def drive(connection: Connection, work: ClusterWork, log: Path) -> None:
    """Run the parts, and send each one's number and Outcome; the number of all is None, and so is theirs at the end.

    The process ends when the other end of the connection closes. What Ray says is written to `log`.
    """
    Thread(target=receive_or_end, args=(connection, SimpleQueue()), daemon=True).start()
    with log.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    outcome = Outcome(*pickle.loads(pickled_outcome(partial(_send_results, connection, work))))
    if outcome.is_error:
        traceback.print_exception(outcome.value)
    connection.send((None, outcome))


def _send_results(connection: Connection, work: ClusterWork) -> None:
    # Read at the import. Without the first a part whose memory never suffices would be repeated for ever.
    os.environ.setdefault("RAY_task_oom_retries", str(REPEATS))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with naming_extras():
        import ray
    _connect(ray, work)
    _check_nodes(ray, work)
    task = ray.remote(_run_part).options(num_cpus=1, max_retries=REPEATS)
    shared = ray.put(work)
    waiting = {task.remote(shared, number): number for number in work.parts}
    while waiting:
        for done in ray.wait(list(waiting))[0]:
            connection.send((waiting.pop(done), _outcome(ray, done)))
    ray.shutdown()


def _connect(ray: ModuleType, work: ClusterWork) -> None:
    variables = {name: os.environ[name] for name in (IN_USE, *VARIABLES) if name in os.environ}
    variables |= {"VQATUNE_WORKERS": "1", "PYTHONPATH": f"{PACKAGE.parent}{os.pathsep}${{PYTHONPATH}}"}
    host, _, port = work.address.rpartition(":")
    try:
        # Ray tries for minutes, and ends the process.
        if host and port.isdecimal():
            socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
        ray.init(
            address=work.address,
            runtime_env={"env_vars": variables},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ClusterError(
            f"there is no Ray at RAY_ADDRESS={work.address} ({_first_line(error)}): see that its head runs and can be "
            "reached from here"
        ) from error


def _check_nodes(ray: ModuleType, work: ClusterWork) -> None:
    """Raise ClusterError where a node has other versions than the driver, or not its folder."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(_difference)
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    asked = [
        task.options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(work)
        for node in nodes
    ]
    for node, answer in zip(nodes, asked, strict=True):
        name = f"{node['NodeManagerHostname']} (node {node['NodeID'][:8]})"
        try:
            difference = ray.get(answer, timeout=_CHECK_SECONDS)
        except (ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError):
            # It has left the cluster since.
            continue
        except Exception as error:
            raise ClusterError(
                f"{name} cannot import vqatune from {PACKAGE.parent} ({_first_line(error)}): the machines need a shared "
                "file system and the same environment"
            ) from error
        if difference:
            raise ClusterError(f"{name}: {difference}")


def _difference(work: ClusterWork) -> str | None:
    """Return how this node differs from the driver, and what to do; None where it does not."""
    if not work.folder.is_dir():
        return f"there is no folder {work.folder}: the machines need a shared file system"
    different = describe_differences(work.versions, versions_here())
    return different and f"{different}: install the same versions on all machines (requirements.txt)"


def _run_part(work: ClusterWork, number: int) -> bytes:
    """Return the pickled Outcome of a part; on a node."""
    return pickled_outcome(partial(_run_part_here, work, number))


def _run_part_here(work: ClusterWork, number: int) -> Any:
    # A node may have joined since all were asked.
    if difference := _difference(work):
        raise ClusterError(f"{platform.node()}: {difference}")
    os.chdir(work.folder)
    return pickle.loads(work.function)(number)


def _outcome(ray: ModuleType, done: Any) -> Outcome:
    try:
        return Outcome(*pickle.loads(ray.get(done)))
    except ray.exceptions.RayError as error:
        return Outcome(True, ClusterError(f"it was lost each time that Ray ran it ({_first_line(error)})"))


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
