"""Receiving a request's body within limits of size, time and memory."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.requests import Request

from vqatune.serving.errors import RequestError
from vqatune.serving.limits import MOST_HELD_BYTES, Limits


class Held:
    """The bytes of all requests that are being received or answered."""

    def __init__(self, most: int = MOST_HELD_BYTES) -> None:
        self.bytes, self._most = 0, most

    @contextmanager
    def request(self) -> Iterator[Callable[[int], None]]:
        """Give a function that counts bytes of one request, as long as it lasts; it raises RequestError at too many."""
        own = 0

        def add(count: int) -> None:
            nonlocal own
            if self.bytes + count > self._most:
                raise RequestError(
                    429,
                    "too much is being sent at once: try again",
                    "overloaded",
                    headers={"Retry-After": "1"},
                )
            self.bytes += count
            own += count

        try:
            yield add
        finally:
            self.bytes -= own


async def receive_body(request: Request, limits: Limits, count: Callable[[int], None]) -> bytes:
    """Return a request's body, whose bytes are counted as they come.

    The size is checked by what arrives, whatever Content-Length says. Raises RequestError where it is too large (413) or
    takes too long (408), and starlette's ClientDisconnect.
    """
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > limits.body:
        raise _too_large(limits)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for piece in request.stream():
                if len(body) + len(piece) > limits.body:
                    raise _too_large(limits)
                count(len(piece))
                body += piece
    except TimeoutError as error:
        raise RequestError(
            408,
            f"the request was not received within {limits.seconds:g} s: send it again",
            "slow",
            headers={"Connection": "close"},
        ) from error
    return bytes(body)


def _too_large(limits: Limits) -> RequestError:
    # The rest of the body is not read.
    return RequestError(
        413,
        f"the request is larger than {limits.body / 1e6:.1f} MB: make the picture smaller",
        "too_large",
        headers={"Connection": "close"},
    )
