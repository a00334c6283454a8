"""Serving the page, to this machine's browser or to others with a token, until Ctrl-C."""

import os
import secrets
import signal
import sys
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import quote

from vqatune.demo.examples import pick_examples
from vqatune.demo.loaded_versions import Versions
from vqatune.demo.uploads import Room, own_folder
from vqatune.errors import DataError, MissingExtraError
from vqatune.inference.answering.settings import own_settings
from vqatune.runtime.extras import naming_extras
from vqatune.runtime.listening import LOOPBACK, address_of, is_loopback, listen, read_token
from vqatune.runtime.output import say

if TYPE_CHECKING:
    from uvicorn import Server

PORT = 7860
SECONDS_TO_CLOSE = 1
"""Seconds that a connected browser has when the server ends."""


def serve(
    models: Path,
    data: Path,
    port: int = PORT,
    open_browser: bool = False,
    host: str = LOOPBACK,
    token: str | None = None,
    share: bool = False,
    quantization: str | None = None,
) -> None:
    """Serve the page until a signal ends it.

    Args:
        models: the folder with base, v1, v2 …
        data: the folder with the test set's tables, for images to pick from; it need not be there.
        port: 0 for any that is free.
        open_browser: show the page.
        host: the address to listen at.
        token: that a browser needs; None for the one of VQATUNE_TOKEN.
        share: get a public address from Gradio, which leads here.
        quantization: in place of compute.quantization.

    Raises:
        ModelError: there are no versions, or the last one is incomplete.
        DataError: the port is taken, a table is damaged, or there is no public address.
        ParameterError: others than this machine can ask, and there is no token.
        MissingExtraError: Gradio, or what it needs, is not installed.
    """
    if find_spec("gradio") is None:
        raise MissingExtraError("the demo needs Gradio, which is not installed: pip install -e '.[demo]'")
    token = read_token(token, share or not is_loopback(host))
    versions = Versions(models, own_settings(quantization=quantization))
    with listen(host, port) as listening, own_folder() as folder:
        # Uploads lie there, and go with it.
        uploads = folder / "uploads"
        os.environ["GRADIO_TEMP_DIR"] = str(uploads)
        images = folder / "examples"
        images.mkdir()
        examples = pick_examples(data, images)
        # An incomplete version is an error here rather than in the page.
        versions.load(versions.names[-1])
        # What Gradio needs may be missing as well as Gradio.
        with naming_extras("demo"):
            server = _server(versions, examples, token, uploads)
        addresses = [address_of(host, listening)]
        if share:
            addresses.insert(0, _public_address(listening.getsockname()[1]))
        query = "" if token is None else f"/?token={quote(token)}"
        shown = " and ".join(f"{address}{query}" for address in addresses)
        say(f"{shown} shows {', '.join(versions.names)}; Ctrl-C ends it", flush=True)
        if open_browser:
            webbrowser.open(f"{addresses[0]}{query}")
        # A plain kill would leave the folder behind.
        before = signal.signal(signal.SIGTERM, _leave)
        try:
            server.run(sockets=[listening])
        finally:
            signal.signal(signal.SIGTERM, before)


def _public_address(port: int) -> str:
    """Return an address of Gradio's server, from which a process, ended with this one, leads to a port of this machine."""
    from gradio.networking import setup_tunnel

    try:
        address = setup_tunnel(LOOPBACK, port, secrets.token_urlsafe(32), None, None)
    except Exception as error:
        raise DataError(
            f"Gradio gives no public address ({error}): check the network, or leave --share out"
        ) from error
    return address.replace("http://", "https://")


def _server(versions: Versions, examples: list, token: str | None, uploads: Path) -> "Server":
    import uvicorn
    from fastapi import FastAPI

    from vqatune.demo.app import STYLE, build_page
    from vqatune.demo.gate import Gate
    from vqatune.demo.theme import gr, theme
    from vqatune.inference.answering.image_input import MOST_BYTES

    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    page = build_page(versions, examples)
    gr.mount_gradio_app(
        application,
        page,
        path="/",
        server_name=LOOPBACK,
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        show_error=False,
        # Somewhat more, so that uploads a little above the limit get the message that names it.
        max_file_size=f"{MOST_BYTES // 10**6}mb",
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        theme=theme(),
        css=STYLE,
    )
    # Only in a page that was launched does Gradio look whether a file that a request names was uploaded.
    page.has_launched = True
    settings = uvicorn.Config(
        Gate(application, token, Room(uploads, MOST_BYTES)),
        log_level="error",
        timeout_graceful_shutdown=SECONDS_TO_CLOSE,
        ws="none",
    )
    return uvicorn.Server(settings)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
