import hashlib
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from vqatune.catalogue.fetch import fetch
from vqatune.errors import ArchiveError
from vqatune.params import ArchiveParams

PIECE = 16_384
CONTENT = random.Random(1).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves `server.file` as its `behaviour` says, and notes what was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        file = self.server.file
        file.asked.append(self.headers.get("Range"))
        if file.statuses and (status := file.statuses.pop(0)) != 200:
            self.answer(status, b"an error page")
            return
        content, headers = file.content, {}
        if file.etag:
            headers["ETag"] = file.etag
        if file.date:
            headers["Last-Modified"] = file.date
        validator = file.etag if file.etag and not file.etag.startswith("W/") else file.date
        conditions = [self.headers.get("If-None-Match"), self.headers.get("If-Modified-Since")]
        if validator and validator in conditions:
            self.answer(304, b"", headers)
            return
        status = 200
        asked = self.headers.get("Range")
        unchanged = self.headers.get("If-Range") == validator or not file.heeds_if_range
        if asked and file.ranges and unchanged:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            content, status = content[start:], 206
        self.answer(status, content, headers, cut=file.cuts.pop(0) if file.cuts else None)

    def answer(self, status, content, headers=None, cut=None):
        self.server.file.answered.append(status)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status != 304:
            self.wfile.write(content[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *arguments):
        pass


@pytest.fixture
def file(monkeypatch):
    """A file on a server of its own: change its attributes to change what the server does."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # A client that is killed is part of the tests, not an error to print.
    server.handle_error = lambda *arguments: None
    server.file = SimpleNamespace(
        content=CONTENT,
        etag='"first"',
        date=None,
        ranges=True,
        heeds_if_range=True,
        statuses=[],
        cuts=[],
        asked=[],
        answered=[],
    )
    server.file.url = f"http://127.0.0.1:{server.server_port}/archives/abo.tar"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.file
    server.shutdown()
    server.server_close()


@pytest.fixture
def places(tmp_path):
    return tmp_path / "raw/abo.tar", tmp_path / "downloads/abo.tar.part"


def get(file, places, bytes=None, sha256=None):
    return fetch(ArchiveParams(url=file.url, bytes=bytes, sha256=sha256), *places, pause=0.01)


def fails(file, places, match, **expected):
    with pytest.raises(ArchiveError, match=match) as raised:
        get(file, places, **expected)
    assert "\n" not in str(raised.value)
    assert not places[0].exists()


def test_a_file_arrives_whole_and_its_length_and_hash_are_told(file, places, capsys):
    fetched = get(file, places)
    assert places[0].read_bytes() == CONTENT
    assert (fetched.bytes, fetched.sha256) == (len(CONTENT), SHA256)
    told = capsys.readouterr().err
    assert f"bytes: {len(CONTENT)}" in told
    assert f"sha256: {SHA256}" in told
    assert not places[1].exists()


def test_a_pinned_file_arrives_without_a_word(file, places, capsys):
    get(file, places, bytes=len(CONTENT), sha256=SHA256.upper())
    assert places[0].read_bytes() == CONTENT
    assert capsys.readouterr().err == ""


def test_a_connection_that_is_cut_is_resumed_where_it_was(file, places):
    file.cuts = [6 * PIECE, 3 * PIECE + 5, 0]
    get(file, places, sha256=SHA256)
    assert places[0].read_bytes() == CONTENT
    assert file.asked == [None, f"bytes={6 * PIECE}-", f"bytes={9 * PIECE}-", f"bytes={9 * PIECE}-"]


def test_many_cuts_are_no_failure_while_bytes_arrive(file, places):
    file.cuts = [20_000] * 18
    get(file, places, sha256=SHA256)
    assert len(file.asked) == 19


def test_a_server_that_breaks_off_at_the_same_place_is_given_up(file, places):
    file.ranges, file.cuts = False, [70_000] * 99
    fails(file, places, "cannot be fetched .*tried 6 times")
    assert len(file.asked) == 7


def test_a_server_without_ranges_starts_afresh(file, places):
    file.ranges, file.cuts = False, [100_000, 50_000]
    get(file, places)
    assert places[0].read_bytes() == CONTENT


def test_a_server_without_validators_starts_afresh(file, places):
    file.etag, file.cuts = None, [6 * PIECE]
    get(file, places)
    assert places[0].read_bytes() == CONTENT
    assert file.asked == [None, None]


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_a_date_serves_where_there_is_no_strong_etag(file, places, etag):
    file.etag, file.date, file.cuts = etag, "Thu, 01 Jan 2026 00:00:00 GMT", [6 * PIECE]
    get(file, places)
    assert places[0].read_bytes() == CONTENT
    assert file.asked == [None, f"bytes={6 * PIECE}-"]
    assert file.answered == [200, 206]


def interrupt(file, places, cut):
    """Leave what a run leaves that gets `cut` bytes and then nothing more."""
    file.cuts, file.statuses = [cut], [200] + [503] * 6
    fails(file, places, "503")
    file.asked.clear()


def test_a_later_run_takes_up_what_an_earlier_one_left(file, places):
    interrupt(file, places, 12 * PIECE)
    get(file, places)
    assert places[0].read_bytes() == CONTENT
    assert file.asked == [f"bytes={12 * PIECE}-"]


def test_a_killed_run_is_taken_up(file, places):
    file.cuts, file.statuses = [12 * PIECE], [200] + [503] * 9
    program = textwrap.dedent(f"""
        from pathlib import Path
        from vqatune.catalogue.fetch import fetch
        from vqatune.params import ArchiveParams
        fetch(ArchiveParams(url={file.url!r}), Path({str(places[0])!r}), Path({str(places[1])!r}), pause=60)
    """)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment)
    while not file.asked or not places[1].exists() or places[1].stat().st_size < 12 * PIECE:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    file.statuses.clear()
    file.asked.clear()
    get(file, places)
    assert places[0].read_bytes() == CONTENT
    assert file.asked == [f"bytes={12 * PIECE}-"]


def test_a_file_that_changed_meanwhile_starts_afresh(file, places):
    interrupt(file, places, 12 * PIECE)
    file.content, file.etag = CONTENT[::-1], '"second"'
    get(file, places)
    assert places[0].read_bytes() == CONTENT[::-1]


def test_a_server_that_ignores_that_the_file_changed_is_not_believed(file, places):
    interrupt(file, places, 12 * PIECE)
    file.content = CONTENT[::-1]
    file.etag, file.heeds_if_range = '"second"', False
    get(file, places)
    assert places[0].read_bytes() == CONTENT[::-1]


def test_what_was_left_of_another_url_is_not_taken_up(file, places):
    interrupt(file, places, 12 * PIECE)
    file.url += "?other"
    get(file, places)
    assert file.asked == [None]


def test_a_complete_file_is_not_fetched_again(file, places):
    get(file, places)
    file.asked.clear()
    file.content = b"would be another file"
    get(file, places)
    assert places[0].read_bytes() == CONTENT
    assert file.asked == [None]


def test_a_complete_file_that_changed_on_the_server_is_fetched_again(file, places):
    get(file, places)
    file.content, file.etag = b"another file", '"second"'
    get(file, places)
    assert places[0].read_bytes() == b"another file"


def test_a_server_that_is_busy_is_asked_again(file, places):
    file.statuses = [503, 500, 429, 502]
    get(file, places)
    assert places[0].read_bytes() == CONTENT
    assert len(file.asked) == 5


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_is_an_error_at_once(file, places, status):
    file.statuses = [status]
    fails(file, places, f"{status} .*correct the url")
    assert len(file.asked) == 1


def test_a_wrong_hash_is_an_error_that_says_what_to_do_and_keeps_nothing(file, places):
    fails(file, places, f"SHA-256 {SHA256}, not {'0' * 64}.*run again.*correct", sha256="0" * 64)
    assert not places[1].exists()
    get(file, places, sha256=SHA256)


def test_a_wrong_length_is_known_before_anything_is_fetched(file, places):
    fails(file, places, "has 300000 bytes, not 5 ", bytes=5)
    assert not places[1].exists() or not places[1].stat().st_size


def test_no_server_is_an_error_that_says_so(file, places):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        file.url = f"http://127.0.0.1:{unused.getsockname()[1]}/abo.tar"
        fails(file, places, r"cannot be fetched \(Connection refused; tried 6 times\): check the network")


def test_a_url_that_is_none_is_an_error_at_once(file, places):
    file.url = "amazon-berkeley-objects/abo.tar"
    fails(file, places, "correct the url")


def test_a_disk_that_takes_no_more_is_an_error_and_what_there_is_is_kept(file, places):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        fails(file, places, "cannot write .*free space")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert places[1].stat().st_size == 100_000
    get(file, places)
    assert places[0].read_bytes() == CONTENT


def test_a_place_that_cannot_be_written_is_an_error(file, places):
    places[1].parent.write_text("a file where a folder should be")
    fails(file, places, "cannot write")
