"""Access control of the page's server: this machine's browser, or browsers with the token; the page's own requests alone."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, unquote

from starlette.requests import ClientDisconnect

from vqatune.demo.uploads import FULL, Room
from vqatune.inference.answering import image_input
from vqatune.runtime.listening import is_from_here, is_token

Message = dict
Scope = dict
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MOST_BYTES = image_input.MOST_BYTES + 2**20
"""Of a request: a picture, and what is sent with it."""
LOGIN = b"""<!doctype html><title>vqatune demo</title>
<form><label>Token <input type="password" name="token" autofocus></label> <button>Open</button></form>
"""


class Gate:
    """An ASGI application in front of another that lets only its own page's requests through.

    Without a token they come from this machine: another site can point a name of its own at it, or post to it from its own
    page, and such requests bear that site's name as Host or Origin. With a token they bear it, or the cookie that a
    browser gets once for the address /?token=TOKEN. And what Gradio would fetch from elsewhere, when asked to, it does
    not.
    """

    def __init__(
        self,
        application: Callable[[Scope, Receive, Send], Awaitable[None]],
        token: str | None = None,
        room: Room | None = None,
    ) -> None:
        """Take the application, the token if there is one, and the room for uploads, None for no limit."""
        self._application, self._token, self._room = application, token, room
        # Another server of this machine has another cookie, though its name is the same to browsers.
        self._cookie, self._session = f"vqatune-{secrets.token_hex(4)}", secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] in ("http", "websocket"):
            headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
            if not self._is_own(scope, headers):
                await _refuse(scope, send, 403, b"This server is for its own page only.\n")
                return
            if self._token is not None and not self._is_known(headers, self._token):
                await self._ask_for_token(scope, send, self._token)
                return
            length = headers.get(b"content-length", "0")
            if not length.isdecimal() or int(length) > MOST_BYTES:
                await _refuse(scope, send, 413, b"This is more than the server takes.\n")
                return
            receive, send = _up_to_the_limit(receive), _in_no_frame(send)
        try:
            if (
                self._room is not None
                and scope["type"] == "http"
                and scope["path"].rstrip("/").endswith("/upload")
            ):
                with self._room.for_one() as there_is:
                    if there_is:
                        await self._application(scope, receive, send)
                    else:
                        await _refuse(scope, send, 507, FULL)
                return
            await self._application(scope, receive, send)
        except ClientDisconnect:
            # The page was closed while it sent something, and nobody waits for an answer.
            return

    def _is_own(self, scope: Scope, headers: Mapping[bytes, str]) -> bool:
        if self._token is None and not is_from_here(headers.get(b"host", ""), headers.get(b"origin")):
            return False
        path = unquote(scope["path"])
        return not ("/proxy=" in path or ("/file=" in path and "://" in path))

    def _is_known(self, headers: Mapping[bytes, str], token: str) -> bool:
        kind, _, given = headers.get(b"authorization", "").partition(" ")
        if kind.lower() == "bearer" and is_token(given.strip(), token):
            return True
        try:
            cookie = SimpleCookie(headers.get(b"cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and is_token(cookie.value, self._session)

    async def _ask_for_token(self, scope: Scope, send: Send, token: str) -> None:
        [given] = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[:1]
        if scope["type"] == "http" and scope["path"] == "/" and is_token(given, token):
            # Lax: the cookie comes with the link from a mail, not with what another site posts.
            cookie = f"{self._cookie}={self._session}; HttpOnly; Path=/; SameSite=Lax"
            headers = [
                (b"location", b"/"),
                (b"set-cookie", cookie.encode()),
                (b"referrer-policy", b"no-referrer"),
            ]
            await send({"type": "http.response.start", "status": 303, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await _refuse(scope, send, 401, LOGIN, b"text/html; charset=utf-8")


def _up_to_the_limit(receive: Receive) -> Receive:
    """Return what receives a request's body, and takes the connection for closed where it becomes too long."""
    taken = 0

    async def receive_more() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return message if taken <= MOST_BYTES else {"type": "http.disconnect"}

    return receive_more


def _in_no_frame(send: Send) -> Send:
    """Return what sends an answer that no page of another site may show within itself."""

    async def send_framed(message: Message) -> None:
        if message["type"] == "http.response.start":
            rule = (b"content-security-policy", b"frame-ancestors 'none'")
            message = {**message, "headers": [*message.get("headers", []), rule]}
        await send(message)

    return send_framed


async def _refuse(
    scope: Scope, send: Send, status: int, body: bytes, kind: bytes = b"text/plain; charset=utf-8"
) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", kind), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
