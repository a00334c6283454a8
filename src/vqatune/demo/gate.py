"""Access control of the page's server: only this machine's browser, from the page itself, for the page's own requests."""

from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from starlette.requests import ClientDisconnect

Message = dict
Scope = dict
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OWN = ("127.0.0.1", "localhost")


class Gate:
    """An ASGI application in front of another that lets only its own page's requests through.

    Another site can point a name of its own at this machine, or post to it from its own page: such requests bear
    that site's name as Host or Origin. And what Gradio would fetch from elsewhere, when asked to, it does not.
    """

    def __init__(self, application: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403."""
        if scope["type"] in ("http", "websocket") and not _welcome(scope):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": b"This server is for its own page only.\n"})
            return
        try:
            await self._application(scope, receive, send)
        except ClientDisconnect:
            # The page was closed while it sent something, and nobody waits for an answer.
            return


def _welcome(scope: Scope) -> bool:
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    host, origin = headers.get(b"host", ""), headers.get(b"origin")
    if host.partition(":")[0] not in OWN:
        return False
    if origin is not None and origin.partition("://")[2] != host:
        return False
    path = unquote(scope["path"])
    return not ("/proxy=" in path or ("/file=" in path and "://" in path))
