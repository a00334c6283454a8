"""Work on a table's parts, each done once: in processes of this machine, on a cluster, or by the jobs of an array.

A part that is done has a record in a folder, with its tally; a stage that was killed goes on with the parts that have
none.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import ProgressColumn, Task
from rich.text import Text

from vqatune.errors import ParameterError, Stopped, VqatuneError, WorkerKilledError
from vqatune.runtime.progress import bar, workers
from vqatune.runtime.worker_pool import WorkerPool
from vqatune.tables import read_json, write_json

Tally = dict[str, Any]
"""What a part counted: a JSON object."""
PartFunction = Callable[[int], Tally]
_SPEED_SECONDS = 3600.0
"""Over which the rate is taken: a part may take minutes."""
_TRY_AGAIN = 75
"""The exit status that asks for another run, sysexits' EX_TEMPFAIL."""


@dataclass(frozen=True)
class Share:
    """What one job of an array does of a stage: the parts whose number, from 0 on, leaves `job - 1` when divided by `jobs`."""

    stage: str
    job: int
    jobs: int


_share: Share | None = None
"""That of this process; None where it runs whole stages."""


def parse_share(stage: str, text: str) -> Share:
    """Return the share that `--part` names: "7/64" is the seventh of 64 jobs; raises ParameterError where it is none."""
    found = re.fullmatch(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})", text)
    if not found or int(found[1]) > int(found[2]):
        raise ParameterError(f"--part is {text!r}, but must be a job's number and how many there are: 7/64")
    return Share(stage, int(found[1]), int(found[2]))


def set_share(share: Share | None) -> None:
    """Let this process do a share of every `map_parts` that it calls; None: all parts."""
    global _share
    _share = share


def in_job_array() -> bool:
    """Whether this process is one job of an array."""
    return _share is not None


def stop_here_in_job_array() -> None:
    """End a job of an array, whose stage has done all its parts; call it before the stage writes its outputs."""
    if _share:
        raise Stopped(f"all parts are done: `dvc repro {_share.stage}` writes the tables", 0)


def map_parts(
    function: PartFunction, count: int, done: Path, description: str, executor: str = "local"
) -> list[Tally]:
    """Return `function(part)` for each part from 0 to count - 1, in order; parts that are done are not run again.

    The function reads its part's inputs, writes its results atomically and returns its tally. It is a module-level
    function or a partial of one, as it is pickled. Where several parts run, each has its share of VQATUNE_WORKERS. A
    worker that is killed is replaced and its part repeated. A job of an array does its share in its own processes,
    whatever the executor, and returns only where the other jobs' parts are done, too.

    Args:
        function: what is called with a part's number.
        count: the number of parts.
        done: the folder of the records of parts that are done, such as 00007.json. It belongs to these inputs, this
            function and this count: its name holds a key of them (runtime.fingerprints).
        description: what is done, in progress and errors.
        executor: compute.executor.

    Raises:
        Stopped: this job has done its share, and others have not.
        VqatuneError: that of a part, which its message names.
    """
    done.mkdir(parents=True, exist_ok=True)
    numbers = [number for number in range(count) if _share is None or number % _share.jobs == _share.job - 1]
    recorded = _recorded(done)
    missing = [number for number in numbers if number not in recorded]
    name = partial(_name, description, count)
    # The only part goes without saying.
    run_part = partial(_run_part, function, name if count > 1 else None, done)
    results = _choose(executor, run_part, name, missing, count)
    tallies = dict(_show_progress(results, description, len(numbers), len(missing)))
    if _share and (others := count - len(_recorded(done) | tallies.keys())):
        raise Stopped(
            f"part {_share.job} of {_share.jobs} has done its share of `{description}`; {others} of {count} parts are "
            "not done yet by the other jobs: run the array again when they have ended",
            _TRY_AGAIN,
        )
    return [
        tallies[number] if number in tallies else read_json(_record(done, number), remedy="delete it")
        for number in range(count)
    ]


def _choose(
    executor: str, run_part: PartFunction, name: Callable[[int], str], missing: list[int], count: int
) -> Iterator[tuple[int, Tally]]:
    """Return what runs the missing parts, and yields each with its tally as it is done."""
    if executor == "ray" and missing and _share is None:
        # Ray is an extra.
        from vqatune.runtime.ray_parts import run_on_ray

        return run_on_ray(run_part, name, missing)
    if count == 1 or workers() == 1:
        return ((number, run_part(number)) for number in missing)
    return _in_processes(run_part, name, missing)


def _in_processes(
    run_part: PartFunction, name: Callable[[int], str], missing: list[int]
) -> Iterator[tuple[int, Tally]]:
    processes = min(workers(), len(missing))
    if not processes:
        return
    with WorkerPool(partial(_with_workers, run_part, workers() // processes), missing, processes) as pool:
        while not pool.is_done:
            pool.receive()
            for place in sorted(pool.outcomes):
                outcome = pool.outcomes.pop(place)
                if isinstance(outcome.value, WorkerKilledError):
                    outcome.value.add_context(name(missing[place]))
                yield missing[place], outcome.get()
            pool.feed(len(missing))


def _with_workers(run_part: PartFunction, processes: int, number: int) -> Tally:
    """Run a part in a worker, which may start as many processes of its own."""
    os.environ["VQATUNE_WORKERS"] = str(processes)
    return run_part(number)


def _run_part(function: PartFunction, name: Callable[[int], str] | None, done: Path, number: int) -> Tally:
    """Run a part where it is missing, record it, and name it in its errors."""
    try:
        tally = function(number)
        write_json(tally, _record(done, number))
    except VqatuneError as error:
        if name:
            error.add_context(name(number))
        raise
    except Exception as error:
        if name:
            error.add_note(f"It is of {name(number)}.")
        raise
    # As it is read by those who find it done.
    recorded: Tally = json.loads(json.dumps(tally))
    return recorded


def _name(description: str, count: int, number: int) -> str:
    return f"part {number + 1} of {count} of {description}"


def _record(done: Path, number: int) -> Path:
    return done / f"{number:05}.json"


def _recorded(done: Path) -> set[int]:
    """Return the numbers of the parts that have a record."""
    return {int(path.stem) for path in done.glob("*.json") if path.stem.isdecimal()}


def _show_progress(
    results: Iterator[tuple[int, Tally]], description: str, total: int, missing: int
) -> Iterator[tuple[int, Tally]]:
    """Yield the results while a bar shows how many parts are done, how many an hour, and the time left."""
    with bar(_PartsPerHour(), seconds=_SPEED_SECONDS) as progress:
        task = progress.add_task(description, total=total, completed=total - missing)
        for result in results:
            progress.advance(task)
            yield result


class _PartsPerHour(ProgressColumn):
    """The rate of the parts that this run has done."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{3600 * speed:,.0f}/h", style="progress.data.speed")
