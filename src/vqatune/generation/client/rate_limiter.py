"""When a key may ask next: requests and tokens per minute, requests per day, given beforehand or learned.

Requests are spread evenly rather than sent in bursts, so that however a server counts (by the minute, or over the last
sixty seconds), and whatever was sent before a restart, a key stays below its quota instead of running into it.

The spacing is the generic cell rate algorithm (ITU-T I.371): each request moves a theoretical arrival time on by its
share of the minute, and may come at most a burst ahead of it.
"""

import math
from collections import deque

from vqatune.params import LimitsParams

SHARE = 0.97
"""Of a quota of requests, what is used evenly; the rest is for making up a delay, so that no minute holds more."""
_LOWEST_SHARE = 0.955
_FIRST_GUESS = 2000.0
"""Tokens of a request, before the first reply tells."""
_GROWTH = 1.05
"""How a limit that two refusals agree on is raised for each minute without one: it may have been another's."""
_GUESSED_GROWTH, _GUESSED_MINUTES, _LOWEST_GUESS = 2.0, 0.25, 4.0
"""How a limit that a single refusal hints at is raised, how often, and the least it is taken for."""
_AGREEMENT = 1.3


class _Meter:
    """Something of which a minute admits so much: requests, or tokens."""

    def __init__(self, per_minute: float | None) -> None:
        self.per_minute = per_minute
        self._time = -math.inf

    def ready(self, now: float, minute: float, share: float, amount: float) -> float:
        """Return the time from which on an amount may be sent."""
        if not self.per_minute:
            return -math.inf
        # What the even share leaves of a minute is a burst; an amount larger than that goes alone.
        ahead = max(0.0, (1 - SHARE) * minute - amount * minute / (self.per_minute * share))
        # No burst to begin with: what was sent before a restart may still count.
        if self._time == -math.inf:
            self._time = now + ahead
        return self._time - ahead

    def take(self, now: float, minute: float, share: float, amount: float) -> None:
        """Note that an amount is sent, or (a negative one) that it was less than was noted."""
        if self.per_minute:
            start = max(self._time, now) if amount > 0 else self._time
            self._time = start + amount * minute / (self.per_minute * share)


class RateLimiter:
    """The pace of one key; times are seconds on a monotonic clock.

    `minute` is how many seconds a minute has (tests take shorter ones), a day is 1,440 of them.
    """

    def __init__(
        self, limits: LimitsParams, minute: float = 60.0, sent_today: dict[float, int] | None = None
    ):
        """`sent_today`: how many requests were sent at which times, before now, in the last day."""
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
        # By the hour, so that a day is a few entries: when the hour's first and last request were sent, and how many.
        self._day = deque([time, time, count] for time, count in sorted((sent_today or {}).items()))

    @property
    def requests_per_minute(self) -> float | None:
        """The quota as far as it is known."""
        return self._requests.per_minute

    def ready(self, now: float) -> float:
        """Return the time from which on the next request may be sent; it may be past."""
        requests = self._requests.ready(now, self._minute, self._share, 1)
        tokens = self._tokens.ready(now, self._minute, self._share, self._tokens_each)
        return max(self._held, requests, tokens, self.day_ready(now))

    def day_ready(self, now: float) -> float:
        """Return the time from which on the quota of a day admits a request; it may be past."""
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
        """Note that a request is sent now."""
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
        """Note a reply, and how many input tokens it took (0: not told), in place of those that were expected."""
        self._let_in = True
        if tokens:
            self._tokens.take(-math.inf, self._minute, self._share, tokens - self._tokens_each)
            newest = 1.0 if self._tokens_each == _FIRST_GUESS else 0.05
            self._tokens_each += (tokens - self._tokens_each) * newest

    def limited(self, sent: float, now: float, limits: dict[str, float], delay: float | None) -> None:
        """Note that a request sent at `sent` was refused for its key's quota, and is to wait for `delay` seconds.

        `limits` are the quotas that the server names. Where it names none, a minute's quota is taken to be what it took
        of the requests of the minute before; where it names no delay, the first of these is waited for to be a minute
        old.
        """
        if sent in self._recent:
            self._recent.remove(sent)
        self._grown = now
        oldest = self._recent[0] + self._minute if self._recent else now
        self._held = max(self._held, oldest if delay is None else now + delay)
        # When a server's day begins is not known, so a day's quota that was learned only means to wait.
        for name, meter in (("requests_per_minute", self._requests), ("tokens_per_minute", self._tokens)):
            if (value := limits.get(name, 0)) > 0:
                meter.per_minute = min(value, meter.per_minute or math.inf)
                self._known |= meter is self._requests
        if limits or self.day_ready(now) > now:
            return
        if self._known:
            # The requests of a minute reach the server closer together than they were sent.
            self._share = max(_LOWEST_SHARE, self._share - 0.005)
            return
        if not self._let_in:
            # Nothing has been let in since the refusal before: this one tells no more about how much is.
            return
        self._let_in = False
        taken = max(1.0, float(sum(time <= sent for time in self._recent)))
        self._agreed = self._learned / _AGREEMENT <= taken <= self._learned * _AGREEMENT
        # One refusal may have nothing to do with a quota.
        self._requests.per_minute = taken if self._learned else max(taken, _LOWEST_GUESS)
        self._learned = taken

    def _grow(self, now: float) -> None:
        growth, minutes = (_GROWTH, 1.0) if self._agreed else (_GUESSED_GROWTH, _GUESSED_MINUTES)
        if self._requests.per_minute and not self._known and now - self._grown >= minutes * self._minute:
            self._requests.per_minute *= growth
            self._grown = now
