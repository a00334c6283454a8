"""Progress of training, shown as it goes: images, loss, pairs a second, and the time left."""

import os
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from rich.console import Console

from vqatune.runtime.live_display import LINE_EVERY, Display
from vqatune.runtime.terminal import Terminal


class TrainingDisplay:
    """Shows the figures of a version's training on a terminal or in a notebook in place, elsewhere as lines.

    Of several processes on a machine that a launcher has started only the first shows them.
    """

    def __init__(self, title: str, images: int, done: int, seen: int, console: Console | None = None) -> None:
        """Start to measure.

        Args:
            title: such as "train v7".
            images: in all.
            done: of them, where training was resumed.
            seen: pairs that were trained on so far.
            console: to show them on; None for standard error.
        """
        if console is None and os.environ.get("LOCAL_RANK", "0") != "0":
            console = Terminal(stderr=True, quiet=True)
        self._display = Display(title, console)
        self._images, self._done, self._before = images, done, done
        self._seen = seen
        self._began = self._printed = time.monotonic()

    def __enter__(self) -> Self:
        self._display.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.__exit__(kind, error, trace)

    def advance(self, images: int, log: Sequence[Mapping[str, Any]]) -> None:
        """Show the figures after a step of so many images; `log` is that of the version, a row a step."""
        self._done += images
        now = time.monotonic()
        seconds = max(now - self._began, 1e-9)
        figures = {"images": f"{self._done:,} of {self._images:,}"}
        if log:
            figures["loss"] = f"{log[-1]['smoothed_loss']:.3f}"
            figures["pairs/s"] = f"{(log[-1]['pairs_seen'] - self._seen) / seconds:,.0f}"
        left = seconds / (self._done - self._before) * (self._images - self._done)
        figures["left"] = str(timedelta(seconds=round(left)))
        self._display.show(figures, self._done, self._images)
        if not self._display.is_live and now - self._printed >= LINE_EVERY:
            self._printed = now
            self._display.print_figures(figures)
