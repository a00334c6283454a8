"""Creation of batch jobs, retried until there is exactly one job for the requests."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from vqatune.errors import ParameterError
from vqatune.generation.client.api_keys import key_mark
from vqatune.generation.client.batch_files import JobRecord, delete_record, save_record
from vqatune.generation.client.key_pool import KeyPool, PooledKey, StopRequested
from vqatune.generation.providers.errors import (
    InvalidKeyError,
    PermanentError,
    RateLimitError,
    TransientError,
)
from vqatune.generation.providers.gemini_batch import JobServer

_FILE_LASTS = 24 * 3600.0
"""Seconds after which a file is uploaded again; the server keeps it for twice as long."""

Result = TypeVar("Result")


class StopSignal:
    """Ends a run: once `stopped` is set, requests that may be interrupted are cancelled."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()

    async def unless_stopped(self, request: Awaitable[Result]) -> Result:
        """Await a request; cancel it and raise StopRequested where the run ends first."""
        asked, stopped = asyncio.ensure_future(request), asyncio.create_task(self.stopped.wait())
        try:
            await asyncio.wait({asked, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise StopRequested
            return asked.result()
        finally:
            for task in (asked, stopped):
                task.cancel()
            await asyncio.gather(asked, stopped, return_exceptions=True)

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds; raises StopRequested where the run ends first."""
        await self.unless_stopped(asyncio.sleep(seconds))


class JobSubmitter:
    """Creates jobs with the first key that the server accepts, within its rate limits."""

    def __init__(self, server: JobServer, folder: Path, key_pool: KeyPool, stop_signal: StopSignal) -> None:
        self._server, self._folder, self._key_pool, self._stop_signal = server, folder, key_pool, stop_signal
        self.answered = False
        """Whether the server has answered anything in this run."""

    async def submit(self, record: JobRecord, path: Path) -> tuple[str, PooledKey]:
        """Create a job of the requests in a file, however long that takes; return its name and its key.

        The record is on disk before the job is created. Raises StopRequested where the run ends first, and
        ParameterError where the job is refused, no key is accepted, or nothing answers at the endpoint.
        """
        title = record.title
        uncertain: PooledKey | None = None
        uploaded = 0.0
        while True:
            async with self._key_pool.slot() as (pooled_key, sent):
                try:
                    name = ""
                    if uncertain:
                        pooled_key, uncertain = uncertain, None
                        await self._stop_signal.sleep(self._key_pool.delay(0, None, title))
                        name = await self._stop_signal.unless_stopped(
                            self._server.find(title, pooled_key.key)
                        )
                    if not name and (
                        record.mark != key_mark(pooled_key.key) or sent - uploaded > _FILE_LASTS
                    ):
                        record.file = await self._stop_signal.unless_stopped(
                            self._server.upload(path, title, pooled_key.key)
                        )
                        record.mark, uploaded = key_mark(pooled_key.key), sent
                        save_record(record, self._folder)
                    # Never cancelled: the name of a job that has been created must be known.
                    name = name or await self._server.create(record.file, title, pooled_key.key)
                except (PermanentError, ParameterError) as failure:
                    delete_record(record, self._folder)
                    if isinstance(failure, ParameterError):
                        raise
                    raise ParameterError(
                        f"Gemini does not take a batch job ({failure}): look at generate.model and the other settings "
                        "of generate"
                    ) from None
                except InvalidKeyError as failure:
                    delete_record(record, self._folder)
                    record.mark = ""
                    self._key_pool.failed(pooled_key, sent, failure)
                except TransientError as failure:
                    self._key_pool.failed(pooled_key, sent, failure)
                    self.check_reached(failure, self._key_pool.never_answered())
                    if record.mark and not isinstance(failure, RateLimitError):
                        # The job may have been created all the same.
                        uncertain = pooled_key
                else:
                    self._key_pool.succeeded(pooled_key, 0)
                    self.answered = True
                    return name, pooled_key

    def check_reached(self, failure: TransientError, tired: bool) -> None:
        """Raise ParameterError where, after all attempts (`tired`), nothing has answered like a model's server."""
        if tired and not self.answered and (not failure.reached or failure.kind == "not a reply"):
            raise ParameterError(
                f"nothing answers as it should ({failure}): look at generate.endpoint and the network"
            )
