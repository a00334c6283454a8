"""The store of replies in `.work/replies/`: no request that was paid for is sent again.

An SQLite file to which replies are only ever added, raw, as the server sent them, so that parsing may change later. A
reply's key is a hash of all that determines it, so that none is served for another request.
"""

import json
import logging
import sqlite3
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from vqatune.errors import DataError

_logger = logging.getLogger(__name__)

REPLIES = Path(".work/replies/replies.sqlite")
"""Outside of the stages' outputs, which DVC removes before it runs a stage."""

_WAIT = 120
"""Seconds to wait for another process to finish writing."""
_AT_ONCE = 5000
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
"""SQLite's errors of a damaged file."""

_TABLES = """
CREATE TABLE IF NOT EXISTS replies (
    key BLOB, number INTEGER, digest BLOB, image_id TEXT, product_type TEXT, about TEXT, reply BLOB,
    PRIMARY KEY (key, number, digest));
CREATE TABLE IF NOT EXISTS tallies (about TEXT, name TEXT, amount REAL, PRIMARY KEY (about, name));
CREATE TABLE IF NOT EXISTS set_aside (key BLOB PRIMARY KEY, reason TEXT, attempts INTEGER);
CREATE TABLE IF NOT EXISTS sent (mark TEXT, hour INTEGER, amount INTEGER, PRIMARY KEY (mark, hour));
CREATE TABLE IF NOT EXISTS jobs (title TEXT PRIMARY KEY, name TEXT, state TEXT);
"""
_ORDER = "ORDER BY key, number, digest"


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A raw reply, the `number`th under its key; `about` is the JSON of provider, model, prompt and settings."""

    key: bytes
    number: int
    image_id: str
    product_type: str
    about: str
    reply: dict[str, Any]

    def content(self) -> bytes:
        """Return the reply as UTF-8 JSON."""
        return json.dumps(self.reply, separators=(",", ":")).encode()


def reply_key(image: bytes, metadata: str, about: str) -> bytes:
    """Return the key, 16 bytes, of the replies to an image, its fenced metadata and the settings in `about`."""
    digest = blake2b(f"{len(metadata)} {metadata}{about}".encode("utf-8", "surrogatepass"), digest_size=16)
    digest.update(image)
    return digest.digest()


class ReplyStore:
    """Replies by key. Every method raises DataError where the file cannot be read or written.

    Thread-safe; a method waits while another process writes to the file.
    """

    def __init__(self, path: Path = REPLIES) -> None:
        """Open the file, or create it."""
        self.path = path
        self._lock = threading.Lock()
        self._named: set[str] = set()
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._connect()
            try:
                self._use_log()
                self._connection.execute("PRAGMA synchronous=FULL")
                self._connection.executescript(_TABLES)
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def add(
        self,
        replies: Iterable[StoredReply],
        about: str = "",
        tallies: dict[str, float] | None = None,
        sent: dict[str, int] | None = None,
    ) -> int:
        """Add replies and counts in one transaction; return the number of new replies.

        `tallies` are amounts by name for the settings `about`; `sent` are requests of this hour by key mark.
        """
        if not self.path.exists():
            raise DataError(
                f"{self.path} is not there any more: nothing that is asked now could be kept; run again"
            )
        rows = [_row(reply) for reply in replies]
        amounts = [(about, name, amount) for name, amount in (tallies or {}).items() if amount]
        hour = int(time.time() // 3600)
        requests = [(mark, hour, count) for mark, count in (sent or {}).items() if count]
        with self._explained(), self._lock, self._connection as connection:
            before = connection.total_changes
            connection.executemany("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            added = connection.total_changes - before
            connection.executemany(
                "INSERT INTO tallies VALUES (?, ?, ?) "
                "ON CONFLICT (about, name) DO UPDATE SET amount = amount + excluded.amount",
                amounts,
            )
            connection.executemany(
                "INSERT INTO sent VALUES (?, ?, ?) "
                "ON CONFLICT (mark, hour) DO UPDATE SET amount = amount + excluded.amount",
                requests,
            )
        return added

    def load(self, keys: Sequence[bytes]) -> dict[bytes, list[dict[str, Any]]]:
        """Return the replies by key, in the order in which they were received; keys without replies are absent."""
        found: dict[bytes, list[dict[str, Any]]] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for row in self._select(f"SELECT * FROM replies WHERE key IN ({marks}) {_ORDER}", *some):
                if reply := self._checked(row):
                    found.setdefault(reply.key, []).append(reply.reply)
        return found

    def everything(self, about: str | None = None) -> Iterator[StoredReply]:
        """Yield all replies, or those of the settings `about`, in the order of their keys."""
        where, values = ("", ()) if about is None else ("WHERE about = ?", (about,))
        # A connection of its own, so that other methods can be used meanwhile.
        with self._explained(), closing(self._connect()) as connection:
            for row in connection.execute(f"SELECT * FROM replies {where} {_ORDER}", values):
                if reply := self._checked(row):
                    yield reply

    def totals(self) -> dict[str, tuple[int, int]]:
        """Return the numbers of replies and of their keys, by settings (the JSON of `about`).

        Damaged settings, which are no JSON object, are left out.
        """
        asked = self._select("SELECT DISTINCT about FROM tallies")
        kept = self._select("SELECT about, count(*), count(DISTINCT key) FROM replies GROUP BY about")
        found = {about: (0, 0) for (about,) in asked} | {about: (count, keys) for about, count, keys in kept}
        return {about: found[about] for about in sorted(found, key=str) if _is_object(about)}

    def tallies(self, about: str) -> dict[str, float]:
        """Return the amounts counted for the settings `about`, by name."""
        return dict(self._select("SELECT name, amount FROM tallies WHERE about = ? ORDER BY name", about))

    def sent_before(self, mark: str) -> dict[float, int]:
        """Return the number of a key's requests of the last day, by time on the monotonic clock, to the hour."""
        now, ticks = time.time(), time.monotonic()
        rows = self._select(
            "SELECT hour, amount FROM sent WHERE mark = ? AND hour >= ?", mark, now // 3600 - 24
        )
        found: Counter[float] = Counter()
        for hour, amount in rows:
            # The latest time of that hour, so that a daily quota is not taken for restored too early.
            found[min((hour + 1) * 3600, now) - now + ticks] += amount
        return dict(found)

    def set_aside(self, reasons: dict[bytes, str], attempts: int) -> None:
        """Set images aside: by reply key, the reason why no request is sent again, after so many attempts."""
        rows = [(key, reason, attempts) for key, reason in reasons.items()]
        with self._explained(), self._lock, self._connection as connection:
            connection.executemany("INSERT OR REPLACE INTO set_aside VALUES (?, ?, ?)", rows)

    def reasons(self, keys: Sequence[bytes], attempts: int = 0) -> dict[bytes, str]:
        """Return the reasons of the keys that were set aside after at least so many attempts."""
        found: dict[bytes, str] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, reason FROM set_aside WHERE key IN ({marks}) AND attempts >= ?"
            found |= dict(self._select(query, *some, attempts))
        return found

    def forget_set_aside(self) -> int:
        """Forget all images that were set aside, so that requests are sent again; return their number."""
        with self._explained(), self._lock, self._connection as connection:
            return connection.execute("DELETE FROM set_aside").rowcount

    def set_job(self, title: str, name: str, state: str) -> None:
        """Store a batch job's name and state under its title."""
        with self._explained(), self._lock, self._connection as connection:
            connection.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?)", (title, name, state))

    def jobs(self) -> dict[str, tuple[str, str]]:
        """Return the batch jobs: by title, the server's name and the last known state."""
        return {title: (name, state) for title, name, state in self._select("SELECT * FROM jobs")}

    def _select(self, query: str, *values: Any) -> list[tuple]:
        with self._explained(), self._lock:
            return self._connection.execute(query, values).fetchall()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_WAIT, check_same_thread=False)
        # A damaged text must fail its digest rather than end the iteration.
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        return connection

    def _use_log(self) -> None:
        """Switch to write-ahead logging, where a commit is one atomic append."""
        deadline = time.monotonic() + _WAIT
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                # SQLite does not wait by itself where two processes create the file at once.
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.02)

    def _checked(self, row: tuple) -> StoredReply | None:
        """Return the reply in a row of the table; where it is damaged, print a line that names it and return None."""
        key, number, digest, image_id, product_type, about, packed = row
        try:
            content = zlib.decompress(packed)
            if _digest(key, number, (image_id, product_type, about), content) == digest:
                return StoredReply(key, number, image_id, product_type, about, json.loads(content))
        except (zlib.error, AttributeError, TypeError, ValueError):
            pass
        name = key.hex() if isinstance(key, bytes) else repr(key)
        if name not in self._named:
            self._named.add(name)
            _logger.warning(f"{self.path}: the reply {name} is damaged and not used")
        return None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
            # SQLite's message about a damaged file may quote bytes that are not UTF-8.
            garbled = isinstance(error, UnicodeDecodeError)
            if garbled or _code(error) in _DAMAGED:
                todo = "move it away, and bring back a copy with `vqatune replies import`"
            else:
                todo = "free space, correct its permissions or end what else uses it, and run again"
            said = "it is damaged" if garbled else " ".join(str(error).split())
            raise DataError(f"{self.path}: replies cannot be kept there ({said}): {todo}") from error


def open_existing(path: Path = REPLIES) -> ReplyStore:
    """Open an existing store; raises DataError where there is none, or it cannot be used."""
    try:
        found = path.exists()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): correct its permissions") from error
    if not found:
        raise DataError(
            f"{path} does not exist: run this from the repository's root, where a model has been asked or replies have "
            "been imported"
        )
    return ReplyStore(path)


def _is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError):
        return False


def _code(error: Exception) -> int:
    # The lower byte is the primary error code.
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _row(reply: StoredReply) -> tuple:
    content = reply.content()
    texts = (reply.image_id, reply.product_type, reply.about)
    digest = _digest(reply.key, reply.number, texts, content)
    return (reply.key, reply.number, digest, *texts, zlib.compress(content, 1))


def _digest(key: bytes, number: int, texts: tuple[str, ...], content: bytes) -> bytes:
    """Return a digest, 16 bytes, of a reply with all its fields, by which equal replies are stored once."""
    encoded = [text.encode() for text in texts]
    head = b"%b %d %b " % (key, number, b" ".join(b"%d" % len(text) for text in encoded))
    return blake2b(b"".join((head, *encoded, content)), digest_size=16).digest()
