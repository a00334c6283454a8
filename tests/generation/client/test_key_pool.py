"""The key pool against a server over sockets: back-off, rests, retirement and failover of keys."""

import io
import json
import re
import sys
import threading
import time

import pytest
from asked_images import KEY, make_sampled
from model_server import ModelServer, Quota

from vqatune.errors import ParameterError

FIRST, SECOND, THIRD = (f"{KEY}-{number}" for number in range(3))


@pytest.fixture
def keys(keyed, monkeypatch):
    """Three keys, in a file."""
    monkeypatch.delenv("GEMINI_API_KEY")
    (keyed / ".gemini-key").write_text(f"{FIRST}\n{SECOND}\n{THIRD}\n")
    return [FIRST, SECOND, THIRD]


@pytest.mark.parametrize("tells", [{}, {"tell_quota": False, "tell_delay": False}])
def test_a_quota_that_has_to_be_learned_costs_no_image(ask, tells):
    # How fast keys are used is held by test_rate_limiter.py, in simulated time.
    quotas = {KEY: Quota(requests_per_minute=100)}
    with ModelServer(quotas=quotas, minute=0.4, latency=0.01, **tells) as server:
        asked = ask(server, 200, concurrency=16)
        assert asked.kinds == {"as_asked": 200}
        assert set(server.answered().values()) == {1} and len(server.answered()) == 200


def test_where_a_days_quota_is_used_up_the_next_key_takes_over(ask, keys, capfd):
    quotas = {key: Quota(requests_per_day=100) for key in keys}
    with ModelServer(quotas=quotas, minute=1.0, latency=0.01) as server:
        asked = ask(server, 250, concurrency=8)
        assert asked.kinds == {"as_asked": 250} and set(server.answered().values()) == {1}
        order = [entry.key for entry in server.asked() if entry.accepted]
    assert order == [FIRST] * 100 + [SECOND] * 100 + [THIRD] * 50
    said = capfd.readouterr().err
    assert "key 1 rests until" in said and "key 2 rests until" in said and "key 3 rests" not in said


def test_where_all_keys_rest_asking_waits_for_the_first_and_says_until_when(ask, keys, monkeypatch):
    quotas = {key: Quota(requests_per_day=40) for key in keys}
    monkeypatch.setattr(sys, "stderr", said := io.StringIO())
    # Where the server does not say for how long, a key rests for sixty minutes, which are 0.6 seconds here.
    with ModelServer(quotas=quotas, minute=0.01, day=3600, tell_delay=False) as server:

        def begin_a_day_when_all_rest():
            server.wait_until(lambda server: "all keys rest; goes on at " in said.getvalue())
            server.day = 0

        threading.Thread(target=begin_a_day_when_all_rest).start()
        asked = ask(server, 150, concurrency=8)
        assert asked.kinds == {"as_asked": 150} and set(server.answered().values()) == {1}
        order = [entry.key for entry in server.asked() if entry.accepted]
    assert order[:120] == [FIRST] * 40 + [SECOND] * 40 + [THIRD] * 40


def test_after_its_attempts_a_key_rests_and_the_next_one_takes_over(ask, keys):
    # The first key's quota is taken by somebody else.
    quotas = {FIRST: Quota(requests_per_minute=0), SECOND: Quota(), THIRD: Quota()}
    with ModelServer(quotas=quotas, minute=1.0, tell_delay=False, tell_quota=False) as server:
        asked = ask(server, 50, attempts=4)
        assert asked.kinds == {"as_asked": 50}
        assert 4 <= [entry.key for entry in server.asked()].index(SECOND) <= 8
        assert {entry.key for entry in server.asked() if entry.answered} == {SECOND}


@pytest.mark.parametrize("status", [400, 403])
def test_a_bad_key_costs_one_request_and_is_named_by_its_place(ask, keys, status, capfd):
    bad = {} if status == 400 else {FIRST: status}
    with ModelServer(quotas={SECOND: Quota(), THIRD: Quota()}, bad_keys=bad) as server:
        assert ask(server, 30).kinds == {"as_asked": 30}
        assert server.requests("key")[FIRST] == 1 and server.requests("key")[THIRD] == 0
    said = capfd.readouterr().err
    assert said.count("key 1 is refused") == 1 and KEY not in said


def test_where_all_keys_are_bad_one_line_says_so(ask, keys):
    with ModelServer(quotas={}) as server:
        with pytest.raises(ParameterError, match="all 3 keys are refused") as raised:
            ask(server, 30)
        assert len(server.ledger) == 3
    assert KEY not in repr(raised.getrepr(chain=True))


def test_a_server_that_is_down_for_a_while_is_waited_for_and_no_image_pays_for_it(ask):
    with ModelServer(latency=0.01) as server:

        def go_down_for_a_second():
            server.wait_until(lambda server: len(server.ledger) > 60)
            server.plans = {"*": "503"}
            time.sleep(1)
            server.wait_until(lambda server: server.requests("status")[503] >= 3)
            server.plans = {}

        threading.Thread(target=go_down_for_a_second).start()
        asked = ask(server, 150, attempts=3, concurrency=8)
        assert asked.kinds == {"as_asked": 150} and set(server.answered().values()) == {1}
        down = [entry for entry in server.asked() if entry.status == 503]
        # Nobody hammers at a closed door.
        assert len(down) < 60


@pytest.mark.slow
def test_fewer_requests_are_under_way_while_the_server_fails(ask, keyed, capfd):
    with ModelServer() as server:
        ask(server, 120, concurrency=24)
    # How many are at the server at once depends on how fast they are sent, how many may be does not.
    assert re.findall(r"in flight 0 of up to (\d+)", capfd.readouterr().err)[-1] == "24"
    with ModelServer(latency=0.05, chaos={"503": 0.5}) as server:
        images = make_sampled(keyed, 40, metadata=json.dumps({"item_name": ["Another"]}))
        assert ask(server, images, concurrency=24, attempts=12, backoff=0.001).kinds == {"as_asked": 40}
        assert server.max_in_flight < 12


def test_chaos_costs_no_image(ask):
    chaos = dict.fromkeys(["500", "504", "reset", "reset_midway", "429 0.02", "slow 0.2"], 0.02)
    chaos |= {"503": 0.04, "not_json": 0.01, "html": 0.01, "hang": 0.004, "fenced": 0.05, "cut_json": 0.05}
    quotas = {KEY: Quota(requests_per_minute=200)}
    with ModelServer(quotas=quotas, minute=0.5, chaos=chaos, latency=(0, 0.04)) as server:
        limits = {"requests_per_minute": 200}
        asked = ask(server, 250, concurrency=32, timeout_seconds=1, limits=limits)
        assert asked.kinds["as_asked"] + asked.kinds["repaired"] == 250
        assert set(server.answered().values()) == {1} and len(server.answered()) == 250


def test_a_server_that_fails_most_requests_costs_no_image(ask):
    with ModelServer(latency=0.01, chaos={"503": 0.7}, minute=1.0) as server:
        # More attempts than by default: at the end, luck alone could make a few images fail six times in a row.
        asked = ask(server, 40, concurrency=8, backoff=0.001, attempts=12)
        assert asked.kinds == {"as_asked": 40} and set(server.answered().values()) == {1}


def test_images_that_wait_long_do_not_hold_up_the_others(ask):
    plans = {f"image{number:05d}": ["503 1"] for number in range(2, 60, 5)}
    with ModelServer(plans=plans) as server:
        assert ask(server, 60, concurrency=2).kinds == {"as_asked": 60}
        waiting = 0
        at_once = [
            waiting := waiting + 1 if entry.status == 503 else waiting - (entry.try_number > 1)
            for entry in server.asked()
        ]
    # Two that waited would be all that are asked about, if an image kept its place among those in flight.
    assert max(at_once) > 2


@pytest.mark.parametrize("mistake", ["401", "403", "model_missing"])
def test_what_was_good_a_moment_ago_is_not_given_up_for_one_refusal(ask, mistake):
    with ModelServer(plans={"image00050": [mistake, mistake]}) as server:
        assert ask(server, 100, concurrency=4).kinds == {"as_asked": 100}
        assert set(server.answered().values()) == {1}


@pytest.mark.parametrize(
    "mistake, said", [("401", "the key is refused"), ("model_missing", "generate.model")]
)
def test_what_is_no_longer_right_ends_the_run_after_its_attempts(ask, mistake, said):
    with ModelServer() as server:
        ask(server, 20)
        server.plans = {"*": mistake, **{f"image{number:05d}": [] for number in range(60)}}
        with pytest.raises(ParameterError, match=said):
            ask(server, 200, concurrency=4, attempts=3)
        assert len(server.ledger) < 100
