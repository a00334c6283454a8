"""Asking a model about images in batch jobs: half the price, and results within a day.

A job's record is on disk before the server is asked to make it, so whenever a run ends, the next one finds the job and
takes its results; replies are kept as those to single requests are. What got no pairs goes into another job.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vqatune.errors import ParameterError
from vqatune.generation.client.api_keys import key_mark, read_keys
from vqatune.generation.client.batch_collect import Collector, Queue, write_requests
from vqatune.generation.client.batch_display import BatchProgress, BatchWatch
from vqatune.generation.client.batch_files import JobRecord, forget_record, job_title, load_records
from vqatune.generation.client.batch_submit import Ending, Submitter
from vqatune.generation.client.jobs import Assignment
from vqatune.generation.client.key_pool import Lane, Lanes, Stopping
from vqatune.generation.client.rate_limiter import Pace
from vqatune.generation.prompts.prompt import Prompt
from vqatune.generation.providers.failures import BadKey, Failure, Passing
from vqatune.generation.providers.gemini_batch import ENDED, Gone, JobServer, opened
from vqatune.generation.providers.gemini_replies import read, redact
from vqatune.generation.replies.outcomes import ALL_WITHOUT_PAIRS, without_pairs
from vqatune.generation.replies.store import ReplyStore
from vqatune.params import GenerateParams, LimitsParams
from vqatune.runtime.interrupt import Interrupts
from vqatune.runtime.live_display import Display

MOST_JOBS = 100
"""Under way at once: more are refused."""
_FIRST_LOOK, _LONGER, _LAST_LOOK = 0.25, 1.5, 5.0
"""Minutes from one look at a job to the next: the first, how they grow, the longest."""
_TICK = 0.2
_REQUESTS = "requests.jsonl"
_SUBMITTED = "submitted"
"""The state on record of a job whose results have not been taken."""


def ask_in_batches(assignment: Assignment) -> None:
    """Ask about the subjects in batch jobs; who was set aside, and why, goes on record with the replies.

    Raises ParameterError where no key is taken, a job belongs to a key that is not given, or the model, the endpoint
    or the requests are refused; DataError where replies cannot be kept; Stopped at a signal. Jobs that the server has
    taken go on whatever happens here, and are found again.
    """
    params, standing = assignment.params, assignment.standing
    keys = read_keys(params.provider)
    progress = BatchProgress(
        standing.total,
        done=standing.done,
        pairs=standing.pairs,
        input_tokens=standing.input_tokens,
        output_tokens=standing.output_tokens,
    )

    async def ask_all(display: Display, interrupts: Interrupts) -> int:
        paces = [
            Lane(number, key, Pace(LimitsParams(), assignment.minute))
            for number, key in enumerate(keys, start=1)
        ]
        lanes = Lanes(paces, 1, params.attempts, display.tell, assignment.pause, assignment.minute)
        async with opened(params) as server:
            queue = Queue(assignment.subjects, progress)
            run = BatchRun(
                server, queue, progress, assignment.prompt, assignment.about, params, assignment.store, lanes
            )
            return await run.run(BatchWatch(display, params.price), interrupts)

    with Interrupts() as interrupts, Display(f"asking {params.model} in batches") as display:
        try:
            under_way = asyncio.run(ask_all(display, interrupts))
        finally:
            assignment.store.set_aside(progress.set_aside, params.attempts)
    if interrupts.pending:
        interrupts.stop(
            f"with {progress.done} of {progress.total} images done; {under_way} batch jobs go on at the server meanwhile"
        )


@dataclass
class _Job:
    """A job that the server has, or may have; `lane` is the key that it belongs to, None for one that is not given."""

    record: JobRecord
    lane: Lane | None
    look_at: float
    name: str = ""
    state: str = _SUBMITTED
    interval: float = _FIRST_LOOK
    failures: int = 0


class BatchRun:
    """One run of asking in batches: jobs are made of what waits, looked at until they end, and their results taken."""

    def __init__(
        self,
        server: JobServer,
        queue: Queue,
        progress: BatchProgress,
        prompt: Prompt,
        about: str,
        params: GenerateParams,
        store: ReplyStore,
        lanes: Lanes,
    ) -> None:
        self._server, self._queue, self._progress, self._lanes = server, queue, progress, lanes
        self._prompt, self._about, self._params, self._store = prompt, about, params, store
        self._collector = Collector(queue, progress, params.attempts, read, store, lanes.clock)
        self._folder = store.path.parent / "jobs"
        self._jobs: list[_Job] = []
        self._ended: Counter = Counter()
        self._ending, self._changed = Ending(), asyncio.Event()
        self._submitter = Submitter(server, self._folder, lanes, self._ending)

    async def run(self, watch: BatchWatch, interrupts: Interrupts) -> int:
        """Ask until nothing waits or is under way, or a signal comes; return the number of jobs still under way."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._recall()
        ways = (self._submit_all(), self._look_at_all(), self._tick(watch, interrupts))
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

    def _recall(self) -> None:
        """Take up the jobs of earlier runs; what was being written when one ended is begun anew."""
        for path in self._folder.glob("*.jsonl"):
            path.unlink()
        names = self._store.jobs()
        lanes = {key_mark(lane.key): lane for lane in self._lanes.lanes}
        others = 0
        for record in load_records(self._folder):
            name, state = names.get(record.title, ("", _SUBMITTED))
            if state != _SUBMITTED:
                # Its results have been taken.
                forget_record(record, self._folder)
            elif record.about == self._about:
                job = _Job(record, lanes.get(record.mark), self._lanes.clock(), name, "found again")
                self._jobs.append(job)
                self._queue.recall(record.requests)
            else:
                others += 1
        if self._jobs:
            self._lanes.tell(f"{len(self._jobs)} batch jobs of an earlier run are under way")
        if others:
            self._lanes.tell(
                f"{others} batch jobs of other settings are under way, too; run with those to take their results"
            )

    async def _submit_all(self) -> None:
        """Make jobs of what waits, until nothing waits and nothing is under way that could come to wait again."""
        path = self._folder / _REQUESTS
        while not self._ending.stopped.is_set():
            self._changed.clear()
            if len(self._jobs) < MOST_JOBS:
                record = await asyncio.to_thread(self._draft, path)
                if record is not None:
                    with suppress(Stopping):
                        name, lane = await self._submitter.submit(record, path)
                        self._store.set_job(record.title, name, _SUBMITTED)
                        first = self._lanes.clock() + _FIRST_LOOK * self._lanes.minute
                        self._jobs.append(_Job(record, lane, first, name))
                    continue
                # What a job that has just ended has left waits since.
                if not self._jobs and not self._changed.is_set():
                    self._stop()
                    return
            await self._changed.wait()

    def _draft(self, path: Path) -> JobRecord | None:
        """Write the requests of the next job; return its record, None where nothing waits."""
        with path.open("wb") as file:
            requests = write_requests(self._queue, file, self._prompt, self._params)
        number = len(self._store.jobs())
        return (
            JobRecord(job_title(self._about, requests, number), self._about, requests) if requests else None
        )

    async def _look_at_all(self) -> None:
        """Look at the jobs, each when it is its turn, until the run is stopped."""
        with suppress(Stopping):
            while True:
                job = min(self._jobs, key=lambda job: job.look_at, default=None)
                left = job.look_at - self._lanes.clock() if job else _TICK
                # New jobs may be looked at before this one.
                await self._ending.sleep(min(max(left, 0.0), _TICK))
                if job and left <= _TICK:
                    await self._visit(job)

    async def _visit(self, job: _Job) -> None:
        """Look at a job, with the key that it belongs to; where that is gone, with one of the same project."""
        own = job.lane is not None and not job.lane.retired
        for lane in [job.lane] if own else [lane for lane in self._lanes.lanes if not lane.retired]:
            try:
                await self._visit_with(job, lane, own)
            except Passing as failure:
                job.failures += 1
                self._submitter.check_reached(failure, job.failures >= self._params.attempts)
                if job.failures == self._params.attempts:
                    self._lanes.tell(
                        f"the server does not tell how batch job {job.name} stands ({failure}); asks on"
                    )
                job.look_at = self._lanes.clock() + self._lanes.delay(
                    job.failures - 1, failure.delay, job.record.title
                )
                return
            except BadKey as failure:
                if own:
                    self._lanes.failed(lane, self._lanes.clock(), failure)
                    return
            except Gone:
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

    async def _visit_with(self, job: _Job, lane: Lane, own: bool) -> None:
        title, key = job.record.title, lane.key
        if not job.name:
            job.name = await self._ending.unless_stopped(self._server.find(title, key))
            if not job.name and not own:
                raise Gone("gone")
            if not job.name:
                # The earlier run ended before it was made.
                for request in job.record.requests:
                    self._queue.ask_again(request)
                self._forget(job)
                return
            self._store.set_job(title, job.name, _SUBMITTED)
        found = await self._ending.unless_stopped(self._server.look(job.name, key))
        job.lane, job.state = lane, found.state
        if found.state not in ENDED:
            job.look_at = self._lanes.clock() + job.interval * self._lanes.minute
            job.interval = min(job.interval * _LONGER, _LAST_LOOK)
            return
        path = self._folder / f"{title}.results.jsonl" if found.results else None
        if path:
            await self._ending.unless_stopped(self._server.download(found.results, path, key))
        if not found.state.endswith("succeeded"):
            why = f": {found.reason}" if found.reason else ""
            self._lanes.tell(
                f"batch job {job.name} of {len(job.record.requests)} images has {found.state}{why}"
            )
        await self._close(job, path, found.state)

    async def _close(self, job: _Job, path: Path | None, state: str) -> None:
        """Take the results of a job that has ended, and forget it."""
        otherwise = "batch result missing" if state.endswith("succeeded") else f"batch job {state}"
        refused = await asyncio.to_thread(self._collector.collect, job.record, path, otherwise)
        self._store.set_job(job.record.title, job.name, state)
        if path:
            path.unlink()
        # Where this fails, the file goes by itself after two days.
        with suppress(Failure, ParameterError, Stopping):
            await self._ending.unless_stopped(self._server.delete(job.record.file, job.lane.key))
        self._ended[state] += 1
        self._forget(job)
        if self._progress.replies >= ALL_WITHOUT_PAIRS and not self._progress.pairs:
            raise ParameterError(without_pairs(self._progress.replies, self._progress.failures))
        if refused and not self._progress.replies:
            raise ParameterError(
                f"the images of a batch job were refused, and none was answered ({redact(refused, job.lane.key)}): look "
                "at generate.model, generate.reply_format and the other settings of generate"
            )

    def _forget(self, job: _Job) -> None:
        forget_record(job.record, self._folder)
        self._jobs.remove(job)
        self._changed.set()

    def _stop(self) -> None:
        self._ending.stopped.set()
        self._lanes.stop()
        self._changed.set()

    async def _tick(self, watch: BatchWatch, interrupts: Interrupts) -> None:
        while not self._ending.stopped.is_set():
            if interrupts.pending:
                self._stop()
            self._show(watch)
            await asyncio.sleep(_TICK)

    def _show(self, watch: BatchWatch) -> None:
        self._progress.jobs = Counter(job.state for job in self._jobs) + self._ended
        self._progress.waits_until = min((job.look_at for job in self._jobs), default=None)
        watch(self._progress)
