"""The scheduler and failing requests: retried, set aside, or the end of the run."""

import pytest
from asked_images import price
from model_server import ModelServer

from vqatune.errors import ParameterError


def test_a_passing_failure_costs_time_but_no_image(ask):
    troubles = [
        "500",
        "503",
        "504",
        "408",
        "429",
        "429 0.01",
        "reset",
        "reset_midway",
        "not_json",
        "html",
        "list",
    ]
    plans = {f"image{2 * number + 1:05d}": [trouble, trouble] for number, trouble in enumerate(troubles)}
    with ModelServer(plans=plans, minute=0.5) as server:
        asked = ask(server, 30)
        assert set(server.answered().values()) == {1} and len(server.answered()) == 30
        assert len(server.ledger) == 30 + 2 * len(troubles)
    assert asked.kinds == {"as_asked": 30}
    assert sum(asked.usage.summary(price())["failures"].values()) == 2 * len(troubles)


def test_a_server_that_never_answers_is_given_up_on_in_time(ask):
    with ModelServer(plans={"image00003": ["hang"]}) as server:
        assert ask(server, 10, timeout_seconds=1).kinds == {"as_asked": 10}
        assert server.requests()["image00003"] == 2


@pytest.mark.parametrize(
    "behaviour, kind, asked_times",
    [
        ("safety", "safety", 3),
        ("recitation", "recitation", 3),
        ("prose", "not_as_asked", 3),
        ("blocked", "blocked", 1),
        ("refused", "refused", 1),
        ("too_large", "too large", 1),
        ("503", "http 503", 3),
    ],
)
def test_an_image_that_fails_for_its_own_sake_is_set_aside_with_its_reason(
    ask, keyed, behaviour, kind, asked_times
):
    with ModelServer(plans={"image00004": behaviour}, latency=0.005) as server:
        asked = ask(server, 40, attempts=3)
        assert asked.kinds == {"as_asked": 39, kind: 1}
        assert server.requests()["image00004"] == asked_times
    listed = (keyed / ".work/replies/set_aside.csv").read_text()
    assert listed == f"image_id,reason\nimage00004,{kind}\n"


def test_refused_images_do_not_stop_a_catalogue_from_being_finished(ask):
    plans = {f"image{number:05d}": "refused" for number in range(0, 300, 10)}
    with ModelServer(plans=plans) as server:
        ask(server, 280)
        asked = ask(server, 300)
        assert asked.kinds == {"as_asked": 270, "refused": 30}
        assert len(server.ledger) == 300


def test_an_image_with_a_limit_of_its_own_does_not_hold_up_the_end(ask):
    with ModelServer(plans={"image00003": "429 0.001"}, minute=0.1) as server:
        assert ask(server, 60, attempts=2, backoff=0.001).kinds == {"as_asked": 59, "429": 1}


def test_images_that_fail_to_the_end_are_set_aside_in_time(ask):
    plans = {f"image{number:05d}": "503" for number in range(10)}
    with ModelServer(plans=plans) as server:
        asked = ask(server, 20, attempts=3, backoff=0.001)
        assert asked.kinds == {"as_asked": 10, "http 503": 10} and asked.seconds < 60


def test_a_wrong_model_costs_one_request_and_says_so(ask):
    with ModelServer(models=["gemini-other"]) as server:
        with pytest.raises(ParameterError, match="generate.model"):
            ask(server, 50)
        assert len(server.ledger) == 1


def test_where_every_image_is_refused_the_rest_are_not_tried(ask):
    with ModelServer(plans={"*": "refused"}) as server:
        with pytest.raises(ParameterError, match=r"first \d+ images were all refused"):
            ask(server, 500, concurrency=4)
        assert len(server.ledger) < 30


def test_a_model_that_only_chats_is_not_paid_for_a_whole_catalogue(ask):
    with ModelServer(plans={"*": "prose"}) as server:
        with pytest.raises(ParameterError, match=r"first \d+ replies hold no pairs .*not_as_asked"):
            ask(server, 500)
        assert len(server.ledger) < 50 + 2 * 16


def test_an_endpoint_where_nothing_answers_is_named(ask):
    with ModelServer() as server:
        pass
    with pytest.raises(ParameterError, match="generate.endpoint"):
        ask(server, 5, attempts=2)
