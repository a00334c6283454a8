"""Gemini's batch jobs: half the price of single requests, and results within a day.

A job's record is on disk before the job is created, so whenever a run ends, the next one finds the job and collects its
results. Replies are stored like those to single requests; requests without pairs go into another job.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vqatune.errors import ParameterError
from vqatune.generation.client.api_keys import key_mark, read_keys
from vqatune.generation.client.batch_collect import RequestQueue, ResultCollector, write_requests
from vqatune.generation.client.batch_files import JobRecord, delete_record, job_title, load_records
from vqatune.generation.client.batch_submit import JobSubmitter, StopSignal
from vqatune.generation.client.image_requests import MOST_WITHOUT_PAIRS, RequestPlan, no_pairs_message
from vqatune.generation.client.key_pool import KeyPool, PooledKey, StopRequested
from vqatune.generation.client.rate_limiter import RateLimiter
from vqatune.generation.client.usage import dollars
from vqatune.generation.providers.errors import InvalidKeyError, ProviderError, TransientError
from vqatune.generation.providers.gemini_batch import ENDED, JobServer, NotFoundError, connect
from vqatune.generation.providers.gemini_replies import parse_reply, redact
from vqatune.params import LimitsParams
from vqatune.runtime.interrupt import Interrupts
from vqatune.runtime.live_display import Display
from vqatune.runtime.request_display import BatchDisplay

MOST_JOBS = 100
"""Jobs at once: Gemini refuses more."""
_FIRST_POLL, _POLL_GROWTH, _LONGEST_POLL = 0.25, 1.5, 5.0
"""The interval between polls of a job: the first in minutes, the factor by which it grows, the longest in minutes."""
_TICK = 0.2
_REQUESTS = "requests.jsonl"
_SUBMITTED = "submitted"
"""The stored state of a job whose results have not been collected."""


def run_batch_jobs(plan: RequestPlan) -> None:
    """Send the plan's requests in batch jobs; images that are set aside are stored with the reason.

    Raises ParameterError where no key is accepted, a job belongs to a key that is not given, or the model, the endpoint
    or the requests are refused; DataError where replies cannot be stored; Stopped at a signal. Jobs that the server has
    accepted go on whatever happens here, and the next run finds them.
    """
    params, progress = plan.params, plan.progress
    keys = read_keys(params.provider)

    async def run(display: Display, interrupts: Interrupts) -> int:
        pooled_keys = [
            PooledKey(number, key, RateLimiter(LimitsParams(), plan.minute))
            for number, key in enumerate(keys, start=1)
        ]
        key_pool = KeyPool(pooled_keys, 1, params.attempts, display.print_line, plan.backoff, plan.minute)
        async with connect(params, plan.compute) as server:
            queue = RequestQueue(plan.image_requests, progress)
            batch_run = BatchRun(server, queue, plan, key_pool)
            return await batch_run.run(BatchDisplay(display, partial(dollars, params.price)), interrupts)

    with Interrupts() as interrupts, Display(f"asking {params.model} in batches") as display:
        try:
            under_way = asyncio.run(run(display, interrupts))
        finally:
            plan.store.set_aside(progress.set_aside, params.attempts)
    if interrupts.pending:
        interrupts.stop(
            f"with {progress.done} of {progress.total} images done; {under_way} batch jobs go on at the server meanwhile"
        )


@dataclass
class _Job:
    """A job that the server has, or may have; `pooled_key` is the key that created it, None where that is not given."""

    record: JobRecord
    pooled_key: PooledKey | None
    poll_at: float
    name: str = ""
    state: str = _SUBMITTED
    interval: float = _FIRST_POLL
    failures: int = 0


class BatchRun:
    """One run: creates jobs of the requests that wait, polls them until they end, and collects their results."""

    def __init__(self, server: JobServer, queue: RequestQueue, plan: RequestPlan, key_pool: KeyPool) -> None:
        self._server, self._queue, self._key_pool = server, queue, key_pool
        self._progress, self._prompt, self._about = plan.progress, plan.prompt, plan.about
        self._params, self._store = plan.params, plan.store
        attempts, clock = plan.params.attempts, key_pool.clock
        keys = [pooled_key.key for pooled_key in key_pool.keys]
        self._collector = ResultCollector(
            queue, plan.progress, attempts, parse_reply, plan.store, clock, keys
        )
        self._folder = plan.store.path.parent / "jobs"
        self._jobs: list[_Job] = []
        self._ended: Counter = Counter()
        self._stop_signal, self._changed = StopSignal(), asyncio.Event()
        self._submitter = JobSubmitter(server, self._folder, key_pool, self._stop_signal)

    async def run(self, watch: BatchDisplay, interrupts: Interrupts) -> int:
        """Run until no request waits or is under way, or a signal arrives; return the number of jobs still under way."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._restore()
        ways = (self._submit_all(), self._poll_all(), self._tick(watch, interrupts))
        work = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.gather(*work)
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            (self._folder / _REQUESTS).unlink(missing_ok=True)
            await asyncio.to_thread(self._collector.save, self._about)
        self._show(watch)
        return len(self._jobs)

    def _restore(self) -> None:
        """Take up the jobs of earlier runs; delete files that one of them left half written."""
        for path in self._folder.glob("*.jsonl"):
            path.unlink()
        names = self._store.jobs()
        by_mark = {key_mark(pooled_key.key): pooled_key for pooled_key in self._key_pool.keys}
        others = 0
        for record in load_records(self._folder):
            name, state = names.get(record.title, ("", _SUBMITTED))
            if state != _SUBMITTED:
                # Its results have been collected.
                delete_record(record, self._folder)
            elif record.about == self._about:
                job = _Job(record, by_mark.get(record.mark), self._key_pool.clock(), name, "found again")
                self._jobs.append(job)
                self._queue.restore(record.requests)
            else:
                others += 1
        if self._jobs:
            self._key_pool.notify(f"{len(self._jobs)} batch jobs of an earlier run are under way")
        if others:
            self._key_pool.notify(
                f"{others} batch jobs of other settings are under way, too; run with those to take their results"
            )

    async def _submit_all(self) -> None:
        """Create jobs of waiting requests, until none waits and no job is under way that could requeue one."""
        path = self._folder / _REQUESTS
        while not self._stop_signal.stopped.is_set():
            self._changed.clear()
            if len(self._jobs) < MOST_JOBS:
                record = await asyncio.to_thread(self._draft, path)
                if record is not None:
                    with suppress(StopRequested):
                        name, pooled_key = await self._submitter.submit(record, path)
                        self._store.set_job(record.title, name, _SUBMITTED)
                        first = self._key_pool.clock() + _FIRST_POLL * self._key_pool.minute
                        self._jobs.append(_Job(record, pooled_key, first, name))
                    continue
                # A job that has just ended may have requeued requests.
                if not self._jobs and not self._changed.is_set():
                    self._stop()
                    return
            await self._changed.wait()

    def _draft(self, path: Path) -> JobRecord | None:
        """Write the requests of the next job; return its record, None where no request waits."""
        with path.open("wb") as file:
            requests = write_requests(self._queue, file, self._prompt, self._params)
        number = len(self._store.jobs())
        return (
            JobRecord(job_title(self._about, requests, number), self._about, requests) if requests else None
        )

    async def _poll_all(self) -> None:
        """Poll the jobs, each when it is due, until the run is stopped."""
        with suppress(StopRequested):
            while True:
                job = min(self._jobs, key=lambda job: job.poll_at, default=None)
                left = job.poll_at - self._key_pool.clock() if job else _TICK
                # A new job may be due before this one.
                await self._stop_signal.sleep(min(max(left, 0.0), _TICK))
                if job and left <= _TICK:
                    await self._poll(job)

    async def _poll(self, job: _Job) -> None:
        """Poll a job with the key that created it, or else with one of the same project."""
        own = job.pooled_key is not None and not job.pooled_key.retired
        for pooled_key in (
            [job.pooled_key]
            if own
            else [pooled_key for pooled_key in self._key_pool.keys if not pooled_key.retired]
        ):
            try:
                await self._poll_with(job, pooled_key, own)
            except TransientError as failure:
                job.failures += 1
                self._submitter.check_reached(failure, job.failures >= self._params.attempts)
                if job.failures == self._params.attempts:
                    self._key_pool.notify(
                        f"the server does not tell how batch job {job.name} stands ({failure}); asks on"
                    )
                job.poll_at = self._key_pool.clock() + self._key_pool.delay(
                    job.failures - 1, failure.delay, job.record.title
                )
                return
            except InvalidKeyError as failure:
                if own:
                    self._key_pool.failed(pooled_key, self._key_pool.clock(), failure)
                    return
            except NotFoundError:
                if own:
                    await self._close(job, None, "gone")
                    return
            else:
                job.failures, self._submitter.answered = 0, True
                return
        raise ParameterError(
            f"batch job {job.record.title} was made with a key that is not given any more, or is refused: give a key of "
            f"the same project, or delete {job.record.path(self._folder)}, and its images are asked about (and paid "
            "for) again"
        )

    async def _poll_with(self, job: _Job, pooled_key: PooledKey, own: bool) -> None:
        title, key = job.record.title, pooled_key.key
        if not job.name:
            job.name = await self._stop_signal.unless_stopped(self._server.find(title, key))
            if not job.name and not own:
                raise NotFoundError("gone")
            if not job.name:
                # The earlier run ended before it was created.
                for request in job.record.requests:
                    self._queue.requeue(request)
                self._forget(job)
                return
            self._store.set_job(title, job.name, _SUBMITTED)
        found = await self._stop_signal.unless_stopped(self._server.poll(job.name, key))
        job.pooled_key, job.state = pooled_key, found.state
        if found.state not in ENDED:
            job.poll_at = self._key_pool.clock() + job.interval * self._key_pool.minute
            job.interval = min(job.interval * _POLL_GROWTH, _LONGEST_POLL)
            return
        path = self._folder / f"{title}.results.jsonl" if found.results else None
        if path:
            await self._stop_signal.unless_stopped(self._server.download(found.results, path, key))
        if not found.state.endswith("succeeded"):
            why = f": {found.reason}" if found.reason else ""
            self._key_pool.notify(
                f"batch job {job.name} of {len(job.record.requests)} images has {found.state}{why}"
            )
        await self._close(job, path, found.state)

    async def _close(self, job: _Job, path: Path | None, state: str) -> None:
        """Collect the results of a job that has ended, and delete its record."""
        missing = "batch result missing" if state.endswith("succeeded") else f"batch job {state}"
        refused = await asyncio.to_thread(self._collector.collect, job.record, path, missing)
        self._store.set_job(job.record.title, job.name, state)
        if path:
            path.unlink()
        # Where this fails, the server deletes the file after two days.
        with suppress(ProviderError, ParameterError, StopRequested):
            await self._stop_signal.unless_stopped(self._server.delete(job.record.file, job.pooled_key.key))
        self._ended[state] += 1
        self._forget(job)
        if self._progress.replies >= MOST_WITHOUT_PAIRS and not self._progress.pairs:
            raise ParameterError(no_pairs_message(self._progress.replies, self._progress.failures))
        if refused and not self._progress.replies:
            raise ParameterError(
                f"the images of a batch job were refused, and none was answered ({redact(refused, job.pooled_key.key)}): look "
                "at generate.model, generate.reply_format and the other settings of generate"
            )

    def _forget(self, job: _Job) -> None:
        delete_record(job.record, self._folder)
        self._jobs.remove(job)
        self._changed.set()

    def _stop(self) -> None:
        self._stop_signal.stopped.set()
        self._key_pool.stop()
        self._changed.set()

    async def _tick(self, watch: BatchDisplay, interrupts: Interrupts) -> None:
        while not self._stop_signal.stopped.is_set():
            if interrupts.pending:
                self._stop()
            self._show(watch)
            await asyncio.sleep(_TICK)

    def _show(self, watch: BatchDisplay) -> None:
        self._progress.jobs = Counter(job.state for job in self._jobs) + self._ended
        self._progress.next_poll = min((job.poll_at for job in self._jobs), default=None)
        watch(self._progress)
