"""Progress of requests to a model, shown as they go: images, pairs, rate, keys, tokens, cost, and the time left."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from vqatune.runtime.live_display import LINE_EVERY, Display

Cost = Callable[[int, int], float | None]
"""US dollars for so many input and output tokens, None where the price is not known."""

_RATE_OVER = 300.0
"""Seconds over which the rate is taken."""


@dataclass
class RequestProgress:
    """Figures of a run that asks a model; images done, pairs and tokens include those of earlier runs."""

    total: int
    """Images, in all."""
    done: int = 0
    pairs: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    began: float = field(default_factory=time.monotonic)
    """On the monotonic clock."""
    requests: int = 0
    """Of batch jobs: those of jobs that have ended."""
    replies: int = 0
    reply_seconds: float = 0.0
    """Seconds from a request to its reply, summed over the replies of this run; 0 for batch jobs."""
    checked: int = 0
    """Pairs of this run that went through the checks."""
    kept: int = 0
    """Pairs of this run that passed the checks."""
    failures: Counter[str] = field(default_factory=Counter)
    """Requests that brought no pairs, by kind of failure."""
    set_aside: dict[bytes, str] = field(default_factory=dict)
    """The reason why an image has no pairs, by the image's key."""
    in_flight: int = 0
    max_in_flight: int = 1
    key_states: dict[int, str] = field(default_factory=dict)
    """What each API key does, by its number."""
    jobs: Counter[str] = field(default_factory=Counter)
    """Batch jobs by state."""
    next_poll: float | None = None
    """When a batch job is polled next, on the monotonic clock."""

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began


class RequestDisplay:
    """Shows the progress of single requests, each time it is called with it."""

    def __init__(self, display: Display, cost: Cost) -> None:
        self._display, self._cost = display, cost
        self._done: deque[tuple[float, int]] = deque()
        self._line_at = time.monotonic() + LINE_EVERY

    def __call__(self, progress: RequestProgress) -> None:
        """Show the progress; where there is no terminal, once a minute."""
        now = time.monotonic()
        self._done.append((now, progress.done))
        while self._done[0][0] < now - _RATE_OVER:
            self._done.popleft()
        figures = self._figures(progress)
        self._display.show(figures, progress.done, progress.total)
        if not self._display.is_live and now >= self._line_at:
            self._line_at = now + LINE_EVERY
            self._display.print_figures(figures)

    def per_minute(self) -> float:
        """Return the images done per minute in the last five minutes."""
        (start, before), (end, after) = self._done[0], self._done[-1]
        return 60 * (after - before) / (end - start) if end > start else 0.0

    def cost(self, progress: RequestProgress) -> float | None:
        """Return the US dollars spent so far, None where the price is not known."""
        return self._cost(progress.input_tokens, progress.output_tokens)

    def _figures(self, progress: RequestProgress) -> dict[str, str]:
        rate = self.per_minute()
        left = progress.total - progress.done
        figures = {
            "images": f"{progress.done:,} of {progress.total:,} ({rate:,.0f} a minute)",
            "pairs": f"{progress.pairs:,}" + _kept(progress),
            "requests": f"{progress.requests:,} in {_duration(progress.seconds)}",
            "in flight": f"{progress.in_flight} of up to {progress.max_in_flight}",
            "tokens": _tokens(progress),
        }
        cost = self.cost(progress)
        if cost is not None:
            whole = f", about ${cost * progress.total / progress.done:,.2f} in all" if progress.done else ""
            figures["cost"] = f"${cost:,.2f}{whole}"
        if left:
            figures["time left"] = _duration(60 * left / rate) if rate else "not known yet"
        figures |= _failures(progress)
        return figures | {f"key {number}": state for number, state in progress.key_states.items()}


class BatchDisplay:
    """Shows the progress of batch jobs, each time it is called with it."""

    def __init__(self, display: Display, cost: Cost) -> None:
        self._display, self._cost = display, cost
        self._printed: dict[str, str] = {}
        self._line_at = -1.0

    def __call__(self, progress: RequestProgress) -> None:
        """Show the progress; where there is no terminal, when a figure has changed, once a minute at most."""
        now, figures, next_poll = time.monotonic(), self._figures(progress), {}
        if progress.next_poll is not None and progress.next_poll > now:
            next_poll = {"looks again": f"at {clock_time(progress.next_poll - now)}"}
        is_live = self._display.is_live
        self._display.show(figures | (next_poll if is_live else {}), progress.done, progress.total)
        if not is_live and next_poll and now >= self._line_at and figures != self._printed:
            self._line_at, self._printed = now + LINE_EVERY, figures
            self._display.print_figures(figures | next_poll)

    def _figures(self, progress: RequestProgress) -> dict[str, str]:
        states = sorted(progress.jobs.items())
        figures = {
            "images": f"{progress.done:,} of {progress.total:,}",
            "jobs": ", ".join(f"{count:,} {state}" for state, count in states if count),
            "pairs": f"{progress.pairs:,}",
            "tokens": _tokens(progress),
        }
        cost = self._cost(progress.input_tokens, progress.output_tokens)
        if cost is not None:
            figures["cost"] = f"${cost:,.2f}"
        figures |= _failures(progress)
        return {name: text for name, text in figures.items() if text}


def _tokens(progress: RequestProgress) -> str:
    return f"{progress.input_tokens:,} in, {progress.output_tokens:,} out"


def _kept(progress: RequestProgress) -> str:
    return f", of which the checks keep {progress.kept / progress.checked:.1%}" if progress.checked else ""


def _failures(progress: RequestProgress) -> dict[str, str]:
    figures = {}
    if progress.failures:
        most = progress.failures.most_common(5)
        figures["failures"] = ", ".join(f"{kind} {count:,}" for kind, count in most)
    if progress.set_aside:
        figures["set aside"] = f"{len(progress.set_aside):,}"
    return figures


def clock_time(seconds_from_now: float) -> str:
    """Return the time of day in so many seconds, with the date where that is another day."""
    now, then = time.localtime(), time.localtime(time.time() + seconds_from_now)
    return time.strftime("%H:%M:%S" if then[:3] == now[:3] else "%Y-%m-%d %H:%M:%S", then)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"
