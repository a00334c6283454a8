"""Having the server make a batch job: whatever fails on the way, in the end there is one, and it is known."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from vqatune.errors import ParameterError
from vqatune.generation.client.api_keys import key_mark
from vqatune.generation.client.batch_files import JobRecord, forget_record, save_record
from vqatune.generation.client.key_pool import Lane, Lanes, Stopping
from vqatune.generation.providers.failures import BadKey, Limited, Passing, Refused
from vqatune.generation.providers.gemini_batch import JobServer

_FILE_LASTS = 24 * 3600.0
"""Seconds after which an uploaded file is not counted on any more; the server keeps it for twice as long."""

Result = TypeVar("Result")


class Ending:
    """Whether a run is to end: `stopped` is set then, and what can be broken off is."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()

    async def unless_stopped(self, request: Awaitable[Result]) -> Result:
        """Return what a request brings; it is broken off, and Stopping raised, where the run ends before."""
        asked, stopped = asyncio.ensure_future(request), asyncio.create_task(self.stopped.wait())
        try:
            await asyncio.wait({asked, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise Stopping
            return asked.result()
        finally:
            for task in (asked, stopped):
                task.cancel()
            await asyncio.gather(asked, stopped, return_exceptions=True)

    async def sleep(self, seconds: float) -> None:
        """Wait so long; raises Stopping where the run ends before."""
        await self.unless_stopped(asyncio.sleep(seconds))


class Submitter:
    """Makes jobs with the first key that the server takes, at the lanes' pace."""

    def __init__(self, server: JobServer, folder: Path, lanes: Lanes, ending: Ending) -> None:
        self._server, self._folder, self._lanes, self._ending = server, folder, lanes, ending
        self.answered = False
        """Whether anything has been answered in this run."""

    async def submit(self, record: JobRecord, path: Path) -> tuple[str, Lane]:
        """Have a job made of the requests in a file, however long that takes; return its name and its key's lane.

        The record is on disk before the server is asked. Raises Stopping where the run ends before, and
        ParameterError where the job is refused, no key is taken, or nothing answers at the endpoint.
        """
        title = record.title
        doubtful: Lane | None = None
        uploaded = 0.0
        while True:
            async with self._lanes.slot() as (lane, sent):
                try:
                    name = ""
                    if doubtful:
                        lane, doubtful = doubtful, None
                        await self._ending.sleep(self._lanes.delay(0, None, title))
                        name = await self._ending.unless_stopped(self._server.find(title, lane.key))
                    if not name and (record.mark != key_mark(lane.key) or sent - uploaded > _FILE_LASTS):
                        record.file = await self._ending.unless_stopped(
                            self._server.upload(path, title, lane.key)
                        )
                        record.mark, uploaded = key_mark(lane.key), sent
                        save_record(record, self._folder)
                    # Not to be broken off: a job that is made is to be known.
                    name = name or await self._server.create(record.file, title, lane.key)
                except (Refused, ParameterError) as failure:
                    forget_record(record, self._folder)
                    if isinstance(failure, ParameterError):
                        raise
                    raise ParameterError(
                        f"Gemini does not take a batch job ({failure}): look at generate.model and the other settings "
                        "of generate"
                    ) from None
                except BadKey as failure:
                    forget_record(record, self._folder)
                    record.mark = ""
                    self._lanes.failed(lane, sent, failure)
                except Passing as failure:
                    self._lanes.failed(lane, sent, failure)
                    self.check_reached(failure, self._lanes.never_answered())
                    if record.mark and not isinstance(failure, Limited):
                        # The job may have been made all the same.
                        doubtful = lane
                else:
                    self._lanes.succeeded(lane, 0)
                    self.answered = True
                    return name, lane

    def check_reached(self, failure: Passing, tired: bool) -> None:
        """Raise ParameterError where, after all attempts, nothing has answered that is a model's server."""
        if tired and not self.answered and (not failure.reached or failure.kind == "not a reply"):
            raise ParameterError(
                f"nothing answers as it should ({failure}): look at generate.endpoint and the network"
            )
