"""Figures on standard error while a computation runs: updated in place on a terminal or in a notebook, elsewhere lines."""

from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vqatune.runtime.terminal import Terminal

LINE_EVERY = 60.0
"""Seconds between plain lines."""


class _Console(Terminal):
    """A console that falls silent when its reader is gone, where rich would end the process."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Display:
    """Figures under a title; as a context manager it leaves the last ones on the screen, or prints them as a line."""

    def __init__(self, title: str, console: Console | None = None) -> None:
        self._title = title
        self._console = console or _Console(stderr=True)
        live = self._console.is_terminal or self._console.is_jupyter
        self._live = Live(console=self._console, auto_refresh=False) if live else None
        self._last: dict[str, str] = {}

    @property
    def is_live(self) -> bool:
        """Whether figures change in place; where not, use `print_figures` now and then."""
        return self._live is not None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            if self._live:
                self._live.stop()
            elif self._last:
                self.print_figures(self._last)

    def show(self, figures: dict[str, str], done: int, total: int) -> None:
        """Show the figures by name under a progress bar, or keep them for the last line."""
        self._last = figures
        if self._live:
            table = Table.grid(padding=(0, 2))
            table.add_row("", ProgressBar(total=max(1, total), completed=done, width=40))
            for name, text in figures.items():
                table.add_row(Text(name, style="dim"), text)
            # A closed terminal is no reason to end the computation.
            with suppress(OSError):
                self._live.update(Group(Text(self._title), table), refresh=True)

    def print_figures(self, figures: dict[str, str]) -> None:
        """Print the figures as a line."""
        self.print_line("; ".join(f"{name} {text}" for name, text in figures.items()))

    def print_line(self, line: str) -> None:
        """Print a line that stays above the figures."""
        with suppress(OSError):
            self._console.print(f"{self._title}: {line}", markup=False, highlight=False, soft_wrap=True)
