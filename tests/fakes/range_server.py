"""An HTTP server on loopback that serves a folder with ranges, as object stores do, and remembers what was asked for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


@dataclass
class RangeServer:
    """A server while it runs."""

    folder: Path
    address: str = ""
    asked: list[str] = field(default_factory=list)
    """Names of the files of which bytes were asked for, in order."""
    absent: set[str] = field(default_factory=set)
    """Names of files that are said not to be there."""
    broken: int = 0
    """So many requests for bytes yet have their connection closed."""


@contextmanager
def serving(folder: Path) -> Iterator[RangeServer]:
    """Serve a folder at `address` until the block ends."""
    state = RangeServer(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            state.asked.append(self.path.strip("/"))
            if state.broken:
                state.broken -= 1
                self.close_connection = True
                return
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            name = self.path.strip("/")
            path = state.folder / name
            if name in state.absent or not path.is_file():
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = path.read_bytes()
            found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            self.send_response(206 if found else 200)
            if found:
                first, last = int(found[1]), min(int(found[2] or len(content)), len(content) - 1)
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
                content = content[first : last + 1]
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state.address = f"http://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield state
        server.shutdown()
