"""Worker processes: they take chunks of work, a killed one is replaced and its chunk repeated, and they end with this one."""

import atexit
import os
import pickle
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.pool import ExceptionWithTraceback  # type: ignore[attr-defined]
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, Self

from vqatune.errors import WorkerKilledError

REPEATS = 3
"""How often a chunk is repeated whose worker was killed."""
_AT_A_WORKER = 2
"""Chunks that a worker holds: the one that it computes, and the next."""
_END = b""
"""The message after which a worker ends."""
# Fresh interpreters, because a fork copies the locks of pyarrow's threads.
SPAWN = get_context("spawn")


class Outcome(NamedTuple):
    """What came of a chunk."""

    is_error: bool
    value: Any
    """What the function returned, or the exception that it raised."""

    def get(self) -> Any:
        """Return the result, or raise the error."""
        if self.is_error:
            raise self.value
        return self.value


class _Task(NamedTuple):
    number: int
    chunk: bytes


class _Worker:
    """A process, its connection, and the tasks that it holds, of which it computes the first."""

    def __init__(self) -> None:
        self.tasks: deque[_Task] = deque()
        self.is_ready = False
        self.connection, other = SPAWN.Pipe()
        self.process = SPAWN.Process(target=_work, args=(other,))
        with terminal_signals_blocked():
            self.process.start()
        other.close()

    def send(self, message: bytes) -> None:
        # That of a worker which has been killed is noticed when its answer is read.
        with suppress(OSError):
            self.connection.send_bytes(message)


class WorkerPool:
    """A context with worker processes that compute `function(chunk)` for each chunk; chunks are numbered in order.

    Chunks are taken, and pickled, as workers need them: `feed` hands them out, `receive` waits for what they answer,
    and `outcomes` has what came of chunks until it is taken out.
    """

    def __init__(self, function: Callable[[Any], Any], chunks: Iterable[Any], processes: int) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self._function = pickle.dumps(function)
        self._chunks = enumerate(chunks)
        self._processes = processes
        self._workers: list[_Worker] = []
        self._again: deque[_Task] = deque()
        self._killed: Counter[int | None] = Counter()
        self._is_exhausted = False

    def __enter__(self) -> Self:
        # multiprocessing waits for its processes at the end of this one, where an error may have left this open.
        atexit.register(self._close)
        self._workers = [_Worker() for _ in range(self._processes)]
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and not self._under_way:
            # Those that have not begun are not waited for.
            for worker in filter(lambda worker: worker.is_ready, self._workers):
                worker.send(_END)
                worker.process.join()
        self._close()
        atexit.unregister(self._close)

    def _close(self) -> None:
        """End the workers that still compute, as the end of this process does."""
        for worker in self._workers:
            worker.connection.close()
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()

    @property
    def is_done(self) -> bool:
        """Whether all chunks have an outcome."""
        return self._is_exhausted and not self._under_way

    @property
    def _under_way(self) -> int:
        return len(self._again) + sum(len(worker.tasks) for worker in self._workers)

    def feed(self, most: int) -> None:
        """Hand chunks to the workers that have room, as long as fewer than `most` are under way or wait to be taken out."""
        # One for each before a second for any.
        for room in range(1, _AT_A_WORKER + 1):
            for worker in self._workers:
                if worker.is_ready and len(worker.tasks) < room and (task := self._next_task(most)):
                    worker.tasks.append(task)
                    worker.send(task.chunk)

    def _next_task(self, most: int) -> _Task | None:
        if self._again:
            return self._again.popleft()
        if self._is_exhausted or self._under_way + len(self.outcomes) >= most:
            return None
        for number, chunk in self._chunks:
            return _Task(number, pickle.dumps(chunk))
        self._is_exhausted = True
        return None

    def receive(self) -> None:
        """Wait until a worker answers; replace those that were killed.

        Raises:
            WorkerKilledError: workers end before they have begun.
        """
        ready = wait([worker.connection for worker in self._workers])
        for worker in [worker for worker in self._workers if worker.connection in ready]:
            try:
                message = worker.connection.recv_bytes()
            except (EOFError, OSError):
                self._replace(worker)
                continue
            if worker.is_ready:
                self.outcomes[worker.tasks.popleft().number] = Outcome(*pickle.loads(message))
            else:
                worker.is_ready = True
                worker.send(self._function)

    def _replace(self, worker: _Worker) -> None:
        worker.connection.close()
        worker.process.join()
        computed = worker.tasks[0].number if worker.tasks else None
        self._killed[computed] += 1
        status = worker.process.exitcode or 0
        if status >= 0 or self._killed[computed] > REPEATS:
            error = WorkerKilledError(_describe(status, self._killed[computed]))
            if computed is None:
                raise error
            self.outcomes[computed] = Outcome(True, error)
            worker.tasks.popleft()
        self._again.extendleft(reversed(worker.tasks))
        self._workers[self._workers.index(worker)] = _Worker()


def _describe(status: int, times: int) -> str:
    if status >= 0:
        return f"the worker process ended by itself, with status {status}: what it says is above"
    name = signal.Signals(-status).name
    return (
        f"the worker process was killed ({name}) {times} times, probably because the memory is not enough: set "
        "VQATUNE_WORKERS to a lower number, make more parts, or close other programs"
    )


def _work(connection: Connection) -> None:
    """Answer each chunk; the first message is the function."""
    messages: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=receive_or_end, args=(connection, messages), daemon=True).start()
    # The other end has gone: so will this process.
    with suppress(OSError):
        connection.send_bytes(b"ready")
        function = messages.get()
        while chunk := messages.get():
            connection.send_bytes(pickled_outcome(partial(_apply, function, chunk)))


def receive_or_end(connection: Connection, messages: "SimpleQueue[bytes]") -> None:
    """Receive messages, and end this process when the other end closes, by whatever ends the process that has it."""
    message = None
    while message != _END:
        try:
            message = connection.recv_bytes()
        except (EOFError, OSError):
            os._exit(1)
        messages.put(message)


def pickled_outcome(work: Callable[[], Any]) -> bytes:
    """Return the Outcome of some work, pickled."""
    try:
        return pickle.dumps((False, work()))
    except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
        raised = error
    try:
        outcome = pickle.dumps((True, ExceptionWithTraceback(raised, raised.__traceback__)))
        pickle.loads(outcome)
    except Exception:  # noqa: BLE001 - an error of any library, whose type cannot be pickled
        return pickle.dumps((True, RuntimeError(f"{type(raised).__name__}: {raised}")))
    return outcome


def _apply(function: bytes, chunk: bytes) -> Any:
    return _load(function)(pickle.loads(chunk))


_load = cache(pickle.loads)


@contextmanager
def terminal_signals_blocked() -> Iterator[None]:
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
