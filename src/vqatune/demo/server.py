"""Serving the page to this machine's browser, until Ctrl-C."""

import os
import signal
import socket
import sys
import tempfile
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from vqatune.demo.examples import pick_examples
from vqatune.demo.loaded_versions import Versions
from vqatune.errors import DataError
from vqatune.inference.answering.settings import own_settings

LOOPBACK = "127.0.0.1"
PORT = 7860
SECONDS_TO_CLOSE = 1
"""Seconds that a connected browser has when the server ends."""


def serve(
    models: Path,
    data: Path,
    port: int = PORT,
    open_browser: bool = False,
    quantization: str | None = None,
) -> None:
    """Serve the page on the loopback address until a signal ends it.

    Args:
        models: the folder with base, v1, v2 …
        data: the folder with the test set's tables, for images to pick from; it need not be there.
        port: 0 for any that is free.
        open_browser: show the page.
        quantization: in place of compute.quantization.

    Raises:
        ModelError: there are no versions, or the last one is incomplete.
        DataError: the port is taken, a table is damaged, or Gradio is not installed.
    """
    if find_spec("gradio") is None:
        raise DataError("the demo needs Gradio, which is not installed: pip install -e '.[demo]'")
    versions = Versions(models, own_settings(quantization=quantization))
    with _listen(port) as listening, tempfile.TemporaryDirectory(prefix="vqatune-demo-") as folder:
        # Uploads lie there, and go with it.
        os.environ["GRADIO_TEMP_DIR"] = str(Path(folder) / "uploads")
        images = Path(folder) / "examples"
        images.mkdir()
        examples = pick_examples(data, images)
        # An incomplete version is an error here rather than in the page.
        versions.load(versions.names[-1])
        server = _server(versions, examples)
        address = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        print(f"{address} shows {', '.join(versions.names)}; Ctrl-C ends it", flush=True)
        if open_browser:
            webbrowser.open(address)
        # A plain kill would leave the folder behind.
        before = signal.signal(signal.SIGTERM, _leave)
        try:
            server.run(sockets=[listening])
        finally:
            signal.signal(signal.SIGTERM, before)


def _listen(port: int) -> socket.socket:
    if not 0 <= port < 1 << 16:
        raise DataError(
            f"there is no port {port}: --port takes a number up to 65535, or 0 for any that is free"
        )
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise DataError(
            f"port {port} of this machine cannot be used ({error.strerror}): name another one with --port"
        ) from error
    return listening


def _server(versions: Versions, examples: list):
    import uvicorn
    from fastapi import FastAPI

    from vqatune.demo.app import STYLE, build_page, gr, theme
    from vqatune.demo.gate import Gate
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
        Gate(application), log_level="error", timeout_graceful_shutdown=SECONDS_TO_CLOSE, ws="none"
    )
    return uvicorn.Server(settings)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
