"""Progress bars (rich), and chunks of work whose progress they show."""

import itertools
import multiprocessing
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import closing
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from vqatune.errors import ParameterError, WorkerKilledError
from vqatune.runtime.terminal import Terminal
from vqatune.runtime.worker_pool import WorkerPool

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2
"""Chunks for each worker that are under way while a result is used."""
_AHEAD_OF_A_SLOW_CHUNK = 16
"""The same while the next result is waited for, as others come before it."""


def bar(*more: ProgressColumn, seconds: float = 30) -> Progress:
    """Return a progress display on standard error, silent where that is no terminal.

    Columns may come after the usual ones; the time left is taken from the speed of the last `seconds`.

    Of several processes on a machine that a launcher has started only the first shows it, and no worker process does.
    """
    console = Terminal(stderr=True)
    is_the_first = os.environ.get("LOCAL_RANK", "0") == "0" and multiprocessing.parent_process() is None
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        *more,
        speed_estimate_period=seconds,
        console=console,
        disable=not console.is_terminal or not is_the_first,
    )


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items while a bar shows how many are done."""
    with bar() as progress:
        yield from progress.track(items, total=total, description=description)


def workers() -> int:
    """Return how many processes to use: VQATUNE_WORKERS, or as many as there are cores. No result depends on it."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("VQATUNE_WORKERS") or str(available)
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ParameterError(
            f"the environment variable VQATUNE_WORKERS is {wanted!r}, but must be a number from 1 on"
        )
    return int(wanted)


def map_chunks(
    function: Callable[[Item], Result],
    chunks: Iterable[Item],
    description: str | None = None,
    total: int | None = None,
) -> Iterator[Result]:
    """Yield `function(chunk)` for every chunk, in order, computed in worker processes, under a bar if it is described.

    The function and the chunks are pickled: a module-level function, or a partial of one. Chunks are taken from the
    iterable as workers need them, and few results wait; `total` is their number where the iterable has no length. A
    worker that is killed is replaced and its chunk repeated.

    Raises:
        WorkerKilledError: the workers of a chunk were killed each time.
    """
    if total is None and isinstance(chunks, Sized):
        total = len(chunks)
    processes = workers() if total is None else min(workers(), total)
    if processes <= 1:
        yield from _shown(map(function, chunks), description, total)
        return
    # A caller that stops earlier ends the workers, too.
    with closing(_in_workers(function, chunks, processes, description or "the work", total)) as results:
        yield from _shown(results, description, total)


def _shown(results: Iterator[Result], description: str | None, total: int | None) -> Iterable[Result]:
    return results if description is None else track(results, description, total=total)


def _in_workers(
    function: Callable[[Item], Result],
    chunks: Iterable[Item],
    processes: int,
    description: str,
    total: int | None,
) -> Generator[Result, None, None]:
    with WorkerPool(function, chunks, processes) as pool:
        for number in itertools.count():
            pool.feed(_AHEAD * processes)
            while number not in pool.outcomes and not pool.is_done:
                pool.receive()
                pool.feed(_AHEAD_OF_A_SLOW_CHUNK * processes)
            if number not in pool.outcomes:
                return
            outcome = pool.outcomes.pop(number)
            if isinstance(outcome.value, WorkerKilledError):
                place = f"{number + 1}" if total is None else f"{number + 1} of {total}"
                outcome.value.add_context(f"chunk {place} of {description}")
            yield outcome.get()
