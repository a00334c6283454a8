"""HTTP of the fake model server: what a request is, and replies sent whole, cut, or not at all."""

import re
import socket
import struct

from aiohttp import web
from model_server_shapes import Reply

_VERSION = r"/(?:v1|v1beta|v1alpha)"
_ROUTES = [
    (kind, method, re.compile(pattern + "/?"))
    for kind, method, pattern in (
        ("generate", "POST", rf"{_VERSION}/models/(?P<name>[^/:]+):generateContent"),
        ("chat", "POST", r"(?:/[^/]+)*/chat/completions"),
        ("upload", "POST", rf"/upload{_VERSION}/files"),
        ("files", "GET", rf"{_VERSION}/files"),
        ("file", "GET", rf"{_VERSION}/(?P<name>files/[^/:]+)"),
        ("file_delete", "DELETE", rf"{_VERSION}/(?P<name>files/[^/:]+)"),
        ("download", "GET", rf"(?:/download)?{_VERSION}/(?P<name>files/[^/:]+):download"),
        ("create", "POST", rf"{_VERSION}/models/(?P<name>[^/:]+):batchGenerateContent"),
        ("jobs", "GET", rf"{_VERSION}/batches"),
        ("job", "GET", rf"{_VERSION}/(?P<name>batches/[^/:]+)"),
        ("cancel", "POST", rf"{_VERSION}/(?P<name>batches/[^/:]+):cancel"),
        ("job_delete", "DELETE", rf"{_VERSION}/(?P<name>batches/[^/:]+)"),
        ("models", "GET", rf"{_VERSION}/models"),
        ("model", "GET", rf"{_VERSION}/models/(?P<name>[^/:]+)"),
    )
]
KINDS = tuple(kind for kind, _, _ in _ROUTES)


def route(request: web.BaseRequest) -> tuple[str, str]:
    """Return the kind of a request, and the name of the model, file or job in its path; unknown is a kind."""
    for kind, method, pattern in _ROUTES:
        if request.method == method and (match := pattern.fullmatch(request.path)):
            return kind, match.groupdict().get("name") or ""
    return "unknown", ""


def key_of(request: web.BaseRequest) -> str:
    """Return the key that a request carries, in whatever place; empty for none."""
    headers = request.headers
    key = headers.get("x-goog-api-key") or headers.get("Authorization", "").removeprefix("Bearer ").strip()
    return key or request.query.get("key", "")


def wants_numbers(request: web.BaseRequest) -> bool:
    """Whether the client wants enums as numbers, as google-generativeai does over REST."""
    return "enum-encoding=int" in request.query.get("$alt", "")


async def send(request: web.BaseRequest, reply: Reply) -> web.Response:
    """Send a whole reply; raises ConnectionError where the client has gone."""
    response = web.Response(status=reply.status, body=reply.body, headers=_headers(reply))
    await response.prepare(request)
    await response.write_eof()
    if request.transport is None or request.transport.is_closing():
        raise ConnectionResetError("the client has gone")
    return response


async def send_half(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Send half of a reply and close the connection."""
    response = web.StreamResponse(status=reply.status, headers=_headers(reply))
    response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def reset(request: web.BaseRequest) -> web.Response:
    """Close the connection so that the client sees it reset by its peer."""
    transport = request.transport
    if transport is not None:
        # To linger for no time at all makes the kernel send RST in place of FIN.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response()


def _headers(reply: Reply) -> dict[str, str]:
    return {"Content-Type": reply.content_type} | reply.headers
