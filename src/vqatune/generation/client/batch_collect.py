"""The queue of requests for batch jobs, and the collection of a job's results: replies to store, requests to repeat."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from vqatune.generation.client import batch_files
from vqatune.generation.client.api_keys import without_keys
from vqatune.generation.client.batch_files import (
    BatchRequest,
    BatchResult,
    JobRecord,
    read_results,
    request_line,
)
from vqatune.generation.client.image_requests import ImageRequest, should_retry
from vqatune.generation.prompts.prompt import Prompt
from vqatune.generation.providers import ParsedReply
from vqatune.generation.providers.errors import PermanentError
from vqatune.generation.providers.gemini_batch import request_body
from vqatune.generation.replies.parsing import extract_pairs, failure_kind
from vqatune.generation.replies.store import ReplyStore, StoredReply
from vqatune.params import GenerateParams
from vqatune.runtime.request_display import RequestProgress

_REFUSED = (3, 400)
"""Error codes that a repeated request would get again."""
_ALL_REFUSED = 20
"""After so many refused images of a job, and none answered, the run ends: the rest would be refused, too."""
_AT_ONCE = 500


class RequestQueue:
    """Image requests that wait, and the keys of those under way, including jobs of an earlier run.

    The latter are known before the image requests are reached, so that none is sent twice.
    """

    def __init__(self, image_requests: Iterable[ImageRequest], progress: RequestProgress) -> None:
        self._new = iter(image_requests)
        self._requeued: deque[tuple[ImageRequest, BatchRequest]] = deque()
        self._progress = progress
        # None until the image request is reached, if it ever is.
        self._under_way: dict[bytes, ImageRequest | None] = {}
        self._finished: set[bytes] = set()
        self._due: dict[bytes, BatchRequest] = {}
        # Requests are written while results are collected.
        self._lock = Lock()

    def restore(self, requests: Iterable[BatchRequest]) -> None:
        """Note that requests are under way in a job of an earlier run."""
        with self._lock:
            self._under_way.update(dict.fromkeys(request.key for request in requests))

    def take(self) -> tuple[ImageRequest, BatchRequest] | None:
        """Return the next request, None where none waits."""
        with self._lock:
            for image_request in self._new:
                key = image_request.key
                if key in self._finished:
                    self._progress.done += 1
                elif key in self._under_way:
                    self._under_way[key] = image_request
                else:
                    request = BatchRequest(
                        key, image_request.image_id, image_request.product_type, image_request.tries
                    )
                    return self._start(image_request, self._due.pop(key, request))
            return self._start(*self._requeued.popleft()) if self._requeued else None

    def finish(self, request: BatchRequest, kind: str = "") -> None:
        """Note that a request needs no repetition: it has pairs, or its image is set aside for the reason `kind`."""
        with self._lock:
            if kind:
                self._progress.set_aside[request.key] = kind
            if self._under_way.pop(request.key, None) is None:
                self._finished.add(request.key)
            else:
                self._progress.done += 1

    def requeue(self, request: BatchRequest) -> None:
        """Queue a request again, for another job."""
        with self._lock:
            image_request = self._under_way.pop(request.key, None)
            if image_request is None:
                self._due[request.key] = request
            else:
                self._requeued.append((image_request, request))

    def _start(self, image_request: ImageRequest, request: BatchRequest) -> tuple[ImageRequest, BatchRequest]:
        self._under_way[request.key] = image_request
        return image_request, request


def write_requests(
    queue: RequestQueue, file: BinaryIO, prompt: Prompt, params: GenerateParams
) -> list[BatchRequest]:
    """Write the requests of a job, as many as wait and a job takes, and return them."""
    written: list[BatchRequest] = []
    while len(written) < batch_files.MOST_REQUESTS and file.tell() < batch_files.MOST_BYTES:
        taken = queue.take()
        if taken is None:
            break
        image_request, request = taken
        try:
            body = request_body(*image_request.load(), prompt, params)
        except PermanentError as failure:
            queue.finish(request, failure.kind)
            continue
        file.write(request_line(request.key, body))
        written.append(request)
    return written


class ResultCollector:
    """Collects the results of jobs: stores the replies, and finishes every request or queues it again."""

    def __init__(
        self,
        queue: RequestQueue,
        progress: RequestProgress,
        attempts: int,
        parse_reply: Callable[[dict[str, Any]], ParsedReply],
        store: ReplyStore,
        clock: Callable[[], float],
        keys: Collection[str],
    ) -> None:
        self._queue, self._progress, self._attempts = queue, progress, attempts
        self._parse_reply, self._store, self._clock = parse_reply, store, clock
        self._keys = keys
        self._tallied: Counter = Counter({"seconds": clock()})

    def collect(self, record: JobRecord, path: Path | None, missing: str) -> str:
        """Collect a job's results file, where there is one; `missing` is the kind of failure of requests not in it.

        A file may be collected twice: replies in the store stay as they are. Where so many requests were refused that
        their images are hardly the cause, return the server's reason, otherwise ''.
        """
        left = {request.key: request for request in record.requests}
        refused = Counter()
        results = read_results(path) if path else iter(())
        while some := list(islice(results, _AT_ONCE)):
            self._collect_some(some, left, record.about, refused)
        for request in left.values():
            self._note_failure(replace(request, failures=request.failures + 1), missing)
        self._progress.requests += len(record.requests)
        self.save(record.about)
        return refused.most_common(1)[0][0] or "for no reason" if refused.total() >= _ALL_REFUSED else ""

    def save(self, about: str, replies: Iterable[StoredReply] = ()) -> None:
        """Store replies, together with what has been counted since the last time."""
        amounts = Counter({f"failed: {kind}": count for kind, count in self._progress.failures.items()})
        amounts["requests"], amounts["seconds"] = self._progress.requests, self._clock()
        changes = {name: amount - self._tallied[name] for name, amount in amounts.items()}
        self._store.add(replies, about, changes)
        self._tallied = amounts

    def _collect_some(
        self, results: list[BatchResult], left: dict[bytes, BatchRequest], about: str, refused: Counter
    ) -> None:
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
            reply = without_keys(result.reply, self._keys)
            replies.append(
                StoredReply(request.key, asked.tries, request.image_id, request.product_type, about, reply)
            )
            # A run that was killed at this point has counted it already.
            fresh = len(before.get(request.key, ())) < asked.tries
            self._note_reply(asked, self._parse_reply(reply), counts=fresh)
        self.save(about, replies)

    def _note_reply(self, request: BatchRequest, parsed: ParsedReply, counts: bool) -> None:
        pairs = len(extract_pairs(parsed).pairs)
        if counts:
            self._progress.replies += 1
            self._progress.input_tokens += parsed.input_tokens
            self._progress.output_tokens += parsed.output_tokens
            self._progress.pairs += pairs
        if pairs:
            self._queue.finish(request)
            return
        kind = failure_kind(parsed)
        self._progress.failures[kind] += counts
        self._finish_or_requeue(
            request, kind, should_retry(kind, request.tries + request.failures, self._attempts)
        )

    def _note_failure(self, request: BatchRequest, kind: str, final: bool = False) -> None:
        self._progress.failures[kind] += 1
        again = not final and should_retry(kind, request.tries + request.failures, self._attempts)
        self._finish_or_requeue(request, kind, again)

    def _finish_or_requeue(self, request: BatchRequest, kind: str, again: bool) -> None:
        if again:
            self._queue.requeue(request)
        else:
            self._queue.finish(request, kind)
