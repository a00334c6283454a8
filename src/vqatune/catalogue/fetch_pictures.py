"""Fetching many pictures by their URLs: few requests at a time to a host, retried, resumed, and never from this network.

A picture that was fetched is a file in a store, which a later run finds there. A connection is made to the address that
was checked, so that neither a redirect nor a name that resolves otherwise the second time leads into the network that
this machine is in.
"""

import asyncio
import ipaddress
import socket
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import httpcore2
import httpx2
from PIL import Image

from vqatune.loading.pictures import DECODE_ERRORS, FORMATS
from vqatune.params import FetchParams
from vqatune.runtime.progress import bar
from vqatune.tables import replacing

_MOST_CONNECTIONS = 64
_MOST_REDIRECTS = 5
_LONGEST_PAUSE = 300.0
"""Seconds that a server may ask to wait; one that asks for more is waited for so long."""
_HOPELESS = 12
"""Pictures in a row that a host did not even answer about, none before, after which it is not asked again."""
_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))
_HEADERS = {"User-Agent": "vqatune (fetches a catalogue's pictures)", "Accept": "image/*,*/*;q=0.5"}


class _Dead(Exception):
    """A picture cannot be fetched, and no other attempt would change that."""


class _Again(Exception):
    """An attempt failed in a way that another one may not."""

    def __init__(self, reason: str, wait: float | None = None, answered: bool = True) -> None:
        super().__init__(reason)
        self.wait, self.answered = wait, answered


@dataclass
class _Host:
    """The pictures of a host that are left to fetch, and when it may be asked again."""

    urls: deque[str] = field(default_factory=deque)
    not_before: float = 0.0
    answered: bool = False
    silent: int = 0
    """Pictures in a row without any answer."""


def store_path(store: Path, url: str) -> Path:
    """Return the file that a picture is kept in."""
    digest = digest_of(url)
    return store / digest[:2] / digest


def digest_of(text: str) -> str:
    """Return 32 hexadecimal digits that stand for a URL."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def fetch_pictures(
    urls: Sequence[str], params: FetchParams, store: Path, private: bool = False, pause: float = 1.0
) -> dict[str, str]:
    """Fetch pictures into a store.

    Args:
        urls: distinct; those that are in the store are not fetched again.
        params: limits of requests.
        store: a folder; store_path says where a picture lies.
        private: whether addresses of this machine and its network may be asked.
        pause: seconds before a second attempt, twice as many before each further one.

    Returns:
        URL → reason, of those that could not be fetched.
    """
    left = [url for url in urls if not store_path(store, url).exists()]
    if not left:
        return {}
    dead = asyncio.run(_fetch_all(left, params, store, private, pause))
    return {url: dead[url] for url in left if url in dead}


async def _fetch_all(
    urls: Sequence[str], params: FetchParams, store: Path, private: bool, pause: float
) -> dict[str, str]:
    dead: dict[str, str] = {}
    hosts: dict[str, _Host] = {}
    for url in urls:
        try:
            hosts.setdefault(httpx2.URL(url).netloc.decode("ascii", "replace"), _Host()).urls.append(url)
        except (httpx2.InvalidURL, ValueError) as error:
            dead[url] = f"it is no URL ({error})"
    everywhere = asyncio.Semaphore(_MOST_CONNECTIONS)
    with bar() as progress:
        task = progress.add_task("fetching pictures", total=len(urls), completed=len(dead))
        async with _client(params, private) as client, asyncio.TaskGroup() as group:

            async def work(host: _Host) -> None:
                while host.urls:
                    url = host.urls.popleft()
                    if host.silent >= _HOPELESS and not host.answered:
                        reason: str | None = f"its server did not answer about {host.silent} others"
                    else:
                        reason = await _fetch(client, host, url, params, store, everywhere, pause)
                    if reason is not None:
                        dead[url] = reason
                    progress.advance(task)

            for host in hosts.values():
                for _ in range(min(params.per_host, len(host.urls))):
                    group.create_task(work(host))
    return dead


async def _fetch(
    client: httpx2.AsyncClient,
    host: _Host,
    url: str,
    params: FetchParams,
    store: Path,
    everywhere: asyncio.Semaphore,
    pause: float,
) -> str | None:
    """Fetch a picture; return None, or why that is not possible."""
    for attempt in range(1, params.attempts + 1):
        if (wait := host.not_before - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        try:
            async with everywhere:
                content = await _request(client, url, params)
        except _Dead as error:
            host.answered = True
            return str(error)
        except _Again as error:
            host.answered |= error.answered
            if attempt == params.attempts:
                host.silent = 0 if error.answered else host.silent + 1
                return f"{error} ({attempt} attempts)"
            wait = pause * 2 ** (attempt - 1) if error.wait is None else error.wait
            if error.wait is not None:
                # The server speaks for all requests to it.
                host.not_before = max(host.not_before, time.monotonic() + wait)
            else:
                await asyncio.sleep(wait)
        else:
            host.answered, host.silent = True, 0
            with replacing(store_path(store, url)) as temporary:
                temporary.write_bytes(content)
            return None
    raise AssertionError("the last attempt returns")


async def _request(client: httpx2.AsyncClient, url: str, params: FetchParams) -> bytes:
    """Return the bytes at a URL, which are those of a picture."""
    most = int(params.max_megabytes * 1_000_000)
    content = bytearray()
    try:
        # A server may also send a byte now and then.
        async with asyncio.timeout(4 * params.timeout_seconds), client.stream("GET", url) as response:
            _check_status(response)
            if int(response.headers.get("Content-Length") or 0) > most:
                raise _Dead(f"it has more than {params.max_megabytes:g} MB")
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > most:
                    raise _Dead(f"it has more than {params.max_megabytes:g} MB")
            kind = response.headers.get("Content-Type", "no type")
    except _Refused as error:
        raise _Dead(str(error)) from error
    except httpx2.TooManyRedirects as error:
        raise _Dead(f"it redirects more than {_MOST_REDIRECTS} times") from error
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.DecodingError, ValueError) as error:
        raise _Dead(f"it cannot be asked for ({error})") from error
    except (httpx2.TimeoutException, TimeoutError) as error:
        raise _Again("it took too long", answered=bool(content)) from error
    except (httpx2.TransportError, OSError) as error:
        raise _Again(_said(error), answered=bool(content)) from error
    if not is_picture(bytes(content)):
        raise _Dead(f"it is no picture ({kind.partition(';')[0]})")
    return bytes(content)


def _check_status(response: httpx2.Response) -> None:
    status = response.status_code
    if status in _AGAIN:
        raise _Again(f"HTTP {status}", _retry_after(response.headers.get("Retry-After")))
    if status != 200:
        raise _Dead(f"HTTP {status}")


def _retry_after(text: str | None) -> float | None:
    """Return the seconds that a server asks to wait: a number, or a date."""
    if not text:
        return None
    try:
        seconds = (
            float(text) if text.strip().isdigit() else parsedate_to_datetime(text).timestamp() - time.time()
        )
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), _LONGEST_PAUSE)


def is_picture(content: bytes) -> bool:
    """Return whether bytes begin as a picture does."""
    return picture_format(content) is not None


def picture_format(content: bytes) -> str | None:
    """Return PIL's name of the format that bytes begin as, None for no picture."""
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            return image.format
    except DECODE_ERRORS:
        return None


def _said(error: BaseException) -> str:
    """Return the innermost cause's message."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__).split())


class _Refused(Exception):
    """An address of this machine, or of its network."""


@asynccontextmanager
async def _client(params: FetchParams, private: bool) -> AsyncIterator[httpx2.AsyncClient]:
    async def check(request: httpx2.Request) -> None:
        # Also where a proxy makes the connection.
        if not private and is_private(request.url.host):
            raise _Refused(_refusal(request.url.host))

    async with httpx2.AsyncClient(
        transport=_Transport(private),
        timeout=params.timeout_seconds,
        follow_redirects=True,
        max_redirects=_MOST_REDIRECTS,
        headers=_HEADERS,
        event_hooks={"request": [check]},
    ) as client:
        yield client


class _Transport(httpx2.AsyncHTTPTransport):
    """Connects to no address of this network."""

    def __init__(self, private: bool) -> None:
        super().__init__()
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_CONNECTIONS,
            keepalive_expiry=10.0,
            network_backend=_Network(private),
        )


class _Network(httpcore2.AnyIOBackend):
    def __init__(self, private: bool) -> None:
        self._private = private

    async def connect_tcp(self, host: str, port: int, **options: Any) -> httpcore2.AsyncNetworkStream:
        if self._private:
            return await super().connect_tcp(host, port, **options)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} is not known ({error.strerror or error})") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if any(map(is_private, addresses)):
            raise _Refused(_refusal(host))
        # To the address that was checked, because the name may stand for another one a moment later.
        for address in addresses[:-1]:
            try:
                return await super().connect_tcp(address, port, **options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await super().connect_tcp(addresses[-1], port, **options)


def _refusal(host: str) -> str:
    return f"{host} is an address of this machine or its network (raw.allow_private_addresses: true permits that)"


def is_private(host: str) -> bool:
    """Return whether an address is not one of the internet; a name is not, but for localhost."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return not address.is_global or address.is_multicast
