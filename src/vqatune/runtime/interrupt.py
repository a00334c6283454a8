"""Stopping at a good moment: SIGTERM, SIGINT and SIGHUP (a closed terminal) are noted, and the work ends when it is safe to."""

import signal
import threading
from types import FrameType
from typing import Self

from vqatune.errors import Stopped


class Interrupts:
    """A block in which SIGTERM, SIGHUP and a first SIGINT set `pending`; a second SIGINT is a KeyboardInterrupt at once."""

    def __init__(self) -> None:
        self.pending: int | None = None
        """The number of the signal that came, if one did."""

    def __enter__(self) -> Self:
        self._before = {}
        # Python lets only the main thread handle signals.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                # Under nohup a closed terminal is to be nothing.
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.pending == signal.SIGINT:
            raise KeyboardInterrupt
        self.pending = number

    def stop(self, where: str) -> None:
        """Raise Stopped, which says where the work stands (the signal may have come to another process)."""
        raise Stopped(
            f"stopped {where}; started again it goes on from there", 128 + (self.pending or signal.SIGTERM)
        )
