"""Bringing replies from the threads that answer to the event loop, all of a micro-batch at once."""

import asyncio
from collections import deque

from vqatune.serving.jobs import Job, Reply


class Replies:
    """Futures of the event loop for jobs that other threads answer.

    asyncio.wrap_future wakes the loop for every job; here one call does for many.
    """

    def __init__(self) -> None:
        self._done: deque[tuple[Job, asyncio.Future[Reply]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def of(self, job: Job) -> "asyncio.Future[Reply]":
        """Return a future of the running loop that gets a job's reply, error or cancellation."""
        self._loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = self._loop.create_future()
        job.reply.add_done_callback(lambda _: self._done.append((job, future)))
        return future

    def deliver(self) -> None:
        """Bring what is done to the loop; called by another thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        while self._done:
            job, future = self._done.popleft()
            if future.done():
                continue
            error = None if job.reply.cancelled() else job.reply.exception()
            if job.reply.cancelled():
                future.cancel()
            elif error is not None:
                future.set_exception(error)
            else:
                future.set_result(job.reply.result())
