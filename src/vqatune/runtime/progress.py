"""Progress bars (rich) and the worker processes whose work they show."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vqatune.errors import ParameterError
from vqatune.runtime.terminal import Terminal

Item = TypeVar("Item")
Result = TypeVar("Result")


def bar() -> Progress:
    """Return a progress display on standard error, silent where that is no terminal.

    Of several processes on a machine that a launcher has started only the first shows it.
    """
    console = Terminal(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal or os.environ.get("LOCAL_RANK", "0") != "0",
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


def map_parts(
    function: Callable[[Item], Result], parts: Sequence[Item], description: str | None = None
) -> Iterator[Result]:
    """Yield `function(part)` for every part, in order, computed in worker processes, under a bar if it is described.

    The function and the parts are pickled: a module-level function, or a partial of one.
    """
    count = min(workers(), len(parts))
    if count <= 1:
        results = map(function, parts)
        yield from results if description is None else track(results, description, total=len(parts))
        return
    # Fresh interpreters, because a fork copies the locks of pyarrow's threads.
    context = get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, context, _end_with, (reader,))
    try:
        with _terminal_signals_blocked():
            results = pool.map(function, parts)
        yield from results if description is None else track(results, description, total=len(parts))
        pool.shutdown()
    finally:
        # Ends the workers that still compute, as the end of this process does.
        writer.close()
        pool.shutdown(cancel_futures=True)
        reader.close()


def _end_with(pipe: Connection) -> None:
    """End this worker process when the other end of the pipe is closed, by whatever ends the process that has it."""

    def wait() -> None:
        with suppress(EOFError, OSError):
            pipe.recv()
        os._exit(1)

    Thread(target=wait, daemon=True).start()


@contextmanager
def _terminal_signals_blocked() -> Iterator[None]:
    """Start processes within the block that the terminal's signals do not reach: they end with this one."""
    # Windows has no such mask.
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
