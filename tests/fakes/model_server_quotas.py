"""Quotas of the fake model server: what a key may ask in a sliding minute and day."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """What a key may ask; None is without limit. `burst` more requests a minute are let in before it is refused."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    """Input tokens, as Google counts them."""
    requests_per_day: int | None = None
    burst: int = 0


@dataclass(frozen=True, slots=True)
class Violation:
    """A quota that a request would break, and the seconds until it would not."""

    name: str
    """requests_per_minute, tokens_per_minute or requests_per_day."""
    limit: int
    delay: float


class Usage:
    """What one key has used: the requests that were let in, within the last day."""

    def __init__(self) -> None:
        self._minute: deque[tuple[float, int]] = deque()
        self._day: deque[float] = deque()
        self._tokens = 0

    def take(self, quota: Quota, now: float, tokens: int, minute: float, day: float) -> list[Violation]:
        """Let a request in, and return nothing; or return the quotas that it would break."""
        self._forget(now, minute, day)
        broken = []
        if quota.requests_per_minute is not None:
            over = len(self._minute) + 1 - quota.requests_per_minute - quota.burst
            if over > 0:
                free = self._minute[over - 1][0] + minute - now if over <= len(self._minute) else minute
                broken.append(Violation("requests_per_minute", quota.requests_per_minute, free))
        if quota.tokens_per_minute is not None and self._tokens + tokens > quota.tokens_per_minute:
            free = self._tokens_free(tokens, quota.tokens_per_minute, now, minute) - now
            broken.append(Violation("tokens_per_minute", quota.tokens_per_minute, free))
        if quota.requests_per_day is not None and len(self._day) >= quota.requests_per_day:
            over = len(self._day) - quota.requests_per_day
            free = self._day[over] + day - now if over < len(self._day) else day
            broken.append(Violation("requests_per_day", quota.requests_per_day, free))
        if not broken:
            self._minute.append((now, tokens))
            self._day.append(now)
            self._tokens += tokens
        return broken

    @property
    def requests(self) -> int:
        """How many requests of the last minute were let in, as of the last `take`."""
        return len(self._minute)

    @property
    def tokens(self) -> int:
        """How many tokens they had."""
        return self._tokens

    def _forget(self, now: float, minute: float, day: float) -> None:
        while self._minute and self._minute[0][0] <= now - minute:
            self._tokens -= self._minute.popleft()[1]
        while self._day and self._day[0] <= now - day:
            self._day.popleft()

    def _tokens_free(self, tokens: int, limit: int, now: float, minute: float) -> float:
        """Return when so many tokens will fit in; of a request larger than the limit, when all are free."""
        left = self._tokens
        for moment, used in self._minute:
            left -= used
            if left + tokens <= limit:
                return moment + minute
        return (self._minute[-1][0] if self._minute else now) + minute


def quota_headers(quota: Quota, usage: Usage) -> dict[str, str]:
    """Return what OpenAI's replies tell of a quota: its size and what is left of it."""
    headers = {}
    for what, limit, used in (
        ("requests", quota.requests_per_minute, usage.requests),
        ("tokens", quota.tokens_per_minute, usage.tokens),
    ):
        if limit is not None:
            headers[f"x-ratelimit-limit-{what}"] = str(limit)
            headers[f"x-ratelimit-remaining-{what}"] = str(max(0, limit - used))
    return headers
