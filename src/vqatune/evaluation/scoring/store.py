"""Scores and embeddings stored in `.work/scores/`, so that no pair is scored and no text encoded twice: SQLite files.

Several processes may use a file at once. A damaged file is rebuilt, one that was deleted is made anew, and a damaged row is
not used. Where a file cannot be written to, the work goes on without it, which a warning says.
"""

import logging
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

_logger = logging.getLogger(__name__)

Pair = tuple[str, tuple[str, ...]]
"""A prediction and its references."""

_WAIT = 120
"""Seconds to wait for another process to finish writing."""
_KEYS_AT_ONCE = 10_000
_FORGOTTEN = 30 * 24 * 3600
"""Seconds without use after which a file of other code or models is removed."""
_CHECK = 4
"""Bytes of the checksum."""
_FAILURES = (sqlite3.DatabaseError, UnicodeDecodeError)
_NO_DAMAGE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
}
"""SQLite's errors that a new file would not solve."""


def pair_key(pair: Pair) -> bytes:
    """Return a digest of a pair, 16 bytes."""
    # A surrogate without its other half is escaped.
    return blake2b(repr(pair).encode(), digest_size=16).digest()


class _Unusable(Exception):
    """The file cannot be read or written, and another one could not either."""


class Store:
    """Bytes by key, in a file that is checked as it is read; nothing where there can be no file."""

    def __init__(self, folder: Path, name: str, key: str) -> None:
        """Open `<folder>/<name>-<key>.sqlite`, where the key stands for everything that the content depends on."""
        self._path, self._is_used = folder / f"{name}-{key}.sqlite", True
        if self._repaired(self._make):
            self._tidy(folder, name)

    @property
    def size(self) -> int:
        """The file's size in bytes."""
        return self._path.stat().st_size if self._path.exists() else 0

    def load(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the content of those keys that are stored."""
        found: dict[bytes, Any] = {}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            found |= self._repaired(self._select, keys[start : start + _KEYS_AT_ONCE]) or {}
        return {
            key: row[:-_CHECK]
            for key, row in found.items()
            if isinstance(row, bytes) and row[-_CHECK:] == _check(key, row[:-_CHECK])
        }

    def save(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Store contents by their keys: all of them or, where the process dies, none."""
        self._repaired(self._insert, [(key, content + _check(key, content)) for key, content in rows])

    def _tidy(self, folder: Path, name: str) -> None:
        """Mark the file as used, and remove files of the same name, of other code or models, that are no longer used."""
        self._path.touch()
        for path in folder.glob(f"{name}-{'[0-9a-f]' * 16}.sqlite"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - _FORGOTTEN:
                    path.unlink()

    def _make(self) -> bool:
        with self._connection():
            return True

    def _select(self, keys: list[bytes]) -> dict[bytes, bytes]:
        marks = ",".join("?" * len(keys))
        with self._connection() as connection:
            return dict(connection.execute(f"SELECT key, content FROM kept WHERE key IN ({marks})", keys))

    def _insert(self, rows: list[tuple[bytes, bytes]]) -> None:
        with self._connection() as connection:
            connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", rows)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        # The folder and the table each time: somebody may have deleted them.
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=_WAIT)) as connection, connection:
            # What a power failure damages is computed again; waiting for the disk would cost more.
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, content BLOB) WITHOUT ROWID"
            )
            yield connection

    def _repaired(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """Return the action's result, after rebuilding a file that is no database any more; None where there is no file."""
        if not self._is_used:
            return None
        try:
            try:
                return action(*arguments)
            except _FAILURES as failure:
                self._raise_unless_damaged(failure)
            # One process at a time rebuilds it.
            with FileLock(self._path.with_name(self._path.name + ".lock")):
                return self._rebuilt(action, *arguments)
        except (OSError, _Unusable, *_FAILURES) as failure:
            self._is_used = False
            _logger.warning(
                f"{self._path} cannot be used ({_describe(failure)}): what is computed now is computed again the next time. "
                "See that the folder can be written to, that the disk has room and that no other program holds the file"
            )
            return None

    def _rebuilt(self, action: Callable[..., Any], *arguments: Any) -> Any:
        try:
            # Another process may have rebuilt it in the meantime.
            return action(*arguments)
        except _FAILURES as failure:
            self._raise_unless_damaged(failure)
            _logger.warning(f"{self._path} is damaged ({_describe(failure)}): what it held is computed again")
        # The file last: once it is gone, another process may create a new one, with its own journal.
        for suffix in ("-journal", "-wal", "-shm", ""):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._make()
        return action(*arguments)

    def _raise_unless_damaged(self, failure: Exception) -> None:
        # The lower byte is the kind of error, the others say more about it.
        code = (getattr(failure, "sqlite_errorcode", None) or 0) & 0xFF
        # A damaged header, too, may say that the file is not to be written to.
        forbidden = code == sqlite3.SQLITE_READONLY and not os.access(self._path, os.W_OK)
        if code in _NO_DAMAGE or forbidden:
            raise _Unusable(_describe(failure)) from failure


class ScoreStore:
    """The stored scores of one scorer: a row a pair, a float64 a metric."""

    def __init__(self, folder: Path, name: str, key: str, columns: int) -> None:
        """Open the scorer's store."""
        self._store, self._columns = Store(folder, name, key), columns

    def read(self, pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores, float64 of shape (pairs, columns), NaN where undefined; and which pairs are known."""
        keys = list(map(pair_key, pairs))
        found = self._store.load(keys)
        none = np.full(self._columns, np.nan).tobytes()
        known = np.array([len(found.get(key, b"")) == len(none) for key in keys], dtype=bool)
        values = [found[key] if is_known else none for key, is_known in zip(keys, known, strict=True)]
        scores = np.frombuffer(b"".join(values), dtype="<f8").reshape(len(keys), self._columns)
        return scores.astype(np.float64), known

    def write(self, pairs: Sequence[Pair], scores: np.ndarray) -> None:
        """Store the scores of pairs, (pairs, columns): all of them or, where the process dies, none."""
        rows = np.ascontiguousarray(scores, dtype="<f8")
        self._store.save((pair_key(pair), row.tobytes()) for pair, row in zip(pairs, rows, strict=True))


def _describe(failure: Exception) -> str:
    # SQLite's message on a damaged file may quote bytes that are no text.
    return "not readable" if isinstance(failure, UnicodeDecodeError) else str(failure)


def _check(key: bytes, content: bytes) -> bytes:
    return zlib.crc32(content, zlib.crc32(key)).to_bytes(_CHECK, "little")
