"""Rate limits of a key: requests and tokens per minute, requests per day, set as parameters or learned from refusals.

Requests are spread evenly rather than sent in bursts, so that a key stays below its quota however the server counts (by
the minute, or over a sliding window), also after a restart.

The spacing is the generic cell rate algorithm (ITU-T I.371): each request advances a theoretical arrival time by its
share of the minute, and may be sent at most a burst ahead of it.
"""

import math
from collections import deque

from vqatune.params import LimitsParams

SHARE = 0.97
"""The share of a quota that is spread evenly; the rest makes up for delays, so that no minute exceeds the quota."""
_LOWEST_SHARE = 0.955
_FIRST_GUESS = 2000.0
"""Assumed tokens of a request, before the first reply."""
_GROWTH = 1.05
"""Growth, per minute without a refusal, of a limit on which two refusals agree: others may have used the quota, too."""
_GUESSED_GROWTH, _GUESSED_MINUTES, _LOWEST_GUESS = 2.0, 0.25, 4.0
"""Growth of a limit learned from a single refusal, its interval in minutes, and the lowest such limit."""
_AGREEMENT = 1.3


class _Meter:
    """A quota per minute, of requests or tokens."""

    def __init__(self, per_minute: float | None) -> None:
        self.per_minute = per_minute
        self._time = -math.inf

    def ready(self, now: float, minute: float, share: float, amount: float) -> float:
        """Return the earliest time at which an amount may be sent."""
        if not self.per_minute:
            return -math.inf
        # The burst is what the even share leaves of a minute; an amount larger than the burst is sent alone.
        ahead = max(0.0, (1 - SHARE) * minute - amount * minute / (self.per_minute * share))
        # No burst at first: requests before a restart may still count.
        if self._time == -math.inf:
            self._time = now + ahead
        return self._time - ahead

    def take(self, now: float, minute: float, share: float, amount: float) -> None:
        """Count an amount that is sent, or correct the last one by a negative amount."""
        if self.per_minute:
            start = max(self._time, now) if amount > 0 else self._time
            self._time = start + amount * minute / (self.per_minute * share)


class RateLimiter:
    """The rate limits of one key; times are seconds on a monotonic clock.

    `minute` is the length of a minute in seconds (tests use shorter ones); a day has 1,440 of them.
    """

    def __init__(
        self, limits: LimitsParams, minute: float = 60.0, sent_today: dict[float, int] | None = None
    ) -> None:
        """`sent_today`: the number of requests of the last day, by time."""
        self._requests = _Meter(limits.requests_per_minute)
        self._tokens = _Meter(limits.tokens_per_minute)
        self._per_day = limits.requests_per_day
        self._known = limits.requests_per_minute is not None
        self._agreed = False
        self._let_in = True
        self._learned = 0.0
        self._minute, self._share = minute, SHARE
        self._held = self._grown = -math.inf
        self._tokens_each = _FIRST_GUESS
        self._recent: deque[float] = deque()
        # An entry per hour: the times of its first and last request, and their number.
        self._day = deque([time, time, count] for time, count in sorted((sent_today or {}).items()))

    @property
    def requests_per_minute(self) -> float | None:
        """The quota, None while it is unknown."""
        return self._requests.per_minute

    def ready(self, now: float) -> float:
        """Return the earliest time of the next request, which may have passed."""
        requests = self._requests.ready(now, self._minute, self._share, 1)
        tokens = self._tokens.ready(now, self._minute, self._share, self._tokens_each)
        return max(self._held, requests, tokens, self.day_ready(now))

    def day_ready(self, now: float) -> float:
        """Return the earliest time at which the daily quota admits a request, which may have passed."""
        if not self._per_day:
            return -math.inf
        day = 1440 * self._minute
        while self._day and self._day[0][1] <= now - day:
            self._day.popleft()
        over = sum(count for _, _, count in self._day) + 1 - self._per_day
        ready = -math.inf
        for _, last, count in self._day:
            if over <= 0:
                break
            ready, over = last + day, over - count
        return ready

    def sent(self, now: float) -> None:
        """Count a request that is sent now."""
        self._grow(now)
        self._requests.take(now, self._minute, self._share, 1)
        self._tokens.take(now, self._minute, self._share, self._tokens_each)
        self._recent.append(now)
        while self._recent[0] <= now - self._minute:
            self._recent.popleft()
        if self._day and now - self._day[-1][0] < 60 * self._minute:
            self._day[-1][1:] = now, self._day[-1][2] + 1
        else:
            self._day.append([now, now, 1])

    def used(self, tokens: int) -> None:
        """Note a reply, and correct the expected input tokens of its request (`tokens` is 0 where it does not tell)."""
        self._let_in = True
        if tokens:
            self._tokens.take(-math.inf, self._minute, self._share, tokens - self._tokens_each)
            newest = 1.0 if self._tokens_each == _FIRST_GUESS else 0.05
            self._tokens_each += (tokens - self._tokens_each) * newest

    def limited(self, sent: float, now: float, limits: dict[str, float], delay: float | None) -> None:
        """Note that the server refused a request, sent at `sent`, for a quota, and asked to wait for `delay` seconds.

        `limits` are the quotas that the server names. Where it names none, the quota per minute is estimated by the
        requests that it accepted in the minute before; where it names no delay, the limiter waits until the first of
        these is a minute old.
        """
        if sent in self._recent:
            self._recent.remove(sent)
        self._grown = now
        oldest = self._recent[0] + self._minute if self._recent else now
        self._held = max(self._held, oldest if delay is None else now + delay)
        # A daily quota is not learned, as the start of the server's day is unknown; the delay is enough.
        for name, meter in (("requests_per_minute", self._requests), ("tokens_per_minute", self._tokens)):
            if (value := limits.get(name, 0)) > 0:
                meter.per_minute = min(value, meter.per_minute or math.inf)
                self._known |= meter is self._requests
        if limits or self.day_ready(now) > now:
            return
        if self._known:
            # Requests may reach the server closer together than they were sent.
            self._share = max(_LOWEST_SHARE, self._share - 0.005)
            return
        if not self._let_in:
            # Without a success since the last refusal, this one says nothing new about the quota.
            return
        self._let_in = False
        taken = max(1.0, float(sum(time <= sent for time in self._recent)))
        self._agreed = self._learned / _AGREEMENT <= taken <= self._learned * _AGREEMENT
        # A single refusal may have another cause than a quota.
        self._requests.per_minute = taken if self._learned else max(taken, _LOWEST_GUESS)
        self._learned = taken

    def _grow(self, now: float) -> None:
        growth, minutes = (_GROWTH, 1.0) if self._agreed else (_GUESSED_GROWTH, _GUESSED_MINUTES)
        if self._requests.per_minute and not self._known and now - self._grown >= minutes * self._minute:
            self._requests.per_minute *= growth
            self._grown = now
