"""Many requests at once, limits, and access, over real sockets."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from tiny_rankers import tiny_ranker

from vqatune.inference.answering.answerer import Answerer
from vqatune.serving.limits import Limits

QUESTIONS = ["what color is it?", "how many stars are there?", "is it striped?", "red?", "3?"]


def _ask(server, picture: str, question: str, **headers: str) -> requests.Response:
    body = {"picture": picture, "questions": [question]}
    return requests.post(f"{server.address}/ask", json=body, headers=headers, timeout=60)


def _error(response: requests.Response, status: int) -> str:
    assert response.status_code == status, response.text
    return response.json()["error"]["message"]


def _until(condition) -> None:
    """Wait until something holds, as seen from outside; a minute at most."""
    tick = threading.Event()
    for _ in range(6000):
        if condition():
            return
        tick.wait(0.01)
    raise AssertionError("it did not come to hold")


def _head(server, length: str, more: str = "") -> bytes:
    return (
        f"POST /ask HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n{length}\r\n{more}\r\n"
    ).encode()


def test_fifty_clients_at_once_get_what_each_would_get_alone(serving, answerer, pictures, base64s):
    asked = [(number % 12, QUESTIONS[number % 5]) for number in range(50)]
    assert len(set(asked)) == 50
    with serving(held=True) as server, ThreadPoolExecutor(50) as clients:
        # Each asks twice; the model begins when many wait.
        def client(picture: int, question: str) -> list[dict]:
            return [_ask(server, base64s[picture], question).json()["answers"][0] for _ in range(2)]

        replies = [clients.submit(client, *own) for own in asked]
        _until(lambda: server.service.batcher.waiting + server.service.batcher.computing == 50)
        server.open.set()
        for (picture, question), reply in zip(asked, replies, strict=True):
            [expected] = answerer.ask(pictures[picture], question)
            for row in reply.result():
                assert (row["question"], row["answer"]) == (question, expected.answer)
                assert row["log_probability"] == pytest.approx(expected.log_probability, rel=1e-5, abs=1e-4)
    assert sum(map(len, server.batches)) == 100
    # Several pictures went through the model together, each once, whoever asked about it.
    largest = max(server.batches, key=len)
    assert len(largest) > 12 == len({id(picture) for _, picture in largest})


def test_more_requests_than_may_wait_are_refused_at_once_and_none_is_lost(serving, base64s):
    with serving(Limits(queue=3), held=True) as server, ThreadPoolExecutor(4) as clients:
        first = clients.submit(_ask, server, base64s[0], "a?")
        _until(lambda: server.service.batcher.computing == 1)
        others = [clients.submit(_ask, server, picture, "a?") for picture in base64s[1:4]]
        _until(lambda: server.service.batcher.waiting == 3)
        refused = _ask(server, base64s[4], "a?")
        assert (
            "queue is full" in _error(refused, 429) and refused.json()["error"]["type"] == "rate_limit_error"
        )
        assert int(refused.headers["Retry-After"]) >= 1
        server.open.set()
        assert [reply.result().status_code for reply in (first, *others)] == [200] * 4
        assert _ask(server, base64s[4], "a?").status_code == 200


def test_a_request_that_waits_too_long_is_given_up_and_not_computed(serving, base64s, pictures):
    with serving(Limits(seconds=0.5), held=True) as server, ThreadPoolExecutor(1) as clients:
        first = clients.submit(_ask, server, base64s[0], "a?")
        _until(lambda: server.service.batcher.computing == 1)
        late = _ask(server, base64s[1], "a?")
        assert "waited for 0.5 s" in _error(late, 503) and int(late.headers["Retry-After"]) >= 1
        assert server.service.batcher.waiting == 0
        server.open.set()
        # What was being computed is answered, however long it took.
        assert first.result().status_code == 200
    assert [job.picture for batch in server.batches for job, _ in batch] == [pictures[0]]


def test_the_work_of_a_client_that_has_gone_is_dropped(serving, base64s, pictures):
    with serving(held=True) as server, ThreadPoolExecutor(1) as clients:
        first = clients.submit(_ask, server, base64s[0], "a?")
        _until(lambda: server.service.batcher.computing == 1)
        body = json.dumps({"picture": base64s[1], "questions": "a?"}).encode()
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(_head(server, f"Content-Length: {len(body)}") + body)
            _until(lambda: server.service.batcher.waiting == 1)
        _until(lambda: server.service.batcher.waiting == 0)
        server.open.set()
        assert first.result().status_code == 200
    assert [job.picture for batch in server.batches for job, _ in batch] == [pictures[0]]


def test_a_request_that_is_too_large_is_refused_while_it_comes(serving, base64s):
    with serving(Limits(body=20_000)) as server:
        assert _ask(server, base64s[0], "a?").status_code == 200
        assert "larger than 0.0 MB" in _error(_ask(server, "a" * 30_000, "a?"), 413)
        # Without a length, and without an end.
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(_head(server, "Transfer-Encoding: chunked") + b"2710\r\n" + b"a" * 10_000)
            connection.sendall(b"\r\n2710\r\n" + b"a" * 10_000 + b"\r\n1\r\na\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 413")
        assert server.service.held.bytes == 0


def test_a_request_that_comes_too_slowly_is_refused(serving):
    with serving(Limits(seconds=0.3)) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(_head(server, "Content-Length: 100", "") + b'{"picture"')
            assert connection.recv(100).startswith(b"HTTP/1.1 408")
        # Nor is a client missed that goes in the middle.
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(_head(server, "Content-Length: 100", "") + b'{"picture"')
        assert requests.get(f"{server.address}/health", timeout=60).json()["status"] == "ok"
        _until(lambda: server.service.held.bytes == 0)


def test_with_a_token_requests_bear_it(serving, base64s):
    with serving(token="correct-horse") as server:
        for headers in (
            {},
            {"Authorization": "Bearer wrong-horse"},
            {"Authorization": "Basic correct-horse"},
        ):
            refused = _ask(server, base64s[0], "a?", **headers)
            assert "Authorization: Bearer" in _error(refused, 401)
            assert requests.get(f"{server.address}/v1/models", headers=headers, timeout=60).status_code == 401
        assert _ask(server, base64s[0], "a?", Authorization="Bearer correct-horse").status_code == 200
        # From anywhere, and to look after it without one.
        there = {"Host": "shop.example", "Authorization": "Bearer correct-horse"}
        assert _ask(server, base64s[0], "a?", **there).status_code == 200
        assert requests.get(f"{server.address}/health", timeout=60).status_code == 200


def test_without_a_token_other_sites_cannot_ask_through_a_browser(server, base64s):
    for headers in ({"Host": "shop.example"}, {"Origin": "http://shop.example"}, {"Origin": "null"}):
        assert "without a token" in _error(_ask(server, base64s[0], "a?", **headers), 403)
    assert _ask(server, base64s[0], "a?", Origin=server.address).status_code == 200


def test_health_tells_the_version_and_the_queue(server):
    said = requests.get(f"{server.address}/health", timeout=60).json()
    assert said["status"] == "ok" and said["model"] == "blip" and said["version"] == "v1"
    assert said["queue"] == {"waiting": 0, "computing": 0, "most": 256}


def test_what_is_not_there_is_an_error_of_the_same_form(server):
    assert "/v1/chat/completions" in _error(requests.get(f"{server.address}/", timeout=60), 404)
    assert "Method Not Allowed" in _error(requests.get(f"{server.address}/ask", timeout=60), 405)


def test_a_model_that_only_ranks_needs_choices(serving_clip, base64s):
    with serving_clip() as server:
        assert "name choices" in _error(_ask(server, base64s[0], "What color is it?"), 400)
        body = {"picture": base64s[0], "questions": "What color is it?", "choices": ["red", "blue", "two"]}
        [row] = requests.post(f"{server.address}/ask", json=body, timeout=60).json()["answers"]
        assert len(row["best"]) == 3
        assert sum(best["share"] for best in row["best"]) == pytest.approx(1)


@pytest.fixture
def serving_clip(tmp_path, tiny_params, start_server):
    model, encoder = tiny_ranker("clip")
    encoder.family.save_checkpoint(model, encoder.processor, tmp_path, "[ENC]")
    return lambda: start_server(Answerer(tmp_path, compute=tiny_params.compute))


def test_a_batch_that_fails_in_the_model_fails_for_those_alone_whose_request_does(
    serving, served, base64s, monkeypatch
):
    generate = served.generate

    def fails_at_a_question(states, grouped):
        if any("break" in question for group in grouped for question in group):
            raise RuntimeError("out of memory")
        return generate(states, grouped)

    monkeypatch.setattr(served, "generate", fails_at_a_question)
    with serving(held=True) as server, ThreadPoolExecutor(4) as clients:
        asked = ["a?", "break it?", "red?", "3?"]
        replies = [clients.submit(_ask, server, base64s[0], question) for question in asked]
        _until(lambda: server.service.batcher.waiting + server.service.batcher.computing == 4)
        server.open.set()
        assert [reply.result().status_code for reply in replies] == [200, 500, 200, 200]
        assert "server's log" in _error(replies[1].result(), 500)
