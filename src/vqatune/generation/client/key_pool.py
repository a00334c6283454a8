"""Who asks next: the keys in their order, each at its pace; backing off, resting, and taking over from one another.

The first key that is neither resting nor retired is used, so several keys stand in for one another; they are not asked
side by side. How many requests are under way adapts: it doubles while all goes well, is halved when the server
fails too many of them, and then grows by one a round.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from vqatune.errors import ParameterError
from vqatune.generation.client.rate_limiter import Pace
from vqatune.generation.providers.failures import BadKey, Limited, Passing
from vqatune.tables.hash_ranks import unit

_LONGEST_BACKOFF = 60.0
_LONGEST_DELAY = 24 * 3600.0
_FIRST_REST = 60.0
_LONGEST_REST = 300.0
_REST_OF_A_DAY = 3600.0
"""Where a day's quota is used up, and neither the server nor we know when the next day begins."""
_MOST_RESTS = 3
"""In a row without a success: what then fails still would go on failing."""
_FEWEST_FAILURES = 3
"""However few attempts an image has, one that fails does not make a key rest."""
_LONG_WAIT = 300.0
"""A server that names a longer wait than this is not tried before: its key rests until then."""
_NEWEST, _TOO_MANY = 0.1, 0.25
"""The share of requests that the server fails is a running mean, in which the newest has this weight; above that share
there are too many under way."""


class Stopping(Exception):
    """Asking ends; nothing new is to be sent."""


@dataclass
class Lane:
    """A key with its pace and its state; `number` is its place among the keys, from 1."""

    number: int
    key: str
    pace: Pace
    retired: bool = False
    rests_until: float = -math.inf
    backs_off_until: float = -math.inf
    failures: int = 0
    """Rounds of requests in a row that have failed."""
    round_since: float = -math.inf
    rests: int = 0
    """Rests in a row without a success between them."""
    answered: bool = False
    refusals: int = 0
    """How often in a row the server did not take the key."""
    sent: int = 0
    counted: int = 0
    """Of those sent, how many are on record."""

    def state(self, now: float) -> str:
        """Return what the key does, in a few words."""
        if self.retired:
            return "refused"
        if self.rests_until > now:
            return f"rests until {clock_time(self.rests_until - now)}"
        if (held := max(self.backs_off_until, self.pace.ready(now)) - now) > 5:
            return f"waits until {clock_time(held)}"
        return "asks" if self.sent else "ready"


def clock_time(seconds_from_now: float) -> str:
    """Return the time of day in so many seconds, with the date where that is another day."""
    now, then = time.localtime(), time.localtime(time.time() + seconds_from_now)
    return time.strftime("%H:%M:%S" if then[:3] == now[:3] else "%Y-%m-%d %H:%M:%S", then)


@dataclass
class Lanes:
    """The keys, and the gate through which every request goes.

    `tell` is called with a line for what a user should know of; `pause` is the first back-off in seconds; `minute` is
    how long a minute is (tests take shorter ones).
    """

    lanes: list[Lane]
    concurrency: int
    attempts: int
    tell: Callable[[str], None]
    pause: float = 1.0
    minute: float = 60.0
    clock: Callable[[], float] = time.monotonic
    in_flight: int = 0
    width: float = 1.0
    successes: int = 0
    stopping: bool = False
    _slow_start: bool = True
    _failing: float = 0.0
    _cut_at: float = -math.inf
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _gate: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[tuple[Lane, float]]:
        """Give the lane to ask with and the time of asking, once it may; raises Stopping where asking ends.

        Raises ParameterError where every key has been refused.
        """
        lane, sent = await self._take()
        try:
            yield lane, sent
        finally:
            self.in_flight -= 1
            self._changed.set()

    def stop(self) -> None:
        """Let nothing more be sent."""
        self.stopping = True
        self._changed.set()

    def succeeded(self, lane: Lane, tokens: int) -> None:
        """Note a reply that came, and the input tokens it took."""
        self.successes += 1
        lane.failures = lane.rests = lane.refusals = 0
        lane.answered = True
        lane.backs_off_until = -math.inf
        lane.pace.used(tokens)
        self._failing *= 1 - _NEWEST
        self.width = min(self.concurrency, self.width + (1 if self._slow_start else 1 / self.width))
        self._changed.set()

    def failed(self, lane: Lane, sent: float, failure: Passing | BadKey) -> None:
        """Note a request, sent at a time, that got no reply; raises ParameterError where no key is left."""
        now = self.clock()
        if isinstance(failure, BadKey):
            self._retire(lane, now, failure)
        elif isinstance(failure, Limited):
            self._limited(lane, sent, now, failure)
        else:
            self._failing += _NEWEST * (1 - self._failing)
            if sent > self._cut_at and self.struggles:
                self.width, self._slow_start, self._cut_at = max(1.0, self.width / 2), False, now
            if sent >= lane.round_since:
                lane.failures, lane.round_since = lane.failures + 1, now
            # One failed request is its image's affair; a second round without a success is the server's.
            if lane.failures > 1:
                lane.backs_off_until = now + self.delay(lane.failures - 1, failure.delay, str(lane.number))
            self._rest_if_tired(lane, now, failure)
        self._changed.set()

    def delay(self, failures: int, named: float | None, salt: str) -> float:
        """Return the seconds to wait after so many failures: what the server names, or twice as long each time."""
        if named is not None and named > 0:
            return min(named, _LONGEST_DELAY) + self.pause * 0.1 * unit(failures, "jitter", salt)
        longest = min(_LONGEST_BACKOFF, 60 * self.pause)
        return min(self.pause * 2 ** min(failures, 30), longest) * (0.5 + unit(failures, "back-off", salt))

    @property
    def struggles(self) -> bool:
        """Whether the server fails so many requests that a failure tells nothing about an image."""
        return self._failing > _TOO_MANY

    @property
    def hopeless(self) -> bool:
        """Whether every key has rested several times without a success between."""
        return all(lane.retired or lane.rests >= _MOST_RESTS for lane in self.lanes)

    def never_answered(self) -> bool:
        """Return whether every key has been tried to the end and nothing was answered in this run."""
        return not self.successes and all(lane.retired or lane.rests for lane in self.lanes)

    def _limited(self, lane: Lane, sent: float, now: float, failure: Limited) -> None:
        new_round = sent >= lane.round_since
        if new_round:
            lane.failures, lane.round_since = lane.failures + 1, now
        lane.pace.limited(sent, now, failure.limits, failure.delay)
        lane.backs_off_until = max(
            lane.backs_off_until, now + self.delay(lane.failures, failure.delay, str(lane.number))
        )
        day_ready = lane.pace.day_ready(now)
        if failure.daily or day_ready > now or (failure.delay or 0) > _LONG_WAIT * self.minute / 60:
            until = failure.delay or (day_ready - now if day_ready > now else 0)
            if failure.daily:
                # The delay that comes with it may be that of a minute's quota.
                rest = min(_FIRST_REST * 2**lane.rests, _REST_OF_A_DAY) if failure.delay else _REST_OF_A_DAY
                until = max(until, rest * self.minute / 60)
            self._rest(lane, now, until, failure)
        elif new_round:
            self._rest_if_tired(lane, now, failure)

    def _rest_if_tired(self, lane: Lane, now: float, failure: Passing) -> None:
        if lane.failures >= max(self.attempts, _FEWEST_FAILURES):
            rest = min(_FIRST_REST * 2**lane.rests, _LONGEST_REST) * min(1.0, self.pause)
            self._rest(lane, now, max(rest, failure.delay or 0), failure)

    def _rest(self, lane: Lane, now: float, seconds: float, failure: Passing) -> None:
        if lane.rests_until < now:
            lane.rests += 1
            self.tell(f"key {lane.number} rests until {clock_time(min(seconds, _LONGEST_DELAY))}: {failure}")
        lane.rests_until = max(lane.rests_until, now + min(seconds, _LONGEST_DELAY))
        # Half as many failures after the rest are enough for the next.
        lane.failures = max(self.attempts, _FEWEST_FAILURES) // 2

    def _retire(self, lane: Lane, now: float, failure: BadKey) -> None:
        lane.refusals += 1
        if lane.answered and lane.refusals < self.attempts:
            # A key that was good a moment ago is refused by mistake, most likely.
            lane.backs_off_until = now + self.delay(lane.refusals - 1, None, str(lane.number))
            return
        if not lane.retired:
            lane.retired = True
            self.tell(f"key {lane.number} is refused and not used any more: {failure}")
        if all(each.retired for each in self.lanes):
            which = "the key is" if len(self.lanes) == 1 else f"all {len(self.lanes)} keys are"
            raise ParameterError(
                f"{which} refused ({failure}): correct the key and run again; replies are kept"
            )

    async def _take(self) -> tuple[Lane, float]:
        # Only the first in the queue looks for its turn.
        async with self._gate:
            told = -math.inf
            while True:
                if self.stopping:
                    raise Stopping
                now = self.clock()
                usable = [lane for lane in self.lanes if not lane.retired]
                awake = [lane for lane in usable if lane.rests_until <= now]
                if not awake:
                    until = min(lane.rests_until for lane in usable)
                    if until > told and len(self.lanes) > 1:
                        self.tell(f"all keys rest; goes on at {clock_time(until - now)}")
                        told = until
                elif self.in_flight >= int(self.width):
                    until = math.inf
                else:
                    lane = awake[0]
                    until = max(lane.pace.ready(now), lane.backs_off_until)
                    if until <= now:
                        lane.pace.sent(now)
                        lane.sent += 1
                        self.in_flight += 1
                        return lane, now
                    if until - now > _LONG_WAIT * self.minute / 60:
                        # A day's quota that is used up, most likely: the next key takes over.
                        lane.rests_until = until
                        self.tell(
                            f"key {lane.number} rests until {clock_time(until - now)}: no request is due before"
                        )
                        continue
                await self._sleep(until - now)

    async def _sleep(self, seconds: float) -> None:
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), None if seconds == math.inf else seconds)
        except TimeoutError:
            pass
