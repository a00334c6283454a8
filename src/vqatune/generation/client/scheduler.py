"""Schedules concurrent requests until every image has a reply with pairs, or is set aside with the reason.

Every reply is on disk before its image's next step. A request that fails because of the server or the key waits and is
repeated (client/key_pool.py); an image whose own requests fail is set aside after generate.attempts.
"""

import asyncio
import heapq
import math
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from vqatune.errors import ParameterError, VqatuneError
from vqatune.generation.client.api_keys import without_keys
from vqatune.generation.client.image_requests import (
    MOST_WITHOUT_PAIRS,
    ImageRequest,
    RequestPlan,
    no_pairs_message,
    should_retry,
)
from vqatune.generation.client.key_pool import KeyPool, PooledKey, StopRequested
from vqatune.generation.client.reply_writer import ReplyWriter
from vqatune.generation.providers import Ask, ParsedReply
from vqatune.generation.providers.errors import (
    InvalidKeyError,
    PermanentError,
    RateLimitError,
    TransientError,
)
from vqatune.generation.replies.parsing import extract_pairs, failure_kind
from vqatune.generation.replies.store import StoredReply
from vqatune.runtime.interrupt import Interrupts
from vqatune.runtime.request_display import RequestProgress

_NO_SERVER = {"unreachable", "not a reply"}
"""Kinds of failures of a wrong endpoint."""
_ALL_REFUSED = 20
"""After so many refused images without pairs of any the run ends: the rest would be refused, too."""
_CHECKED_TOGETHER = 50
"""Replies: a call of the checks has a fixed cost."""
_PAUSE_AFTER_CHECKS = 20
"""Times the duration of the last checks: where replies come fast, a sample of them is checked."""
_MOST_WAITING = 2000
"""Images that wait for another try, beyond which no new ones are taken."""
_LIMITED_TOO_OFTEN = 5
"""Times generate.attempts: an image that is rate-limited so often has a limit of its own."""
_TICK = 0.2


@dataclass(order=True)
class _Waiting:
    """An image request that is due at `ready`; `troubles` counts its failures in a row."""

    ready: float
    order: int
    image_request: ImageRequest = field(compare=False)
    tries: int = field(compare=False, default=0)
    troubles: int = field(compare=False, default=0)
    successes: int = field(compare=False, default=0)
    limited: int = field(compare=False, default=0)
    limited_at: int = field(compare=False, default=0)


class Scheduler:
    """One run: workers take image requests, send them with a key of the pool, and hand replies to the writer."""

    def __init__(
        self, plan: RequestPlan, ask: Ask, read: Callable[[dict[str, Any]], ParsedReply], key_pool: KeyPool
    ) -> None:
        self.progress = plan.progress
        self.progress.began = time.monotonic()
        self._check = plan.check
        self._unchecked: list[tuple[str, list[dict[str, Any]]]] = []
        self._check_from = -math.inf
        self._reply_writer = ReplyWriter(plan.store, plan.about, self.progress, key_pool)
        self._new, self._prompt, self._about = plan.image_requests, plan.prompt, plan.about
        self._ask, self._read, self._key_pool = ask, read, key_pool
        self._queue: list[_Waiting] = []
        self._order = self._busy = 0
        self._exhausted = False
        self._faults = 0
        self._refused: Counter = Counter()
        self._changed = asyncio.Event()

    async def run(self, watch: Callable[[RequestProgress], None], interrupts: Interrupts) -> RequestProgress:
        """Send requests until none is left or a signal arrives; replies to those in flight are awaited and stored.

        Raises DataError where replies cannot be stored, and ParameterError where no key is accepted, nothing answers at
        the endpoint, or every image is refused; the replies so far stay stored.
        """
        background = {
            asyncio.create_task(self._reply_writer.run()),
            asyncio.create_task(self._tick(watch, interrupts)),
        }
        workers = {asyncio.create_task(self._work()) for _ in range(self._key_pool.concurrency)}
        error = None
        left = set(workers)
        try:
            while left:
                done, left = await asyncio.wait(left | background, return_when=asyncio.FIRST_COMPLETED)
                left -= background
                for task in done:
                    if task in background:
                        task.result()
                    elif failure := task.exception():
                        # The requests that others have in flight are paid for.
                        error = error or failure
                        self._stop()
            await self._reply_writer.flush()
            await self._check_some()
        finally:
            for task in workers | background:
                task.cancel()
            await asyncio.gather(*workers, *background, return_exceptions=True)
        if error:
            raise error
        self._show(watch)
        return self.progress

    async def _work(self) -> None:
        while (waiting := await self._next()) is not None:
            self._busy += 1
            try:
                await self._ask_about(waiting)
            except StopRequested:
                return
            finally:
                self._busy -= 1
                self._changed.set()

    async def _next(self) -> _Waiting | None:
        """Return the next request as soon as one is due; None where none is left."""
        while not self._key_pool.stopping:
            now = self._key_pool.clock()
            if self._queue and self._queue[0].ready <= now:
                return heapq.heappop(self._queue)
            # While the server fails, the queue must not grow to the whole catalogue.
            if not self._exhausted and len(self._queue) < _MOST_WAITING:
                image_request = next(self._new, None)
                if image_request is not None:
                    self._order += 1
                    return _Waiting(now, self._order, image_request, image_request.tries)
                self._exhausted = True
            if self._exhausted and not self._queue and not self._busy:
                break
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(
                    self._changed.wait(), self._queue[0].ready - now if self._queue else None
                )
        return None

    async def _ask_about(self, waiting: _Waiting) -> None:
        image_request = waiting.image_request
        image, listing = await asyncio.to_thread(image_request.load)
        async with self._key_pool.slot() as (pooled_key, sent):
            try:
                reply = await self._reply(waiting, image, listing, pooled_key, sent)
            except VqatuneError:
                # Before the next request takes this one's place.
                self._stop()
                raise
        if reply is None:
            return
        self._refused.clear()
        waiting.tries += 1
        about = (image_request.image_id, image_request.product_type, self._about)
        await self._reply_writer.write(StoredReply(image_request.key, waiting.tries, *about, reply))
        self._note_reply(waiting, self._read(reply))

    async def _reply(
        self, waiting: _Waiting, image: bytes, listing: str, pooled_key: PooledKey, sent: float
    ) -> dict[str, Any] | None:
        """Return the reply; None where there is none, after queueing the request again or setting its image aside."""
        try:
            reply = await self._ask(image, listing, self._prompt, pooled_key.key)
            reply = without_keys(reply, [each.key for each in self._key_pool.keys])
        except PermanentError as failure:
            self._key_pool.succeeded(pooled_key, 0)
            self._note_refusal(waiting.image_request, failure)
            return None
        except ParameterError as error:
            self._faults += 1
            # A setting that has worked in this run is most likely refused by mistake.
            if not self.progress.replies or self._faults >= self._key_pool.attempts:
                raise
            self._wait_after(waiting, TransientError("refused setting", str(error)), pooled_key, sent)
            return None
        except (TransientError, InvalidKeyError) as failure:
            self._wait_after(waiting, failure, pooled_key, sent)
            return None
        self._faults = 0
        self.progress.reply_seconds += self._key_pool.clock() - sent
        self._key_pool.succeeded(pooled_key, self._read(reply).input_tokens)
        return reply

    def _note_reply(self, waiting: _Waiting, parsed: ParsedReply) -> None:
        progress = self.progress
        progress.replies += 1
        progress.input_tokens += parsed.input_tokens
        progress.output_tokens += parsed.output_tokens
        pairs = extract_pairs(parsed).pairs
        if pairs:
            if len(self._unchecked) < _CHECKED_TOGETHER:
                self._unchecked.append((waiting.image_request.image_id, pairs))
            progress.pairs += len(pairs)
            progress.done += 1
            return
        kind = failure_kind(parsed)
        progress.failures[kind] += 1
        if progress.replies >= MOST_WITHOUT_PAIRS and not progress.pairs:
            self._stop()
            raise ParameterError(no_pairs_message(progress.replies, progress.failures))
        if not should_retry(kind, waiting.tries, self._key_pool.attempts):
            self._set_aside(waiting.image_request, kind)
        else:
            self._requeue(waiting, self._key_pool.clock())

    def _note_refusal(self, image_request: ImageRequest, failure: PermanentError) -> None:
        self.progress.failures[failure.kind] += 1
        self._refused[str(failure)] += 1
        if self._refused.total() >= _ALL_REFUSED and not self.progress.pairs:
            raise ParameterError(
                f"the first {self._refused.total()} images were all refused ({self._refused.most_common(1)[0][0]}): "
                "look at generate.model, generate.reply_format and the other settings of generate"
            )
        self._set_aside(image_request, failure.kind)

    def _wait_after(
        self, waiting: _Waiting, failure: TransientError | InvalidKeyError, pooled_key: PooledKey, sent: float
    ) -> None:
        """Queue a failed request again, or set its image aside where the image causes the failure."""
        now = self._key_pool.clock()
        self.progress.failures[failure.kind] += 1
        self._key_pool.failed(pooled_key, sent, failure)
        if isinstance(failure, InvalidKeyError | RateLimitError):
            if isinstance(failure, RateLimitError) and self._has_a_limit_of_its_own(waiting, failure):
                self._set_aside(waiting.image_request, failure.kind)
            else:
                self._requeue(waiting, now)
            return
        if self._key_pool.never_answered() and set(self.progress.failures) <= _NO_SERVER:
            raise ParameterError(
                f"nothing answers as it should ({failure}): look at generate.endpoint and the network"
            )
        if not waiting.troubles:
            waiting.successes = self._key_pool.successes
        waiting.troubles += 1
        others_succeed = self._key_pool.successes > waiting.successes and not self._key_pool.failing
        # At the end no other requests show whether the image or the server is the cause.
        patience = 1 if others_succeed else 2 if self._exhausted else math.inf
        if waiting.troubles >= patience * self._key_pool.attempts:
            self._set_aside(waiting.image_request, failure.kind)
        elif self._exhausted and self._key_pool.exhausted:
            # Only failing images are left, and resting has not helped.
            for each in [waiting, *self._queue]:
                self._set_aside(each.image_request, failure.kind)
            self._queue.clear()
        else:
            delay = self._key_pool.delay(waiting.troubles - 1, failure.delay, waiting.image_request.key.hex())
            self._requeue(waiting, now + delay)

    def _has_a_limit_of_its_own(self, waiting: _Waiting, failure: RateLimitError) -> bool:
        # Where other requests succeed between its refusals, the quota is not the cause.
        if self._key_pool.successes > waiting.limited_at:
            waiting.limited, waiting.limited_at = waiting.limited + 1, self._key_pool.successes
        at_the_end = self._exhausted and waiting.limited and self._key_pool.exhausted and not failure.daily
        return bool(at_the_end) or waiting.limited >= _LIMITED_TOO_OFTEN * self._key_pool.attempts

    def _requeue(self, waiting: _Waiting, ready: float) -> None:
        waiting.ready = ready
        heapq.heappush(self._queue, waiting)

    def _set_aside(self, image_request: ImageRequest, kind: str) -> None:
        self.progress.set_aside[image_request.key] = kind
        self.progress.done += 1

    async def _check_some(self) -> None:
        replies, self._unchecked = self._unchecked, []
        began = self._key_pool.clock()
        # Not `kept += await …`, which would add to the value from before the checks, as two may run at once.
        kept = await asyncio.to_thread(self._check, replies)
        self.progress.kept += kept
        self.progress.checked += sum(len(pairs) for _, pairs in replies)
        ended = self._key_pool.clock()
        self._check_from = ended + _PAUSE_AFTER_CHECKS * (ended - began)

    def _stop(self) -> None:
        self._key_pool.stop()
        self._changed.set()

    async def _tick(self, watch: Callable[[RequestProgress], None], interrupts: Interrupts) -> None:
        while True:
            if interrupts.pending and not self._key_pool.stopping:
                self._stop()
            if len(self._unchecked) >= _CHECKED_TOGETHER and self._key_pool.clock() >= self._check_from:
                await self._check_some()
            self._show(watch)
            await asyncio.sleep(_TICK)

    def _show(self, watch: Callable[[RequestProgress], None]) -> None:
        self._key_pool.record_figures(self.progress)
        watch(self.progress)
