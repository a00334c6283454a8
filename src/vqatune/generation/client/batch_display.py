"""What asking in batches shows: where jobs and images stand, and when it looks again (standard error)."""

import time
from collections import Counter
from dataclasses import dataclass, field

from vqatune.generation.client.display import dollars
from vqatune.generation.client.key_pool import clock_time
from vqatune.params import PriceParams
from vqatune.runtime.live_display import LINE_EVERY, Display


@dataclass
class BatchProgress:
    """What has been asked and answered; images, pairs and tokens are those of all runs."""

    total: int
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    pairs: int = 0
    requests: int = 0
    """Those of jobs that have ended."""
    replies: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    failures: Counter = field(default_factory=Counter)
    """Requests that brought no pairs, by kind."""
    set_aside: dict[bytes, str] = field(default_factory=dict)
    """By the image's key, why it is without pairs."""
    jobs: Counter = field(default_factory=Counter)
    """Jobs by state."""
    waits_until: float | None = None
    """When something is done next, on the monotonic clock."""


class BatchWatch:
    """Shows a BatchProgress whenever it is called with one."""

    def __init__(self, display: Display, price: PriceParams) -> None:
        self._display, self._price = display, price
        self._said: dict[str, str] = {}
        self._line_at = -1.0

    def __call__(self, progress: BatchProgress) -> None:
        """Show where asking stands; in plain lines, when something has changed, once a minute at most."""
        now, figures, looks = time.monotonic(), self._figures(progress), {}
        if progress.waits_until is not None and progress.waits_until > now:
            looks = {"looks again": f"at {clock_time(progress.waits_until - now)}"}
        self._display.show(figures | (looks if self._display.lives else {}), progress.done, progress.total)
        if not self._display.lives and looks and now >= self._line_at and figures != self._said:
            self._line_at, self._said = now + LINE_EVERY, figures
            self._display.say(figures | looks)

    def _figures(self, progress: BatchProgress) -> dict[str, str]:
        figures = {
            "images": f"{progress.done:,} of {progress.total:,}",
            "jobs": ", ".join(
                f"{count:,} {state}" for state, count in sorted(progress.jobs.items()) if count
            ),
            "pairs": f"{progress.pairs:,}",
            "tokens": f"{progress.input_tokens:,} in, {progress.output_tokens:,} out",
        }
        cost = dollars(self._price, progress.input_tokens, progress.output_tokens)
        if cost is not None:
            figures["cost"] = f"${cost:,.2f}"
        if progress.failures:
            figures["failures"] = ", ".join(
                f"{kind} {count:,}" for kind, count in progress.failures.most_common(5)
            )
        if progress.set_aside:
            figures["set aside"] = f"{len(progress.set_aside):,}"
        return {name: text for name, text in figures.items() if text}
