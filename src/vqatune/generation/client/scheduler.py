"""Asking a model about images until each has a reply or is set aside; every reply is on disk before the next step.

What fails for the server's or a key's sake waits and is asked again (questions/lanes.py); what fails for the image's
own sake is set aside after its attempts, with the reason, and the rest goes on.
"""

import asyncio
import heapq
import math
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from vqatune.errors import ParameterError, VqatuneError
from vqatune.generation.client.jobs import Assignment, Progress, Subject
from vqatune.generation.client.key_pool import Lane, Lanes, Stopping
from vqatune.generation.client.reply_writer import Keeper
from vqatune.generation.providers import Ask, Reading
from vqatune.generation.providers.failures import BadKey, Limited, Passing, Refused
from vqatune.generation.replies.outcomes import (
    ALL_WITHOUT_PAIRS,
    ask_again,
    kind_of_failure,
    pairs_of,
    without_pairs,
)
from vqatune.generation.replies.store import StoredReply
from vqatune.runtime.interrupt import Interrupts

_NO_SERVER = {"unreachable", "not a reply"}
"""What there is of failures where the endpoint is wrong."""
_ALL_REFUSED = 20
"""When so many images are refused before there are pairs of any, the rest would be, too."""
_CHECKED_TOGETHER = 50
"""Replies: checking has a cost of its own, however few they are."""
_PAUSE_AFTER_CHECKS = 20
"""Times as long as they took: where replies come fast, a sample of them tells what is kept."""
_MOST_WAITING = 2000
"""Images that wait to be asked about again; beyond that no new ones are taken."""
_LIMITED_TOO_OFTEN = 5
"""Times its attempts: an image that meets a used up quota so often has a limit of its own."""
_TICK = 0.2


@dataclass(order=True)
class _Waiting:
    """A subject that is to be asked about again at a time; `troubles` counts its failures in a row."""

    ready: float
    order: int
    subject: Subject = field(compare=False)
    tries: int = field(compare=False, default=0)
    troubles: int = field(compare=False, default=0)
    successes: int = field(compare=False, default=0)
    limited: int = field(compare=False, default=0)
    limited_at: int = field(compare=False, default=0)


class Asker:
    """One run of asking: workers that take subjects, ask through the lanes, and hand replies to the store."""

    def __init__(
        self, assignment: Assignment, ask: Ask, read: Callable[[dict[str, Any]], Reading], lanes: Lanes
    ) -> None:
        self.progress = Progress(assignment.standing, lanes)
        self._check = assignment.check
        self._unchecked: list[tuple[str, list[dict[str, Any]]]] = []
        self._check_from = -math.inf
        self._keeper = Keeper(assignment.store, assignment.about, self.progress)
        self._new, self._prompt, self._about = assignment.subjects, assignment.prompt, assignment.about
        self._ask, self._read, self._lanes = ask, read, lanes
        self._again: list[_Waiting] = []
        self._order = self._busy = 0
        self._exhausted = False
        self._faults = 0
        self._refused: Counter = Counter()
        self._changed = asyncio.Event()

    async def run(self, watch: Callable[[Progress], None], interrupts: Interrupts) -> Progress:
        """Ask until nothing is left to ask, or a signal comes; then what is under way is waited for and kept.

        Raises DataError where replies cannot be kept, and ParameterError where no key is taken, or nothing answers at
        the endpoint, or every image is refused; replies so far are kept.
        """
        background = {
            asyncio.create_task(self._keeper.write()),
            asyncio.create_task(self._tick(watch, interrupts)),
        }
        workers = {asyncio.create_task(self._work()) for _ in range(self._lanes.concurrency)}
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
                        # What the others have under way is paid for.
                        error = error or failure
                        self._stop()
            await self._keeper.end()
            await self._check_some()
        finally:
            for task in workers | background:
                task.cancel()
            await asyncio.gather(*workers, *background, return_exceptions=True)
        if error:
            raise error
        watch(self.progress)
        return self.progress

    async def _work(self) -> None:
        while (waiting := await self._next()) is not None:
            self._busy += 1
            try:
                await self._ask_about(waiting)
            except Stopping:
                return
            finally:
                self._busy -= 1
                self._changed.set()

    async def _next(self) -> _Waiting | None:
        """Return whom to ask about next, as soon as there is one; None where nothing is left."""
        while not self._lanes.stopping:
            now = self._lanes.clock()
            if self._again and self._again[0].ready <= now:
                return heapq.heappop(self._again)
            # While nothing goes well, what waits for another try is not to grow to the whole catalogue.
            if not self._exhausted and len(self._again) < _MOST_WAITING:
                subject = next(self._new, None)
                if subject is not None:
                    self._order += 1
                    return _Waiting(now, self._order, subject, subject.tries)
                self._exhausted = True
            if self._exhausted and not self._again and not self._busy:
                break
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(
                    self._changed.wait(), self._again[0].ready - now if self._again else None
                )
        return None

    async def _ask_about(self, waiting: _Waiting) -> None:
        subject = waiting.subject
        image, listing = await asyncio.to_thread(subject.load)
        async with self._lanes.slot() as (lane, sent):
            try:
                reply = await self._reply(waiting, image, listing, lane, sent)
            except VqatuneError:
                # Before the next request takes this one's place.
                self._stop()
                raise
        if reply is None:
            return
        self._refused.clear()
        waiting.tries += 1
        about = (subject.image_id, subject.product_type, self._about)
        await self._keeper.keep(StoredReply(subject.key, waiting.tries, *about, reply))
        self._note_reply(waiting, self._read(reply))

    async def _reply(
        self, waiting: _Waiting, image: bytes, listing: str, lane: Lane, sent: float
    ) -> dict[str, Any] | None:
        """Return the reply, None where there is none; what then becomes of the subject is seen to."""
        try:
            reply = await self._ask(image, listing, self._prompt, lane.key)
        except Refused as failure:
            self._lanes.succeeded(lane, 0)
            self._note_refusal(waiting.subject, failure)
            return None
        except ParameterError as error:
            self._faults += 1
            # What was right a moment ago is refused by mistake, most likely.
            if not self.progress.replies or self._faults >= self._lanes.attempts:
                raise
            self._wait_after(waiting, Passing("refused setting", str(error)), lane, sent)
            return None
        except (Passing, BadKey) as failure:
            self._wait_after(waiting, failure, lane, sent)
            return None
        self._faults = 0
        self._lanes.succeeded(lane, self._read(reply).input_tokens)
        return reply

    def _note_reply(self, waiting: _Waiting, reading: Reading) -> None:
        progress = self.progress
        progress.replies += 1
        progress.input_tokens += reading.input_tokens
        progress.output_tokens += reading.output_tokens
        pairs = pairs_of(reading).pairs
        if pairs:
            if len(self._unchecked) < _CHECKED_TOGETHER:
                self._unchecked.append((waiting.subject.image_id, pairs))
            progress.pairs += len(pairs)
            progress.done += 1
            return
        kind = kind_of_failure(reading)
        progress.failures[kind] += 1
        if progress.replies >= ALL_WITHOUT_PAIRS and not progress.pairs:
            self._stop()
            raise ParameterError(without_pairs(progress.replies, progress.failures))
        if not ask_again(kind, waiting.tries, self._lanes.attempts):
            self._set_aside(waiting.subject, kind)
        else:
            self._again_at(waiting, self._lanes.clock())

    def _note_refusal(self, subject: Subject, failure: Refused) -> None:
        self.progress.failures[failure.kind] += 1
        self._refused[str(failure)] += 1
        if self._refused.total() >= _ALL_REFUSED and not self.progress.pairs:
            raise ParameterError(
                f"the first {self._refused.total()} images were all refused ({self._refused.most_common(1)[0][0]}): "
                "look at generate.model, generate.reply_format and the other settings of generate"
            )
        self._set_aside(subject, failure.kind)

    def _wait_after(self, waiting: _Waiting, failure: Passing | BadKey, lane: Lane, sent: float) -> None:
        """Put a subject back whose request failed, or set it aside where the failure is its own."""
        now = self._lanes.clock()
        self.progress.failures[failure.kind] += 1
        self._lanes.failed(lane, sent, failure)
        if isinstance(failure, BadKey | Limited):
            if isinstance(failure, Limited) and self._has_a_limit_of_its_own(waiting, failure):
                self._set_aside(waiting.subject, failure.kind)
            else:
                self._again_at(waiting, now)
            return
        if self._lanes.never_answered() and set(self.progress.failures) <= _NO_SERVER:
            raise ParameterError(
                f"nothing answers as it should ({failure}): look at generate.endpoint and the network"
            )
        if not waiting.troubles:
            waiting.successes = self._lanes.successes
        waiting.troubles += 1
        others_succeed = self._lanes.successes > waiting.successes and not self._lanes.struggles
        # At the end nothing else is left that could tell whether it is the image or the server.
        patience = 1 if others_succeed else 2 if self._exhausted else math.inf
        if waiting.troubles >= patience * self._lanes.attempts:
            self._set_aside(waiting.subject, failure.kind)
        elif self._exhausted and self._lanes.hopeless:
            # Nothing but images that fail is left, and resting has not helped.
            for each in [waiting, *self._again]:
                self._set_aside(each.subject, failure.kind)
            self._again.clear()
        else:
            delay = self._lanes.delay(waiting.troubles - 1, failure.delay, waiting.subject.key.hex())
            self._again_at(waiting, now + delay)

    def _has_a_limit_of_its_own(self, waiting: _Waiting, failure: Limited) -> bool:
        # Where the others get through between its refusals, it is not the quota.
        if self._lanes.successes > waiting.limited_at:
            waiting.limited, waiting.limited_at = waiting.limited + 1, self._lanes.successes
        at_the_end = self._exhausted and waiting.limited and self._lanes.hopeless and not failure.daily
        return bool(at_the_end) or waiting.limited >= _LIMITED_TOO_OFTEN * self._lanes.attempts

    def _again_at(self, waiting: _Waiting, ready: float) -> None:
        waiting.ready = ready
        heapq.heappush(self._again, waiting)

    def _set_aside(self, subject: Subject, kind: str) -> None:
        self.progress.set_aside[subject.key] = kind
        self.progress.done += 1

    async def _check_some(self) -> None:
        replies, self._unchecked = self._unchecked, []
        began = self._lanes.clock()
        self.progress.kept += await asyncio.to_thread(self._check, replies)
        self.progress.checked += sum(len(pairs) for _, pairs in replies)
        ended = self._lanes.clock()
        self._check_from = ended + _PAUSE_AFTER_CHECKS * (ended - began)

    def _stop(self) -> None:
        self._lanes.stop()
        self._changed.set()

    async def _tick(self, watch: Callable[[Progress], None], interrupts: Interrupts) -> None:
        while True:
            if interrupts.pending and not self._lanes.stopping:
                self._stop()
            if len(self._unchecked) >= _CHECKED_TOGETHER and self._lanes.clock() >= self._check_from:
                await self._check_some()
            watch(self.progress)
            await asyncio.sleep(_TICK)
