"""Serving a version until a signal ends it."""

import contextlib
import os
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from types import FrameType

import uvicorn

from vqatune.inference.answering.abstaining import Abstaining
from vqatune.inference.answering.settings import Settings, choose_version
from vqatune.runtime.listening import BACKLOG, LOOPBACK, address_of, is_loopback, listen, read_token
from vqatune.runtime.output import say
from vqatune.serving.application import Service, make_application
from vqatune.serving.batcher import Batcher, Batching
from vqatune.serving.limits import PORT, Limits
from vqatune.serving.replies import Replies

SECONDS_BETWEEN_REQUESTS = 30
"""Seconds that a connection stays open without a request."""
_ENDING = (signal.SIGINT, signal.SIGTERM)


def serve(
    models: Path,
    version: str | None,
    settings: Settings,
    limits: Limits,
    host: str = LOOPBACK,
    port: int = PORT,
    token: str | None = None,
    abstaining: Abstaining | None = None,
) -> None:
    """Load a version and answer requests until SIGTERM or Ctrl-C; then answer what waits, and return.

    A second signal ends the process at once.

    Args:
        models: the folder of the versions, or a single model.
        version: its name; None for the last.
        settings: that it answers with.
        limits: of requests.
        host: the address to listen at.
        port: 0 for any that is free.
        token: that requests need; None for the one of VQATUNE_TOKEN.
        abstaining: which answers are not given; None for none.

    Raises:
        ModelError: the version is missing or incomplete.
        DataError: the port is taken, or the host is not of this machine.
        ParameterError: the host is beyond loopback and there is no token, or the device is absent.
    """
    token = read_token(token, not is_loopback(host))
    name, folder = choose_version(models, version)
    before = {number: signal.signal(number, _leave) for number in _ENDING}
    try:
        with contextlib.closing(listen(host, port)) as listening:
            # Imported late: it takes seconds, and what can be wrong before is said first.
            from vqatune.inference.answering.asked_questions import make_closed_list
            from vqatune.serving.answering import answer_jobs

            answerer = settings.open(folder)
            closed = None
            if settings.choices is not None:
                closed = make_closed_list(answerer, answerer.distinct(settings.choices))
            replies = Replies()
            batching = Batching(
                answerer.picture,
                partial(answer_jobs, answerer, closed),
                replies.deliver,
                limits.queue,
                answerer.images_per_micro_batch,
                answerer.pairs_per_micro_batch,
            )
            batcher = Batcher(batching)
            kind = answerer.encoder.model_type
            started = int(time.time())
            service = Service(name, kind, batcher, replies, limits, token, started, abstaining=abstaining)
            say(f"{address_of(host, listening)} answers with {name}; Ctrl-C ends it", flush=True)
            _run(service, listening)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


class _Server(uvicorn.Server):
    """uvicorn's server, with a first signal that ends it gracefully and a second one that ends it at once."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        self._service.ending = True
        self.should_exit = True


def make_server(service: Service) -> uvicorn.Server:
    """Return the server of a service, to be run with a socket that listens."""
    config = uvicorn.Config(
        make_application(service),
        log_level="error",
        access_log=False,
        # It takes parts of seconds, too.
        timeout_graceful_shutdown=service.limits.grace,  # type: ignore[arg-type]
        timeout_keep_alive=SECONDS_BETWEEN_REQUESTS,
        ws="none",
        lifespan="off",
        server_header=False,
        # The listener's own.
        backlog=BACKLOG,
    )
    return _Server(config, service)


def _run(service: Service, listening: socket.socket) -> None:
    """Answer requests until a signal comes, then those that wait."""
    make_server(service).run(sockets=[listening])
    if service.unanswered:
        say(
            f"error: {service.unanswered} requests were not answered within --grace {service.limits.grace:g}",
            error=True,
            flush=True,
        )
    if service.unanswered or service.batcher.computing:
        # The model's thread cannot be stopped, and nobody waits for it.
        os._exit(1 if service.unanswered else 0)
    service.batcher.close()
