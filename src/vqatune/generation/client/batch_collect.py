"""Who is asked about next in a batch job, and what becomes of a job's results: replies to keep, images to ask again."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from vqatune.generation.client import batch_files
from vqatune.generation.client.batch_display import BatchProgress
from vqatune.generation.client.batch_files import JobRecord, Request, Result, read_results, request_line
from vqatune.generation.client.jobs import Subject
from vqatune.generation.prompts.prompt import Prompt
from vqatune.generation.providers import Reading
from vqatune.generation.providers.failures import Refused
from vqatune.generation.providers.gemini_batch import request_body
from vqatune.generation.replies.outcomes import ask_again, kind_of_failure, pairs_of
from vqatune.generation.replies.store import ReplyStore, StoredReply
from vqatune.params import GenerateParams

_REFUSED = (3, 400)
"""Codes of an error that another request about the image would meet again."""
_ALL_REFUSED = 20
"""When so many images of a job are refused, and none has been answered, the rest would be, too."""
_AT_ONCE = 500


class Queue:
    """The subjects that wait, and the keys of those under way, also in jobs of an earlier run.

    The latter are known before the subjects come to them, so that nothing is asked that is being asked.
    """

    def __init__(self, subjects: Iterable[Subject], progress: BatchProgress) -> None:
        self._new = iter(subjects)
        self._again: deque[tuple[Subject, Request]] = deque()
        self._progress = progress
        # None where the subjects have not come to it yet, if they ever do.
        self._under_way: dict[bytes, Subject | None] = {}
        self._settled: set[bytes] = set()
        self._due: dict[bytes, Request] = {}
        # Requests are written while results are taken.
        self._lock = Lock()

    def recall(self, requests: Iterable[Request]) -> None:
        """Note that requests are under way in a job of an earlier run."""
        with self._lock:
            self._under_way.update(dict.fromkeys(request.key for request in requests))

    def take(self) -> tuple[Subject, Request] | None:
        """Return whom to ask about next, None where nobody waits."""
        with self._lock:
            for subject in self._new:
                key = subject.key
                if key in self._settled:
                    self._progress.done += 1
                elif key in self._under_way:
                    self._under_way[key] = subject
                else:
                    request = Request(key, subject.image_id, subject.product_type, subject.tries)
                    return self._leave(subject, self._due.pop(key, request))
            return self._leave(*self._again.popleft()) if self._again else None

    def settle(self, request: Request, kind: str = "") -> None:
        """Note that nothing more is to be asked: there are pairs, or the image is set aside for a reason."""
        with self._lock:
            if kind:
                self._progress.set_aside[request.key] = kind
            if self._under_way.pop(request.key, None) is None:
                self._settled.add(request.key)
            else:
                self._progress.done += 1

    def ask_again(self, request: Request) -> None:
        """Note that a request waits to be sent in another job."""
        with self._lock:
            subject = self._under_way.pop(request.key, None)
            if subject is None:
                self._due[request.key] = request
            else:
                self._again.append((subject, request))

    def _leave(self, subject: Subject, request: Request) -> tuple[Subject, Request]:
        self._under_way[request.key] = subject
        return subject, request


def write_requests(queue: Queue, file: BinaryIO, prompt: Prompt, params: GenerateParams) -> list[Request]:
    """Write a job's requests, as many as wait and a job takes, and return them."""
    written: list[Request] = []
    while len(written) < batch_files.MOST_REQUESTS and file.tell() < batch_files.MOST_BYTES:
        taken = queue.take()
        if taken is None:
            break
        subject, request = taken
        try:
            body = request_body(*subject.load(), prompt, params)
        except Refused as failure:
            queue.settle(request, failure.kind)
            continue
        file.write(request_line(request.key, body))
        written.append(request)
    return written


class Collector:
    """Takes the results of jobs: replies to the store, and every request to where it goes from there."""

    def __init__(
        self,
        queue: Queue,
        progress: BatchProgress,
        attempts: int,
        read: Callable[[dict[str, Any]], Reading],
        store: ReplyStore,
        clock: Callable[[], float],
    ) -> None:
        self._queue, self._progress, self._attempts = queue, progress, attempts
        self._read, self._store, self._clock = read, store, clock
        self._tallied: Counter = Counter({"seconds": clock()})

    def collect(self, record: JobRecord, path: Path | None, otherwise: str) -> str:
        """Take a job's results file, where there is one; `otherwise` is why a request that is not in it has none.

        A file may be taken twice: the replies that are in the store stay as they are. Returns why the requests were
        refused, where so many were that it is hardly for their images' sake; otherwise ''.
        """
        left = {request.key: request for request in record.requests}
        refused = Counter()
        results = read_results(path) if path else iter(())
        while some := list(islice(results, _AT_ONCE)):
            self._take(some, left, record.about, refused)
        for request in left.values():
            self._note_failure(replace(request, failures=request.failures + 1), otherwise)
        self._progress.requests += len(record.requests)
        self.save(record.about)
        return refused.most_common(1)[0][0] or "for no reason" if refused.total() >= _ALL_REFUSED else ""

    def save(self, about: str, replies: Iterable[StoredReply] = ()) -> None:
        """Put replies and what was counted meanwhile on record."""
        amounts = Counter({f"failed: {kind}": count for kind, count in self._progress.failures.items()})
        amounts["requests"], amounts["seconds"] = self._progress.requests, self._clock()
        news = {name: amount - self._tallied[name] for name, amount in amounts.items()}
        self._store.add(replies, about, news)
        self._tallied = amounts

    def _take(self, results: list[Result], left: dict[bytes, Request], about: str, refused: Counter) -> None:
        replies = []
        before = self._store.load([result.key for result in results if result.reply is not None])
        for result in results:
            request = left.pop(result.key, None)
            if request is None:
                continue
            if result.reply is None:
                if result.code in _REFUSED:
                    refused[result.message] += 1
                failed = replace(request, failures=request.failures + 1)
                self._note_failure(failed, f"batch error {result.code}", final=result.code in _REFUSED)
                continue
            asked = replace(request, tries=request.tries + 1)
            replies.append(
                StoredReply(
                    request.key, asked.tries, request.image_id, request.product_type, about, result.reply
                )
            )
            # Otherwise a run that was killed here has counted it.
            fresh = len(before.get(request.key, ())) < asked.tries
            self._note_reply(asked, self._read(result.reply), counts=fresh)
        self.save(about, replies)

    def _note_reply(self, request: Request, reading: Reading, counts: bool) -> None:
        pairs = len(pairs_of(reading).pairs)
        if counts:
            self._progress.replies += 1
            self._progress.input_tokens += reading.input_tokens
            self._progress.output_tokens += reading.output_tokens
            self._progress.pairs += pairs
        if pairs:
            self._queue.settle(request)
            return
        kind = kind_of_failure(reading)
        self._progress.failures[kind] += counts
        self._go_on(request, kind, ask_again(kind, request.tries + request.failures, self._attempts))

    def _note_failure(self, request: Request, kind: str, final: bool = False) -> None:
        self._progress.failures[kind] += 1
        again = not final and ask_again(kind, request.tries + request.failures, self._attempts)
        self._go_on(request, kind, again)

    def _go_on(self, request: Request, kind: str, again: bool) -> None:
        if again:
            self._queue.ask_again(request)
        else:
            self._queue.settle(request, kind)
