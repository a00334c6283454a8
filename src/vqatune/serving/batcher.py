"""The queue of requests that wait for the model, and the two threads that answer them in micro-batches.

One thread prepares pictures, ahead of the other, which owns the model. That one takes what is ready, up to the limits of a
micro-batch, in the order of arrival; while it computes, the next micro-batch gathers. So nothing waits for others to
come.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from vqatune.errors import ImageError
from vqatune.loading.ragged import Ragged
from vqatune.serving.jobs import Job

_logger = logging.getLogger(__name__)

Prepared = tuple[Job, Ragged]
"""A job and its preprocessed picture; jobs about the same picture have the same one."""

MOST_PREPARED = 64
"""Jobs whose pictures are prepared ahead of the model."""
GATHERING_SECONDS = 0.005
"""The longest that the model waits for pictures that are being prepared, while it could compute others."""
FIRST_GUESS = 10.0
"""Jobs a second, until some have been measured."""
_WEIGHT = 0.2
"""Of the last micro-batch in the measured throughput."""


class Full(Exception):
    """The queue has no room."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"the queue is full: try again in {retry_after} s")
        self.retry_after = retry_after
        """Seconds until the queue is answered, by the throughput so far."""


@dataclass(frozen=True)
class Batching:
    """How jobs are prepared, grouped and answered."""

    prepare: Callable[[bytes], Ragged]
    """Returns a preprocessed picture, or raises ImageError; called in the thread that prepares."""
    answer: Callable[[Sequence[Prepared]], None]
    """Sets the reply, or the error, of every job's future, which is running; called in the model's thread."""
    deliver: Callable[[], None]
    """Called after replies or errors have been set, once for all of a micro-batch, in the thread that has set them."""
    queue: int
    """The most jobs that wait."""
    pictures: int
    """The most distinct pictures of a micro-batch."""
    pairs: int
    """The most pairs of a micro-batch; a job with more is one of its own."""


class Batcher:
    """A bounded queue of jobs, and the threads that answer them."""

    def __init__(self, batching: Batching) -> None:
        """Start the threads."""
        self._batching = batching
        self._waiting: deque[Job] = deque()
        self._prepared: deque[Prepared] = deque()
        self._shared: WeakValueDictionary[bytes, Ragged] = WeakValueDictionary()
        self._preparing = self._computing = 0
        self._closed = False
        self._throughput = FIRST_GUESS
        lock = threading.Lock()
        self._lock = lock
        # One for each thread, so that neither is woken for nothing.
        self._to_prepare, self._to_compute = threading.Condition(lock), threading.Condition(lock)
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for work, name in ((self._prepare, "pictures"), (self._compute, "model"))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """The number of jobs that wait."""
        return len(self._waiting) + self._preparing + len(self._prepared)

    @property
    def computing(self) -> int:
        """The number of jobs in the model."""
        return self._computing

    def check_room(self) -> None:
        """Raise Full where no job would be taken."""
        if self.waiting >= self._batching.queue:
            raise Full(self.retry_after())

    def retry_after(self) -> int:
        """Return the seconds until what waits is answered, at least 1, by the throughput so far."""
        return max(1, math.ceil((self.waiting + self._computing) / self._throughput))

    def put(self, job: Job) -> None:
        """Queue a job; raises Full."""
        with self._lock:
            self.check_room()
            self._waiting.append(job)
            self._to_prepare.notify()

    def drop_cancelled(self) -> None:
        """Make room of the jobs that nobody waits for any more."""
        with self._lock:
            self._waiting = deque(job for job in self._waiting if not job.reply.cancelled())
            self._prepared = deque(one for one in self._prepared if not one[0].reply.cancelled())
            self._to_prepare.notify()
            self._to_compute.notify()

    def close(self) -> None:
        """Answer what waits, and end the threads."""
        with self._lock:
            self._closed = True
            self._to_prepare.notify()
            self._to_compute.notify()
        for thread in self._threads:
            thread.join()

    def _prepare(self) -> None:
        while True:
            with self._lock:
                self._to_prepare.wait_for(
                    lambda: (
                        (self._waiting and len(self._prepared) < MOST_PREPARED)
                        or (self._closed and not self._waiting)
                    )
                )
                if not self._waiting:
                    return
                job = self._waiting.popleft()
                self._preparing = 1
            picture: Ragged | None = None
            if not job.reply.cancelled():
                try:
                    picture = self._shared.get(job.picture) or self._batching.prepare(job.picture)
                    self._shared[job.picture] = picture
                except Exception as error:
                    if not isinstance(error, ImageError):
                        _logger.exception("a picture could not be prepared")
                    if job.reply.set_running_or_notify_cancel():
                        job.reply.set_exception(error)
                        self._batching.deliver()
            with self._lock:
                self._preparing = 0
                # Whoever cancels a job from here on drops it, too.
                if picture is not None and not job.reply.cancelled():
                    self._prepared.append((job, picture))
                if len(self._prepared) == 1 or self._is_gathered():
                    self._to_compute.notify()

    def _compute(self) -> None:
        ended = -math.inf
        while jobs := self._take():
            try:
                self._batching.answer(jobs)
            except Exception as error:
                _logger.exception("a micro-batch failed")
                for job, _ in jobs:
                    if not job.reply.done():
                        job.reply.set_exception(error)
            # Since there was something to do: also preparing pictures takes time.
            since, ended = max(ended, min(job.arrived for job, _ in jobs)), time.monotonic()
            self._throughput += _WEIGHT * (len(jobs) / max(ended - since, 1e-6) - self._throughput)
            # The pictures go as soon as possible.
            jobs.clear()
            self._computing = 0
            self._batching.deliver()

    def _take(self) -> list[Prepared]:
        """Wait for jobs and return those of the next micro-batch; none when all is answered and the batcher closed."""
        with self._lock:
            while True:
                self._to_compute.wait_for(lambda: self._prepared or self._is_finished())
                self._to_compute.wait_for(self._is_gathered, GATHERING_SECONDS)
                jobs: list[Prepared] = []
                pictures: set[int] = set()
                pairs = 0
                while self._prepared:
                    job, picture = self._prepared[0]
                    new = id(picture) not in pictures
                    too_many = (new and len(pictures) == self._batching.pictures) or (
                        pairs + job.pairs > self._batching.pairs
                    )
                    if jobs and too_many:
                        break
                    self._prepared.popleft()
                    if job.reply.set_running_or_notify_cancel():
                        jobs.append((job, picture))
                        pictures.add(id(picture))
                        pairs += job.pairs
                self._to_prepare.notify()
                if jobs or self._is_finished():
                    self._computing = len(jobs)
                    return jobs

    def _is_gathered(self) -> bool:
        """Whether no picture is being prepared that would fit into the next micro-batch."""
        return not (self._waiting or self._preparing) or len(self._prepared) >= self._batching.pictures

    def _is_finished(self) -> bool:
        return self._closed and not self.waiting
