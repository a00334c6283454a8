"""Fetching pictures from a server on this machine, which behaves as its paths say."""

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vqatune.catalogue.fetch_pictures import fetch_pictures, is_private, store_path
from vqatune.params import FetchParams

PARAMS = FetchParams(per_host=3, timeout_seconds=2, attempts=3, max_megabytes=0.01)


class Site:
    """A server; `asked` counts the requests by path, `most` is the largest number of them at a time."""

    def __init__(self, picture: bytes) -> None:
        self.asked: Counter[str] = Counter()
        self.most = self.now = 0
        self.times: dict[str, list[float]] = {}
        lock = threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with lock:
                    site.asked[self.path] += 1
                    site.times.setdefault(self.path, []).append(time.monotonic())
                    site.now += 1
                    site.most = max(site.most, site.now)
                try:
                    self.answer(self.path.lstrip("/").split("/"), site.asked[self.path])
                finally:
                    with lock:
                        site.now -= 1

            def answer(self, words: list[str], times: int) -> None:
                status, headers, body = 200, {}, picture
                match words:
                    case ["status", number, *_]:
                        status = int(number)
                    case ["busy", seconds, *_] if times == 1:
                        status, headers = 429, {"Retry-After": seconds}
                    case ["flaky", *_] if times == 1:
                        status = 503
                    case ["cut", *_] if times == 1:
                        body = picture[:50]
                    case ["text", *_]:
                        headers, body = (
                            {"Content-Type": "text/html; charset=utf-8"},
                            b"<html>Not found</html>",
                        )
                    case ["large"]:
                        body = picture + bytes(20_000)
                    case ["endless"]:
                        body = None
                    case ["to", *_]:
                        status, headers = 302, {"Location": "/" + "/".join(words[1:])}
                    case ["round"]:
                        status, headers = 302, {"Location": "/round"}
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if body is not None:
                    self.send_header("Content-Length", str(len(picture) if words[0] == "cut" else len(body)))
                self.end_headers()
                try:
                    for part in [body] if body is not None else (bytes(5000) for _ in range(1000)):
                        self.wfile.write(part)
                except ConnectionError:
                    pass
                self.close_connection = True

            def log_message(self, *_) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{path}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def content(archives):
    return archives.picture()


@pytest.fixture
def site(content):
    site = Site(content)
    yield site
    site.stop()


@pytest.fixture
def fetch(site, tmp_path):
    """A function that fetches paths, and returns those that are dead with the reason."""

    def run(*paths: str, private: bool = True, **changes) -> dict[str, str]:
        urls = [path if "://" in path else site.url(path) for path in paths]
        params = PARAMS.model_copy(update=changes)
        dead = fetch_pictures(urls, params, tmp_path / "store", private, pause=0.01)
        names = dict(zip(urls, paths, strict=True))
        return {names[url]: reason for url, reason in dead.items()}

    return run


def test_what_was_fetched_is_in_the_store_and_is_not_asked_for_again(fetch, site, content, tmp_path):
    paths = [f"{number}.jpg" for number in range(20)]
    assert fetch(*paths) == {}
    assert all(store_path(tmp_path / "store", site.url(path)).read_bytes() == content for path in paths)
    assert site.most <= PARAMS.per_host
    assert fetch(*paths, "new.jpg") == {}
    assert set(site.asked.values()) == {1} and len(site.asked) == 21


@pytest.mark.parametrize("path", ["busy/0/a", "flaky/a", "cut/a", "to/a.jpg", "to/to/flaky/b"])
def test_what_may_come_right_is_tried_again(fetch, path):
    assert fetch(path) == {}


def test_all_requests_to_a_host_wait_as_long_as_it_asks(fetch, site):
    assert fetch("busy/1/a", "b", per_host=1) == {}
    first, second = site.times["/busy/1/a"]
    assert second - first >= 1


@pytest.mark.parametrize(
    ("path", "reason", "times"),
    [
        ("status/404/a", "HTTP 404", 1),
        ("status/500/a", "HTTP 500 (3 attempts)", 3),
        ("text/a", "it is no picture (text/html)", 1),
        ("large", "it has more than 0.01 MB", 1),
        ("endless", "it has more than 0.01 MB", 1),
        ("round", "it redirects more than 5 times", 6),
    ],
)
def test_what_is_dead_has_its_reason(fetch, site, path, reason, times):
    assert fetch(path, "a.jpg") == {path: reason}
    assert site.asked[f"/{path}"] == times


def test_a_host_that_never_answers_is_given_up(fetch, site):
    silent = site.url("").replace("127.0.0.1", "127.0.0.2")
    dead = fetch(*(f"{silent}{number}" for number in range(40)), "a.jpg", attempts=1)
    assert len(dead) == 40
    assert sum("did not answer about" in reason for reason in dead.values()) >= 20


def test_what_is_no_url_is_dead(fetch):
    dead = fetch("http://[1:2/a.jpg", "http:///a.jpg", "a.jpg")
    assert list(dead) == ["http://[1:2/a.jpg", "http:///a.jpg"]


def test_this_machine_and_its_network_are_not_asked(fetch, site):
    port = site.server.server_port
    urls = [
        f"http://{host}:{port}/a.jpg" for host in ("127.0.0.1", "localhost", "[::1]", "2130706433", "0.0.0.0")
    ]
    dead = fetch(*urls, private=False)
    assert list(dead) == urls and not site.asked
    assert all("of this machine or its network" in reason for reason in dead.values())


def test_a_name_that_stands_for_this_machine_is_not_asked_nor_a_redirect_to_it(monkeypatch, site, tmp_path):
    import asyncio
    import socket

    async def resolve(self, host, port, **options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
    url = f"http://pictures.example:{site.server.server_port}/a.jpg"
    dead = fetch_pictures([url], PARAMS, tmp_path, private=False)
    assert "pictures.example is an address of this machine" in dead[url] and not site.asked


@pytest.mark.parametrize(
    ("host", "private"),
    {
        "127.0.0.1": True,
        "10.1.2.3": True,
        "192.168.0.1": True,
        "169.254.169.254": True,
        "100.64.0.1": True,
        "224.0.0.1": True,
        "[::1]": True,
        "::ffff:127.0.0.1": True,
        "fe80::1%eth0": True,
        "fd00::1": True,
        "LOCALHOST.": True,
        "8.8.8.8": False,
        "2001:4860:4860::8888": False,
        "pictures.example": False,
    }.items(),
)
def test_private_addresses_are_known(host, private):
    assert is_private(host) is private
