"""Graceful interruption: SIGTERM, SIGHUP (a closed terminal) and SIGINT end a program in the same way.

While it imports, it ends at once (`exit_at_once`); while it works, it unwinds (`unwind`); and where work is kept, it goes on
until that is safe (`Interrupts`).
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from vqatune.errors import Stopped

_ENDING = tuple(signal.Signals[name] for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))
"""Windows has no SIGHUP."""


class Signalled(KeyboardInterrupt):
    """A signal came that ends the program, which unwinds as at Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.status = 128 + number
        """The exit status: 128 and the signal's number."""


Handler = Callable[[int, FrameType | None], None]


def exit_at_once(message: str) -> Handler:
    """Return a handler that prints the message as a line and ends the process: for while nothing is held or written."""

    def leave(number: int, frame: FrameType | None) -> None:
        os.write(sys.__stderr__.fileno(), f"{message}\n".encode())
        os._exit(128 + number)

    return leave


def unwind(number: int, frame: FrameType | None) -> None:
    """Raise Signalled; a handler."""
    raise Signalled(number)


def handle_signals(handler: Handler) -> dict[signal.Signals, Any]:
    """Let the handler take SIGTERM, SIGHUP and SIGINT from now on; return the handlers before."""
    before: dict[signal.Signals, Any] = {}
    # Python lets only the main thread handle signals.
    if threading.current_thread() is threading.main_thread():
        for number in _ENDING:
            # nohup sets SIGHUP to be ignored.
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
    return before


@contextmanager
def handling_signals(handler: Handler) -> Iterator[None]:
    """Let the handler take the signals within the block."""
    before = handle_signals(handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


class Interrupts:
    """A context in which SIGTERM, SIGHUP and a first SIGINT set `pending`; a second SIGINT raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.pending: int | None = None
        """The number of the last signal; None before one comes."""

    def __enter__(self) -> Self:
        self._before = handle_signals(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.pending == signal.SIGINT:
            raise KeyboardInterrupt
        self.pending = number

    def stop(self, where: str) -> None:
        """Raise Stopped with the progress `where`; the signal may have come to another process."""
        raise Stopped(
            f"stopped {where}; started again it goes on from there", 128 + (self.pending or signal.SIGTERM)
        )
