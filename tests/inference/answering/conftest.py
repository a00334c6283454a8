"""Shared by the tests of asking: a base and two versions, pictures in files, and a server of pictures."""

import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from vqatune.loading.reader import ImageReader
from vqatune.training.loop import train_version


@pytest.fixture(scope="session")
def models(tiny_with, tiny_base, pairs, places, tmp_path_factory) -> Path:
    """A folder with base, v1 and v2; not to be written to."""
    folder = tmp_path_factory.mktemp("asked") / "models"
    shutil.copytree(tiny_base, folder / "base")
    params = tiny_with({"train.learning_rate": 0.01})
    train_version(params, "v1", folder / "base", None, pairs, places, folder / "v1")
    train_version(params, "v2", folder / "base", folder / "v1", pairs, places, folder / "v2")
    return folder


@pytest.fixture(scope="session")
def contents(places) -> dict[str, bytes]:
    """The pictures' bytes, by image_id."""
    reader = ImageReader(places)
    return {image_id: reader.content(image_id) for image_id in places["image_id"]}


@pytest.fixture
def folder(tmp_path, contents) -> Path:
    """A folder of the pictures, image00.jpg …"""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for image_id, content in contents.items():
        (folder / f"{image_id}.jpg").write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def encoded():
    """The bytes of a picture: encoded((40, 30), "PNG", exif=…)."""

    def encode(size: tuple[int, int], format_: str = "PNG", **options) -> bytes:
        file = BytesIO()
        Image.new("RGB", size, "red").save(file, format_, **options)
        return file.getvalue()

    return encode


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server(contents) -> Iterator[_Server]:
    """A server on the loopback address: /picture, /slow, /drip, /large, /endless, /page, /round and others that fail."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.split("?")[0].strip("/")
            if name == "picture":
                self._head(200, contents["image00"])
                self.wfile.write(contents["image00"])
            elif name == "moved":
                self._head(302, Location="/picture")
            elif name == "round":
                self._head(302, Location="/round")
            elif name == "page":
                self._head(200, b"<html>a page</html>")
                self.wfile.write(b"<html>a page</html>")
            elif name == "cut":
                self._head(200, contents["image00"])
                self.wfile.write(contents["image00"][:200])
            elif name == "large":
                self._head(200, **{"Content-Length": str(10**12)})
            elif name == "slow":
                time.sleep(3)
            elif name in ("endless", "drip"):
                self._head(200)
                try:
                    for _ in range(10_000):
                        self.wfile.write(bytes(100_000 if name == "endless" else 1))
                        time.sleep(0 if name == "endless" else 0.02)
                except OSError:
                    pass
            else:
                self._head(404)

        def _head(self, status: int, content: bytes | None = None, **headers: str) -> None:
            self.send_response(status)
            if content is not None:
                headers["Content-Length"] = str(len(content))
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()
