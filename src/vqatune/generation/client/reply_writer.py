"""Committing replies while asking goes on: all that have come at a time, each before its image's next step."""

import asyncio
from collections import Counter

from vqatune.errors import DataError
from vqatune.generation.client.api_keys import key_mark
from vqatune.generation.client.jobs import Progress
from vqatune.generation.replies.store import ReplyStore, StoredReply

News = tuple[dict[str, float], dict[str, int], dict[bytes, str]]
"""What has been counted since the last commit: amounts by name, requests by key mark, and who was set aside and why."""


class Keeper:
    """Hands replies to the store, and with them what has been counted meanwhile."""

    def __init__(self, store: ReplyStore, about: str, progress: Progress) -> None:
        self._store, self._about, self._progress = store, about, progress
        self._replies: asyncio.Queue[tuple[StoredReply, asyncio.Future]] = asyncio.Queue()
        self._counted: Counter = Counter()
        self._noted: set[bytes] = set()

    async def keep(self, reply: StoredReply) -> None:
        """Return once the reply is on disk; raises DataError where that cannot be."""
        kept = asyncio.get_running_loop().create_future()
        self._replies.put_nowait((reply, kept))
        await kept

    async def write(self) -> None:
        """Commit what comes, for ever."""
        while True:
            replies = [await self._replies.get()]
            while not self._replies.empty():
                replies.append(self._replies.get_nowait())
            failure = None
            try:
                await asyncio.to_thread(self._save, [reply for reply, _ in replies], self._news())
            except DataError as error:
                # Whoever waits for it fails, and with that the run; the next replies are tried all the same.
                failure = error
            for _, kept in replies:
                if failure and not kept.done():
                    kept.set_exception(failure)
                elif not kept.done():
                    kept.set_result(None)

    async def end(self) -> None:
        """Commit what has been counted since the last reply."""
        await asyncio.to_thread(self._save, [], self._news())

    def _news(self) -> News:
        progress = self._progress
        amounts = Counter({f"failed: {kind}": count for kind, count in progress.failures.items()})
        amounts["requests"] = sum(lane.sent for lane in progress.lanes.lanes)
        amounts["seconds"] = progress.seconds
        news = {name: amount - self._counted[name] for name, amount in amounts.items()}
        self._counted = amounts
        sent = {key_mark(lane.key): lane.sent - lane.counted for lane in progress.lanes.lanes if lane.key}
        for lane in progress.lanes.lanes:
            lane.counted = lane.sent
        aside = {key: kind for key, kind in progress.set_aside.items() if key not in self._noted}
        self._noted.update(aside)
        return news, sent, aside

    def _save(self, replies: list[StoredReply], news: News) -> None:
        amounts, sent, aside = news
        self._store.add(replies, self._about, amounts, sent)
        self._store.set_aside(aside, self._progress.lanes.attempts)
