"""Runs, in processes of their own, that are killed, stopped, or cannot store replies."""

import signal
import time

import pytest
from asked_images import KEY
from model_server import ModelServer, Quota

from vqatune.errors import DataError
from vqatune.generation.replies.store import REPLIES

ASK = """
import sys
sys.path[:0] = sys.argv[1:2]
from types import SimpleNamespace
from asked_images import ask_about, make_sampled
from pathlib import Path
if __name__ == "__main__":
    server = SimpleNamespace(url=sys.argv[2], minute=float(sys.argv[3]))
    ask_about(server, make_sampled(Path(), int(sys.argv[4])), concurrency=int(sys.argv[5]))
"""


@pytest.fixture
def asking(start_asking):
    """Starts asking in a process of its own."""

    def start(server, images, concurrency=16):
        return start_asking(ASK, server, images, concurrency)

    return start


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was_and_repeats_at_most_what_was_in_flight(ask, asking, keyed):
    with ModelServer(latency=(0.01, 0.05)) as server:
        for answered in (40, 120):
            process = asking(server, 200)
            server.wait_until(lambda server, answered=answered: len(server.answered()) >= answered)
            process.send_signal(signal.SIGKILL)
            process.wait()
            time.sleep(0.1)
        asked = ask(server, 200)
        answered = server.answered()
    assert asked.kinds == {"as_asked": 200} and len(answered) == 200
    assert sum(answered.values()) - 200 <= 2 * 16
    assert len(asked.pairs) == 3000 and asked.usage.replies == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_keeps_what_is_under_way_and_repeats_nothing(ask, asking, number):
    with ModelServer(latency=(0.02, 0.1)) as server:
        process = asking(server, 150)
        server.wait_until(lambda server: len(server.answered()) >= 20)
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
        assert "vqatune.errors.Stopped: stopped with replies about" in said
        assert ask(server, 150).kinds == {"as_asked": 150}
        assert set(server.answered().values()) == {1} and len(server.ledger) == 150


def test_two_runs_do_not_ask_about_the_same_images(ask, asking, keyed):
    with ModelServer(latency=0.1) as server:
        asking(server, 100, concurrency=2)
        server.wait_until(lambda server: server.answered())
        with pytest.raises(DataError, match="another run is asking already"):
            ask(server, 100)


def test_replies_are_not_asked_for_that_could_not_be_kept(ask, asking, keyed):
    with ModelServer(latency=0.02) as server:
        process = asking(server, 1500, concurrency=4)
        server.wait_until(lambda server: len(server.answered()) >= 20)
        (keyed / REPLIES).unlink()
        _, said = process.communicate(timeout=120)
        assert "replies.sqlite is not there any more" in said and process.returncode
        assert len(server.answered()) < 1000


def test_no_reply_is_lost_where_the_disk_takes_none(ask, keyed):
    (keyed / ".work/replies").mkdir(parents=True)
    (keyed / ".work/replies/replies.sqlite").write_bytes(b"no database" * 1000)
    with ModelServer() as server:
        with pytest.raises(DataError, match="replies.sqlite.*move it away"):
            ask(server, 5)
        assert not server.ledger


def test_nobody_reading_what_is_shown_is_no_reason_to_stop(asking):
    with ModelServer(latency=0.01, quotas={KEY: Quota()}, plans={"image00050": ["401"] * 2}) as server:
        process = asking(server, 200)
        process.stderr.close()
        assert process.wait(timeout=120) == 0
        assert len(server.answered()) == 200
