"""Graceful interruption: SIGTERM, SIGINT and SIGHUP (a closed terminal) are recorded, and work stops when it is safe."""

import signal
import threading
from types import FrameType
from typing import Self

from vqatune.errors import Stopped


class Interrupts:
    """A context in which SIGTERM, SIGHUP and a first SIGINT set `pending`; a second SIGINT raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.pending: int | None = None
        """The number of the last signal; None before one comes."""

    def __enter__(self) -> Self:
        self._before = {}
        # Python lets only the main thread handle signals.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                # nohup sets SIGHUP to be ignored.
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
        """Raise Stopped with the progress `where`; the signal may have come to another process."""
        raise Stopped(
            f"stopped {where}; started again it goes on from there", 128 + (self.pending or signal.SIGTERM)
        )
