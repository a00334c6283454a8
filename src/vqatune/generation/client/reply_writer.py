"""Commits replies to the store while requests go on: all that have arrived at a time, each before its next step."""

import asyncio
from collections import Counter

from vqatune.errors import DataError
from vqatune.generation.client.api_keys import key_mark
from vqatune.generation.client.key_pool import KeyPool
from vqatune.generation.replies.store import ReplyStore, StoredReply
from vqatune.runtime.request_display import RequestProgress

Changes = tuple[dict[str, float], dict[str, int], dict[bytes, str]]
"""Counts since the last commit: amounts by name, requests by key mark, and images set aside with the reason."""


class ReplyWriter:
    """Hands replies to the store, together with what has been counted since the last commit."""

    def __init__(self, store: ReplyStore, about: str, progress: RequestProgress, key_pool: KeyPool) -> None:
        self._store, self._about, self._progress, self._key_pool = store, about, progress, key_pool
        self._replies: asyncio.Queue[tuple[StoredReply, asyncio.Future]] = asyncio.Queue()
        self._counted: Counter = Counter()
        self._noted: set[bytes] = set()

    async def write(self, reply: StoredReply) -> None:
        """Return once the reply is on disk; raises DataError where it cannot be stored."""
        written = asyncio.get_running_loop().create_future()
        self._replies.put_nowait((reply, written))
        await written

    async def run(self) -> None:
        """Commit replies as they arrive, until cancelled."""
        while True:
            replies = [await self._replies.get()]
            while not self._replies.empty():
                replies.append(self._replies.get_nowait())
            failure = None
            try:
                await asyncio.to_thread(self._save, [reply for reply, _ in replies], self._changes())
            except DataError as error:
                # Whoever waits for it fails, and the run with them; the next replies are tried all the same.
                failure = error
            for _, written in replies:
                if failure and not written.done():
                    written.set_exception(failure)
                elif not written.done():
                    written.set_result(None)

    async def flush(self) -> None:
        """Commit what has been counted since the last reply."""
        await asyncio.to_thread(self._save, [], self._changes())

    def _changes(self) -> Changes:
        keys, progress = self._key_pool.keys, self._progress
        amounts = Counter({f"failed: {kind}": count for kind, count in progress.failures.items()})
        amounts["requests"] = sum(pooled_key.sent for pooled_key in keys)
        amounts["seconds"] = progress.seconds
        amounts["timed replies"], amounts["reply seconds"] = progress.replies, progress.reply_seconds
        changed = {name: amount - self._counted[name] for name, amount in amounts.items()}
        self._counted = amounts
        sent = {
            key_mark(pooled_key.key): pooled_key.sent - pooled_key.counted
            for pooled_key in keys
            if pooled_key.key
        }
        for pooled_key in keys:
            pooled_key.counted = pooled_key.sent
        aside = {key: kind for key, kind in progress.set_aside.items() if key not in self._noted}
        self._noted.update(aside)
        return changed, sent, aside

    def _save(self, replies: list[StoredReply], changes: Changes) -> None:
        amounts, sent, aside = changes
        self._store.add(replies, self._about, amounts, sent)
        self._store.set_aside(aside, self._key_pool.attempts)
