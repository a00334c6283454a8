"""Serving the page of reviews to this machine's browser, until Ctrl-C."""

import signal
import sys
import webbrowser
from importlib.util import find_spec
from types import FrameType
from typing import TYPE_CHECKING

from vqatune.demo.review_book import ReviewBook
from vqatune.errors import MissingExtraError
from vqatune.runtime.extras import naming_extras
from vqatune.runtime.listening import LOOPBACK, address_of, listen
from vqatune.runtime.output import say

if TYPE_CHECKING:
    from uvicorn import Server

PORT = 7861
SECONDS_TO_CLOSE = 1
"""Seconds that a connected browser has when the server ends."""


def serve_reviews(book: ReviewBook, reviewer: str, port: int = PORT, open_browser: bool = False) -> None:
    """Serve the page until a signal ends it; every verdict is on disk by then.

    Args:
        book: the pairs and the verdicts.
        reviewer: the name that the page starts with.
        port: 0 for any that is free.
        open_browser: show the page.

    Raises DataError where the port is taken, MissingExtraError where Gradio, or what it needs, is not installed.
    """
    if find_spec("gradio") is None:
        raise MissingExtraError("the page needs Gradio, which is not installed: pip install -e '.[demo]'")
    with listen(LOOPBACK, port) as listening:
        # What Gradio needs may be missing as well as Gradio.
        with naming_extras("demo"):
            server = _server(book, reviewer)
        address = address_of(LOOPBACK, listening)
        say(f"{address} shows {len(book):,} pairs to review; Ctrl-C ends it", flush=True)
        if open_browser:
            webbrowser.open(address)
        before = signal.signal(signal.SIGTERM, _leave)
        try:
            server.run(sockets=[listening])
        finally:
            signal.signal(signal.SIGTERM, before)


def _server(book: ReviewBook, reviewer: str) -> "Server":
    import uvicorn
    from fastapi import FastAPI

    from vqatune.demo.gate import Gate
    from vqatune.demo.review_app import SCRIPT, STYLE, build_review_page
    from vqatune.demo.theme import gr, theme

    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    page = build_review_page(book, reviewer)
    gr.mount_gradio_app(
        application,
        page,
        path="/",
        server_name=LOOPBACK,
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        show_error=False,
        # Nothing is uploaded.
        max_file_size=1,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        theme=theme(),
        css=STYLE,
        head=SCRIPT,
    )
    page.has_launched = True
    settings = uvicorn.Config(
        Gate(application), log_level="error", timeout_graceful_shutdown=SECONDS_TO_CLOSE, ws="none"
    )
    return uvicorn.Server(settings)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
