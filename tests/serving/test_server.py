"""`vqatune serve` as a process: what it refuses to start with, and how it ends."""

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import pytest
import requests
from warm import VQATUNE, Warm


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "0.0.0.0"), "VQATUNE_TOKEN"),
        (("--token", "short"), "8 characters or more"),
        (("--port", "70000"), "no port 70000"),
        (("--host", "no.such.host.invalid", "--token", "correct-horse"), "no host no.such.host.invalid"),
        (("--version", "v9"), "has no version v9"),
    ],
)
def test_what_it_cannot_serve_with_is_one_line(vqatune, models, monkeypatch, arguments, said):
    monkeypatch.delenv("VQATUNE_TOKEN", raising=False)
    assert said in vqatune("serve", "--models", models, *arguments).error


@dataclass(frozen=True)
class Started:
    """A process that serves."""

    process: subprocess.Popen
    picture: str

    @cached_property
    def address(self) -> str:
        line = self.process.stdout.readline()
        assert line.startswith("http://127.0.0.1:") and "answers with v1" in line
        return line.split()[0]

    def ask(self, questions: int) -> requests.Response:
        # Searching for twenty answers takes a while.
        body = {"picture": self.picture, "questions": [f"{n}?" for n in range(questions)], "top_k": 20}
        headers = {"Authorization": "Bearer correct-horse"}
        return requests.post(f"{self.address}/ask", json=body, headers=headers, timeout=120)

    def wait_until_all_are_taken(self, count: int) -> None:
        queue = {"waiting": 0, "computing": 0}
        while queue["waiting"] + queue["computing"] < count or not queue["computing"]:
            queue = requests.get(f"{self.address}/health", timeout=60).json()["queue"]


@pytest.fixture(scope="module")
def start(models, base64s, tmp_path_factory, warm_server):
    """Start a server: start("--grace", "1")."""
    started = []

    def run(*arguments: str) -> Started:
        process = Warm(
            warm_server,
            [*VQATUNE, "serve", "--port", "0", "--models", str(models), *arguments],
            cwd=tmp_path_factory.mktemp("serving"),
            env=os.environ | {"VQATUNE_TOKEN": "correct-horse"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return Started(process, base64s[0])

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_sigterm_ends_it_when_what_waits_is_answered(start):
    server = start()
    with ThreadPoolExecutor(4) as clients:
        assert server.address
        replies = [clients.submit(server.ask, 1) for _ in range(4)]
        server.wait_until_all_are_taken(4)
        server.process.send_signal(signal.SIGTERM)
        for reply in replies:
            assert reply.result().status_code == 200 and len(reply.result().json()["answers"]) == 1
    said, complaints = server.process.communicate(timeout=60)
    assert (server.process.returncode, said) == (0, "") and "error" not in complaints


@pytest.mark.slow
def test_what_is_not_answered_within_the_grace_is_an_error(start):
    server = start("--grace", "0.3")
    with ThreadPoolExecutor(1) as clients:
        reply = clients.submit(server.ask, 64)
        server.wait_until_all_are_taken(1)
        server.process.send_signal(signal.SIGINT)
        assert reply.result().status_code == 503
    complaints = server.process.communicate(timeout=60)[1]
    assert server.process.returncode == 1
    assert complaints.splitlines()[-1] == "error: 1 requests were not answered within --grace 0.3"


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(start):
    server = start()
    with ThreadPoolExecutor(1) as clients:
        reply = clients.submit(server.ask, 64)
        server.wait_until_all_are_taken(1)
        server.process.send_signal(signal.SIGTERM)
        while True:
            try:
                requests.get(f"{server.address}/health", timeout=60)
            except requests.ConnectionError:
                # It takes no more: the first signal has come.
                break
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 128 + signal.SIGTERM
        with pytest.raises(requests.ConnectionError):
            reply.result()
