"""Replies of a model: asked for with patience, and kept on disk so that what has been paid for is not asked again.

A reply's key is a hash of all that determines it, so none is served for another question: with another prompt or
model, replies are other files. To have something asked again, remove its file.
"""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from threading import Event, Lock
from typing import Any, TypeVar

from vqatune.errors import DataError
from vqatune.progress import bar
from vqatune.ranks import unit
from vqatune.tables import replacing

Item = TypeVar("Item")

REPLIES = Path(".work/replies")
"""Where replies are kept: not among the stages' outputs, which DVC removes before it runs a stage."""

_LONGEST_BACKOFF = 60.0  # seconds
_LONGEST_DELAY = 24 * 3600.0  # seconds, of those that a server names
# When so many rounds of requests in a row get no reply, the rest of a catalogue would not either.
_ROUNDS_WITHOUT_REPLY = 3


class NoReply(Exception):
    """A request that got no reply; the text says why."""


class Refused(NoReply):
    """A request that would be refused again, for the sake of what it asks about."""


class Later(NoReply):
    """A request that may succeed later; `delay` is in seconds, where the server names one.

    `everyone`: the server asks for fewer requests, so that all of them must wait.
    """

    def __init__(self, reason: str, delay: float | None = None, everyone: bool = False) -> None:
        super().__init__(reason)
        self.delay, self.everyone = delay, everyone


def reply_key(image: bytes, asked: dict[str, Any]) -> str:
    """Return the key, 32 hex digits, of the reply about an image to `asked`, plain values in any order."""
    digest = blake2b(json.dumps(asked, sort_keys=True).encode(), digest_size=16)
    digest.update(b"\0" + image)
    return digest.hexdigest()


def write_reply(folder: Path, key: str, record: dict[str, Any]) -> None:
    """Keep a record under its key, whole or not at all; its "reply" is what the model sent.

    Raises DataError where the disk does not take it.
    """
    try:
        with replacing(_path(folder, key)) as temporary, temporary.open("w", encoding="utf-8") as file:
            json.dump({"key": key} | record, file)
            file.flush()
            # Otherwise a power cut may leave an empty file under the final name.
            os.fsync(file.fileno())
    except OSError as error:
        raise DataError(
            f"cannot keep a reply in {folder} ({error.strerror or error}): free space or correct its permissions, "
            "and run again"
        ) from error


def read_reply(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the reply kept under a key; None where there is none, or its file is damaged."""
    try:
        record = json.loads(_path(folder, key).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    whole = isinstance(record, dict) and record.get("key") == key and isinstance(record.get("reply"), dict)
    return record["reply"] if whole else None


def _path(folder: Path, key: str) -> Path:
    # A single folder of a hundred thousand files would be slow to list.
    return folder / key[:2] / f"{key}.json"


def collect_replies(
    missing: dict[str, Item],
    ask: Callable[[Item], dict[str, Any]],
    folder: Path,
    title: str,
    concurrency: int,
    attempts: int,
    pause: float,
) -> dict[str, NoReply]:
    """Ask about the missing items (by key), and keep each reply in `folder` as soon as it is there.

    `ask` returns a record for `write_reply`, and is called in up to `concurrency` threads. Where it raises Later,
    it is called again, up to `attempts` times in all, after `pause` seconds, doubled each time, or the delay that
    Later names. Asking ends early where nothing gets a reply any more, and where `ask` raises anything else, which
    is raised; what is under way is then waited for and kept. `title` stands before the progress bar.

    Returns why there is no reply, for the keys where that is so and that were asked about.
    """
    failures: dict[str, NoReply] = {}
    with bar() as progress, ThreadPoolExecutor(concurrency) as pool:
        task = progress.add_task(title, total=len(missing))
        patience = _Patience(
            lambda until: progress.update(task, description=f"{title} (waits until {until})")
        )

        def collect(key: str, item: Item) -> tuple[str, NoReply | None]:
            try:
                write_reply(folder, key, _patiently(partial(ask, item), key, attempts, pause, patience))
            except NoReply as failure:
                return key, failure
            return key, None

        todo, running, in_a_row = iter(missing.items()), set(), 0
        # One at a time until there is a reply: a wrong key or model then costs a single request, and an SDK that
        # prepares itself in its first call does so in one thread.
        width = 1
        try:
            while in_a_row < _ROUNDS_WITHOUT_REPLY * concurrency:
                free = width - len(running)
                running |= {pool.submit(collect, key, item) for key, item in islice(todo, free)}
                if not running:
                    break
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for key, failure in (future.result() for future in done):
                    progress.update(task, advance=1, description=title)
                    if failure is None:
                        width, in_a_row = concurrency, 0
                    else:
                        failures[key] = failure
                        in_a_row += 1
        finally:
            patience.stop.set()
    return failures


def _patiently(
    ask: Callable[[], dict[str, Any]], key: str, attempts: int, pause: float, patience: "_Patience"
) -> dict[str, Any]:
    for attempt in range(attempts):
        patience.wait()
        try:
            return ask()
        except Later as failure:
            last = failure
        backoff = min(pause * 2**attempt, _LONGEST_BACKOFF) * (1 + unit(attempt, "backoff", key))
        delay = min(last.delay, _LONGEST_DELAY) if last.delay else backoff
        if last.everyone:
            patience.hold(delay)
        elif attempt + 1 < attempts:
            patience.wait(delay)
    raise last


class _Patience:
    """Waiting, each request for itself or all of them together; `stop` cuts it short."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.stop = Event()
        self._tell, self._lock = tell, Lock()
        self._ready = 0.0  # when all may go on, on the monotonic clock

    def hold(self, seconds: float) -> None:
        """Keep all requests back for so long, and tell until when."""
        with self._lock:
            self._ready = max(self._ready, time.monotonic() + seconds)
        self._tell(time.strftime("%H:%M:%S", time.localtime(time.time() + seconds)))

    def wait(self, seconds: float = 0.0) -> None:
        """Wait so long, and as long as all must; raises NoReply where the run is stopped."""
        ready = time.monotonic() + seconds
        while not self.stop.is_set() and (left := max(ready, self._ready) - time.monotonic()) > 0:
            self.stop.wait(left)
        if self.stop.is_set():
            raise NoReply("asking was stopped")
