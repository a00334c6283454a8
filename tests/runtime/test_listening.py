import socket
from contextlib import closing

import pytest

from vqatune.errors import DataError, ParameterError
from vqatune.runtime.listening import address_of, is_from_here, is_loopback, is_token, listen, read_token


def test_beyond_this_machine_a_token_is_needed(monkeypatch):
    monkeypatch.delenv("VQATUNE_TOKEN", raising=False)
    assert read_token(None, exposed=False) is None
    with pytest.raises(ParameterError, match="set VQATUNE_TOKEN"):
        read_token(None, exposed=True)
    monkeypatch.setenv("VQATUNE_TOKEN", "correct-horse")
    assert read_token(None, exposed=True) == read_token(None, exposed=False) == "correct-horse"
    assert read_token("another-horse", exposed=True) == "another-horse"


@pytest.mark.parametrize("token", ["", "short", "with a space", "kürzlich-öffnet", "line\nline-line"])
def test_a_token_that_cannot_be_sent_or_is_guessed_is_refused(token):
    with pytest.raises(ParameterError, match="8 characters or more"):
        read_token(token, exposed=False)


def test_a_token_is_right_as_a_whole_alone():
    assert is_token("correct-horse", "correct-horse")
    for given in ("", "correct-hors", "correct-horse ", "Correct-horse", "ö"):
        assert not is_token(given, "correct-horse")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("shop.example", False),
        ("", False),
    ],
)
def test_what_only_this_machine_reaches_is_known(host, loopback):
    assert is_loopback(host) == loopback


@pytest.mark.parametrize(
    ("host", "origin", "own"),
    [
        ("127.0.0.1:8000", None, True),
        ("[::1]:8000", "http://[::1]:8000", True),
        ("localhost", "http://localhost", True),
        ("localhost.shop.example", None, False),
        ("[::1].shop.example", None, False),
        ("127.0.0.1:8000", "http://127.0.0.1:9000", False),
        ("", None, False),
    ],
)
def test_requests_of_this_machine_are_known_by_host_and_origin(host, origin, own):
    assert is_from_here(host, origin) == own


def test_small_parts_are_sent_at_once_to_those_who_connect():
    """Otherwise an answer's body waits 40 ms for the acknowledgement of its head."""
    import asyncio

    async def connect(listening: socket.socket) -> int:
        found = asyncio.get_running_loop().create_future()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            found.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(connected, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            writer.close()
            return await found

    with closing(listen("127.0.0.1", 0)) as listening:
        assert asyncio.run(connect(listening)) == 1


def test_where_it_cannot_listen_is_said():
    with closing(listen("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert address_of("127.0.0.1", other) == f"http://127.0.0.1:{port}"
        with pytest.raises(DataError, match=f"port {port} of this machine"):
            listen("127.0.0.1", port)
    with pytest.raises(DataError, match="no host"):
        listen("no.such.host.invalid", 0)
    with pytest.raises(DataError, match="no port 70000"):
        listen("127.0.0.1", 70000)
