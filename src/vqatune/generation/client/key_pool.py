"""API keys with rate limits, back-off and failover, and a limit on concurrent requests that adapts to the server.

The first key that is neither resting nor retired is used: keys stand in for one another rather than share the load.
The limit on requests in flight works like TCP's congestion window (Jacobson 1988): it doubles each round while all goes
well, is halved when the server fails too many requests, and grows by one a round from then on.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from vqatune.errors import ParameterError
from vqatune.generation.client.rate_limiter import RateLimiter
from vqatune.generation.providers.errors import InvalidKeyError, RateLimitError, TransientError
from vqatune.runtime.request_display import RequestProgress, clock_time
from vqatune.tables.hash_ranks import unit

_LONGEST_BACKOFF = 60.0
_LONGEST_DELAY = 24 * 3600.0
_FIRST_REST = 60.0
_LONGEST_REST = 300.0
_REST_OF_A_DAY = 3600.0
"""Seconds, where a day's quota is used up and the server does not say when the next day begins."""
_MOST_RESTS = 3
"""Rests in a row without a success, after which further failures are taken for lasting."""
_FEWEST_FAILURES = 3
"""Before a key rests, however few attempts an image has."""
_LONG_WAIT = 300.0
"""Seconds: where the server asks for a longer wait, the key rests until then."""
_NEWEST, _TOO_MANY = 0.1, 0.25
"""The weight of the newest request in the running mean of failed ones, and the mean above which the server struggles."""


class StopRequested(Exception):
    """The run is ending: no new request is to be sent."""


@dataclass
class PooledKey:
    """A key with its rate limiter and its state; keys are numbered from 1, in their order."""

    number: int
    key: str
    rate_limiter: RateLimiter
    retired: bool = False
    rests_until: float = -math.inf
    backs_off_until: float = -math.inf
    failures: int = 0
    """Failed rounds of requests in a row."""
    round_since: float = -math.inf
    rests: int = 0
    """Rests in a row without a success between them."""
    answered: bool = False
    refusals: int = 0
    """Rejections of the key in a row."""
    sent: int = 0
    counted: int = 0
    """Requests sent that the store has on record."""

    def state(self, now: float) -> str:
        """Return the state in words, for display."""
        if self.retired:
            return "refused"
        if self.rests_until > now:
            return f"rests until {clock_time(self.rests_until - now)}"
        if (held := max(self.backs_off_until, self.rate_limiter.ready(now)) - now) > 5:
            return f"waits until {clock_time(held)}"
        return "asks" if self.sent else "ready"


@dataclass
class KeyPool:
    """Gives every request the key to use and the moment to send it.

    `notify` is called with lines for the user; `backoff` is the first back-off in seconds; `minute` is the length of a
    minute in seconds (tests use shorter ones).
    """

    keys: list[PooledKey]
    concurrency: int
    attempts: int
    notify: Callable[[str], None]
    backoff: float = 1.0
    minute: float = 60.0
    clock: Callable[[], float] = time.monotonic
    in_flight: int = 0
    window: float = 1.0
    """How many requests may be in flight."""
    successes: int = 0
    stopping: bool = False
    _slow_start: bool = True
    _failing: float = 0.0
    _cut_at: float = -math.inf
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _gate: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[tuple[PooledKey, float]]:
        """Yield the key for a request and the time of sending, as soon as the limits admit it.

        Raises StopRequested where the run ends, and ParameterError where every key has been rejected.
        """
        pooled_key, sent = await self._take()
        try:
            yield pooled_key, sent
        finally:
            self.in_flight -= 1
            self._changed.set()

    def record_figures(self, progress: RequestProgress) -> None:
        """Enter requests, those in flight, and the state of every key into the progress."""
        now = self.clock()
        progress.requests = sum(pooled_key.sent for pooled_key in self.keys)
        progress.in_flight, progress.max_in_flight = self.in_flight, int(self.window)
        progress.key_states = {
            pooled_key.number: f"{pooled_key.state(now)}, {pooled_key.sent:,} requests"
            for pooled_key in self.keys
        }

    def stop(self) -> None:
        """Send no further request."""
        self.stopping = True
        self._changed.set()

    def succeeded(self, pooled_key: PooledKey, tokens: int) -> None:
        """Note a reply to a request with this key, and its input tokens."""
        self.successes += 1
        pooled_key.failures = pooled_key.rests = pooled_key.refusals = 0
        pooled_key.answered = True
        pooled_key.backs_off_until = -math.inf
        pooled_key.rate_limiter.used(tokens)
        self._failing *= 1 - _NEWEST
        self.window = min(self.concurrency, self.window + (1 if self._slow_start else 1 / self.window))
        self._changed.set()

    def failed(self, pooled_key: PooledKey, sent: float, failure: TransientError | InvalidKeyError) -> None:
        """Note a request, sent at `sent`, that got no reply; raises ParameterError where no key is left."""
        now = self.clock()
        if isinstance(failure, InvalidKeyError):
            self._retire(pooled_key, now, failure)
        elif isinstance(failure, RateLimitError):
            self._limited(pooled_key, sent, now, failure)
        else:
            self._failing += _NEWEST * (1 - self._failing)
            if sent > self._cut_at and self.failing:
                self.window, self._slow_start, self._cut_at = max(1.0, self.window / 2), False, now
            if sent >= pooled_key.round_since:
                pooled_key.failures, pooled_key.round_since = pooled_key.failures + 1, now
            # One failed request may be due to its image; a second round without a success is due to the server.
            if pooled_key.failures > 1:
                pooled_key.backs_off_until = now + self.delay(
                    pooled_key.failures - 1, failure.delay, str(pooled_key.number)
                )
            self._rest_after_failures(pooled_key, now, failure)
        self._changed.set()

    def delay(self, failures: int, named: float | None, salt: str) -> float:
        """Return the seconds to wait after so many failures: what the server names, or twice as long each time."""
        if named is not None and named > 0:
            return min(named, _LONGEST_DELAY) + self.backoff * 0.1 * unit(failures, "jitter", salt)
        longest = min(_LONGEST_BACKOFF, 60 * self.backoff)
        return min(self.backoff * 2 ** min(failures, 30), longest) * (0.5 + unit(failures, "back-off", salt))

    @property
    def failing(self) -> bool:
        """Whether so many requests fail that a failure says nothing about its image."""
        return self._failing > _TOO_MANY

    @property
    def exhausted(self) -> bool:
        """Whether every key has rested several times without a success in between."""
        return all(pooled_key.retired or pooled_key.rests >= _MOST_RESTS for pooled_key in self.keys)

    def never_answered(self) -> bool:
        """Return whether every key has been tried to the end and nothing was answered in this run."""
        return not self.successes and all(pooled_key.retired or pooled_key.rests for pooled_key in self.keys)

    def _limited(self, pooled_key: PooledKey, sent: float, now: float, failure: RateLimitError) -> None:
        new_round = sent >= pooled_key.round_since
        if new_round:
            pooled_key.failures, pooled_key.round_since = pooled_key.failures + 1, now
        pooled_key.rate_limiter.limited(sent, now, failure.limits, failure.delay)
        pooled_key.backs_off_until = max(
            pooled_key.backs_off_until,
            now + self.delay(pooled_key.failures, failure.delay, str(pooled_key.number)),
        )
        day_ready = pooled_key.rate_limiter.day_ready(now)
        if failure.daily or day_ready > now or (failure.delay or 0) > _LONG_WAIT * self.minute / 60:
            until = failure.delay or (day_ready - now if day_ready > now else 0)
            if failure.daily:
                # The delay that the server names may belong to a quota per minute.
                rest = (
                    min(_FIRST_REST * 2**pooled_key.rests, _REST_OF_A_DAY)
                    if failure.delay
                    else _REST_OF_A_DAY
                )
                until = max(until, rest * self.minute / 60)
            self._rest(pooled_key, now, until, failure)
        elif new_round:
            self._rest_after_failures(pooled_key, now, failure)

    def _rest_after_failures(self, pooled_key: PooledKey, now: float, failure: TransientError) -> None:
        if pooled_key.failures >= max(self.attempts, _FEWEST_FAILURES):
            rest = min(_FIRST_REST * 2**pooled_key.rests, _LONGEST_REST) * min(1.0, self.backoff)
            self._rest(pooled_key, now, max(rest, failure.delay or 0), failure)

    def _rest(self, pooled_key: PooledKey, now: float, seconds: float, failure: TransientError) -> None:
        if pooled_key.rests_until < now:
            pooled_key.rests += 1
            self.notify(
                f"key {pooled_key.number} rests until {clock_time(min(seconds, _LONGEST_DELAY))}: {failure}"
            )
        pooled_key.rests_until = max(pooled_key.rests_until, now + min(seconds, _LONGEST_DELAY))
        # After a rest, half as many failures lead to the next.
        pooled_key.failures = max(self.attempts, _FEWEST_FAILURES) // 2

    def _retire(self, pooled_key: PooledKey, now: float, failure: InvalidKeyError) -> None:
        pooled_key.refusals += 1
        if pooled_key.answered and pooled_key.refusals < self.attempts:
            # A key that has worked in this run is most likely rejected by mistake.
            pooled_key.backs_off_until = now + self.delay(
                pooled_key.refusals - 1, None, str(pooled_key.number)
            )
            return
        if not pooled_key.retired:
            pooled_key.retired = True
            self.notify(f"key {pooled_key.number} is refused and not used any more: {failure}")
        if all(each.retired for each in self.keys):
            which = "the key is" if len(self.keys) == 1 else f"all {len(self.keys)} keys are"
            raise ParameterError(
                f"{which} refused ({failure}): correct the key and run again; replies are kept"
            )

    async def _take(self) -> tuple[PooledKey, float]:
        # Requests are served in the order of their arrival.
        async with self._gate:
            told = -math.inf
            while True:
                if self.stopping:
                    raise StopRequested
                now = self.clock()
                usable = [pooled_key for pooled_key in self.keys if not pooled_key.retired]
                awake = [pooled_key for pooled_key in usable if pooled_key.rests_until <= now]
                if not awake:
                    until = min(pooled_key.rests_until for pooled_key in usable)
                    if until > told and len(self.keys) > 1:
                        self.notify(f"all keys rest; goes on at {clock_time(until - now)}")
                        told = until
                elif self.in_flight >= int(self.window):
                    until = math.inf
                else:
                    pooled_key = awake[0]
                    until = max(pooled_key.rate_limiter.ready(now), pooled_key.backs_off_until)
                    if until <= now:
                        pooled_key.rate_limiter.sent(now)
                        pooled_key.sent += 1
                        self.in_flight += 1
                        return pooled_key, now
                    if until - now > _LONG_WAIT * self.minute / 60:
                        # Most likely a used up quota of the day: the next key takes over.
                        pooled_key.rests_until = until
                        self.notify(
                            f"key {pooled_key.number} rests until {clock_time(until - now)}: no request is due before"
                        )
                        continue
                await self._sleep(until - now)

    async def _sleep(self, seconds: float) -> None:
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), None if seconds == math.inf else seconds)
        except TimeoutError:
            pass
