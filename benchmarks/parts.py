"""What Ray costs beside the processes of this machine: parts of some CPU time and empty ones, by both in turn.

`python benchmarks/parts.py`. Ray is started before, with as many CPUs as there are processes; the time of a run is that of
`map_parts`, which starts processes and connects.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from vqatune.runtime.parts import map_parts
from vqatune.runtime.progress import workers

EXECUTORS = ("local", "ray")


def main() -> None:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=0.2, help="CPU time of a part")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    # Ray's processes import the function below.
    path = [str(Path(__file__).resolve().parent), os.environ.get("PYTHONPATH", "")]
    os.environ |= {"PYTHONPATH": os.pathsep.join(path), "RAY_USAGE_STATS_ENABLED": "0"}
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": workers(), "include_dashboard": False}
    )
    os.environ["RAY_ADDRESS"] = cluster.address
    figures = {
        f"{name} parts": measure(arguments.parts, seconds, arguments.repeats)
        for name, seconds in (("empty", 0.0), ("working", arguments.seconds))
    }
    cluster.shutdown()
    for name, measured in figures.items():
        print(name, " ".join(f"{key}={value:.2f}" for key, value in measured.items()))
    if arguments.json:
        settings = {
            "parts": arguments.parts,
            "cpu_seconds": arguments.seconds,
            "processes": workers(),
            "load": os.getloadavg()[0],
        }
        arguments.json.write_text(json.dumps({"benchmark": "parts"} | settings | figures, indent=2) + "\n")


def measure(parts: int, cpu_seconds: float, repeats: int) -> dict[str, float]:
    """Return the medians of the seconds by each executor, and of the ratio of a pair."""
    # As a module, which the processes find under its name.
    from parts import work

    taken: dict[str, list[float]] = {executor: [] for executor in EXECUTORS}
    for repeat in range(repeats):
        # Each first in turn.
        for executor in EXECUTORS if repeat % 2 == 0 else reversed(EXECUTORS):
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                map_parts(partial(work, cpu_seconds), parts, Path(folder), "measuring", executor)
                taken[executor].append(time.perf_counter() - start)
    ratios = [ray / local for local, ray in zip(taken["local"], taken["ray"], strict=True)]
    return {name: statistics.median(each) for name, each in (taken | {"ratio": ratios}).items()}


def work(cpu_seconds: float, part: int) -> dict[str, float]:
    """Use so much CPU time."""
    start = time.process_time()
    while time.process_time() - start < cpu_seconds:
        pass
    return {"seconds": time.process_time() - start}


if __name__ == "__main__":
    main()
