"""What asking shows while it runs: images, pairs, the rate, requests, keys, tokens, cost, and the time left."""

import time
from collections import deque

from vqatune.generation.client.jobs import Progress
from vqatune.params import PriceParams
from vqatune.runtime.live_display import LINE_EVERY, Display

_RATE_OVER = 300.0
"""Seconds over which the rate is taken."""


class Watch:
    """Shows a Progress whenever it is called with one."""

    def __init__(self, display: Display, price: PriceParams) -> None:
        self._display, self._price = display, price
        self._done: deque[tuple[float, int]] = deque()
        self._line_at = time.monotonic() + LINE_EVERY

    def __call__(self, progress: Progress) -> None:
        """Show where asking stands."""
        now = time.monotonic()
        self._done.append((now, progress.done))
        while self._done[0][0] < now - _RATE_OVER:
            self._done.popleft()
        figures = self._figures(progress)
        self._display.show(figures, progress.done, progress.total)
        if not self._display.lives and now >= self._line_at:
            self._line_at = now + LINE_EVERY
            self._display.say(figures)

    def per_minute(self) -> float:
        """Return the images done a minute, of late."""
        (start, before), (end, after) = self._done[0], self._done[-1]
        return 60 * (after - before) / (end - start) if end > start else 0.0

    def cost(self, progress: Progress) -> float | None:
        """Return the US dollars of this run so far, None where the price is not known."""
        return dollars(self._price, progress.input_tokens, progress.output_tokens)

    def _figures(self, progress: Progress) -> dict[str, str]:
        rate = self.per_minute()
        left = progress.total - progress.done
        figures = {
            "images": f"{progress.done:,} of {progress.total:,} ({rate:,.0f} a minute)",
            "pairs": f"{progress.pairs:,}" + _kept(progress),
            "requests": f"{sum(lane.sent for lane in progress.lanes.lanes):,} in {_duration(progress.seconds)}",
            "in flight": f"{progress.in_flight} of up to {int(progress.lanes.width)}",
            "tokens": f"{progress.input_tokens:,} in, {progress.output_tokens:,} out",
        }
        cost = self.cost(progress)
        if cost is not None:
            whole = f", about ${cost * progress.total / progress.done:,.2f} in all" if progress.done else ""
            figures["cost"] = f"${cost:,.2f}{whole}"
        if left:
            figures["time left"] = _duration(60 * left / rate) if rate else "not known yet"
        if progress.failures:
            figures["failures"] = ", ".join(
                f"{kind} {count:,}" for kind, count in progress.failures.most_common(5)
            )
        if progress.set_aside:
            figures["set aside"] = f"{len(progress.set_aside):,}"
        now = progress.lanes.clock()
        for lane in progress.lanes.lanes:
            figures[f"key {lane.number}"] = f"{lane.state(now)}, {lane.sent:,} requests"
        return figures


def _kept(progress: Progress) -> str:
    return f", of which the checks keep {progress.kept / progress.checked:.1%}" if progress.checked else ""


def dollars(price: PriceParams, input_tokens: int, output_tokens: int) -> float | None:
    """Return what so many tokens cost in US dollars, None where a price is not known."""
    if price.input is None or price.output is None:
        return None
    return (input_tokens * price.input + output_tokens * price.output) / 1e6


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"
