"""model_pairs against a server over sockets: the pairs, and that no request is sent twice."""

import json
import re
import time

import pandas as pd
import pytest
from asked_images import KEY, ask_about, everything_in, make_sampled, price
from model_server import ModelServer, Quota, default_answer

from vqatune.errors import ParameterError
from vqatune.generation.checks.checks import clean_and_check
from vqatune.generation.replies.store import REPLIES, ReplyStore
from vqatune.params import PriceParams


@pytest.mark.parametrize("provider", ["gemini", "gemini_legacy", "openai"])
def test_every_image_is_answered_once_and_its_pairs_come_in_order(ask, provider):
    with ModelServer(pairs=15) as server:
        asked = ask(server, 40, provider=provider)
        assert server.answered() == {f"image{number:05d}": 1 for number in range(40)}
        assert len(server.ledger) == 40
    assert asked.kinds == {"as_asked": 40} and len(asked.pairs) == 600
    assert asked.pairs["image_id"].is_monotonic_increasing
    assert (
        asked.pairs.groupby("image_id")["place"]
        .apply(list)
        .map(lambda places: places == list(range(15)))
        .all()
    )
    assert set(asked.pairs["source"]) == {"gemini-test"}


def test_both_of_googles_sdks_give_the_same_pairs_and_take_up_each_others_replies(ask):
    with ModelServer() as server:
        first = ask(server, 12, provider="gemini")
        again = ask(server, 12, provider="gemini_legacy")
        assert len(server.ledger) == 12
    pd.testing.assert_frame_equal(first.pairs, again.pairs)


def test_nothing_is_asked_twice_but_what_another_question_is(ask, keyed):
    with ModelServer() as server:
        first = ask(server, 10)
        again = ask(server, 10)
        assert len(server.ledger) == 10
        pd.testing.assert_frame_equal(first.pairs, again.pairs)
        assert first.usage.summary(price()) == again.usage.summary(price())
        for change in (
            {"model": "other"},
            {"temperature": 0.5},
            {"prompt": "graded-v1"},
            {"reply_format": "json"},
            {"max_output_tokens": 4096},
        ):
            before = len(server.ledger)
            ask(server, 10, **change)
            assert len(server.ledger) == before + 10, change
        before = len(server.ledger)
        ask(server, make_sampled(keyed, 10, metadata=json.dumps({"item_name": ["A stool"]})))
        assert len(server.ledger) == before + 10
        ask(server, 11, timeout_seconds=5, attempts=2, concurrency=3)
        assert len(server.ledger) == before + 11


def test_images_that_are_one_to_the_model_are_asked_about_once(ask, keyed):
    images = make_sampled(keyed, 6)
    images.loc[1, ["offset", "length"]] = images.loc[0, ["offset", "length"]]
    with ModelServer() as server:
        asked = ask(server, images)
        assert len(server.ledger) == 5
    assert asked.kinds == {"as_asked": 6} and asked.usage.replies == 5
    answers = [part["answer"].tolist() for _, part in asked.pairs.groupby("image_id")]
    assert answers[0] == answers[1] != answers[2]


def test_the_pairs_depend_neither_on_the_order_of_rows_nor_on_the_number_of_requests_at_once(
    ask, keyed, monkeypatch
):
    images = make_sampled(keyed, 30)
    with ModelServer(latency=(0, 0.02), chaos={"503": 0.1, "fenced": 0.3}) as server:
        first = ask(server, images, concurrency=8)
        (keyed / "elsewhere").mkdir()
        monkeypatch.chdir(keyed / "elsewhere")
        second = ask(server, images.sample(frac=1, random_state=1), concurrency=1)
    pd.testing.assert_frame_equal(first.pairs, second.pairs)


def test_what_is_in_another_form_is_repaired_counted_and_read_anew_without_asking(ask):
    plans = {
        "image00000": ["fenced"],
        "image00001": ["csv"],
        "image00002": ["separators"],
        "image00003": ["cut_json"],
    }
    with ModelServer(plans=plans) as server:
        asked = ask(server, 6)
        assert asked.kinds == {"as_asked": 2, "repaired": 4} and len(server.ledger) == 6
        assert set(asked.usage.repairs) >= {"fences", "csv", "separators", "cut_json"}
        again = ask(server, 6)
        assert len(server.ledger) == 6 and again.usage.repairs == asked.usage.repairs


def test_what_was_set_aside_is_not_asked_about_again_until_that_is_wanted(ask, keyed):
    with ModelServer(plans={"image00001": "safety", "image00002": "503"}) as server:
        first = ask(server, 20, attempts=2)
        before = len(server.ledger)
        server.plans = {}
        again = ask(server, 20, attempts=2)
        assert len(server.ledger) == before
        assert again.kinds == first.kinds == {"as_asked": 18, "safety": 1, "http 503": 1}
        assert again.usage.summary(price()) == first.usage.summary(price())
        with ReplyStore(keyed / REPLIES) as store:
            assert store.forget_set_aside() == 2
        assert ask(server, 20, attempts=2).kinds == {"as_asked": 19, "safety": 1}
        assert len(server.ledger) == before + 1
        assert ask(server, 20, attempts=4).kinds == {"as_asked": 20}


def test_pictures_of_a_kind_that_no_model_takes_are_not_sent(ask, keyed):
    images = make_sampled(keyed, 3)
    (keyed / "images.tar").write_bytes(b"GIF89a" + b"." * 100)
    with ModelServer() as server:
        assert ask(server, images).kinds == {"unsupported image": 3} and not server.ledger


@pytest.mark.parametrize("provider", ["gemini", "gemini_legacy", "openai"])
def test_no_key_is_in_anything_that_is_written(keyed, monkeypatch, capfd, provider):
    keys = [f"{KEY}-{number}" for number in range(3)]
    for name in ("GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name)
    for name in (".gemini-key", ".openai-key"):
        (keyed / name).write_text("\n".join(keys))
    chaos = {"401": 0.02, "429": 0.05, "500": 0.05, "reset": 0.02, "refused": 0.03, "safety": 0.03}

    def answer(image: str) -> list[dict]:
        said = {"question": f"Is it {keys[2]}?", "answer": "no", "difficulty": 1, "question_type": keys[2]}
        return [*default_answer(image, 2), said]

    with ModelServer(quotas={keys[2]: Quota()}, chaos=chaos, minute=0.5, answer=answer) as server:
        # Two keys are refused, in words that quote them, and the third one is sent back in replies.
        try:
            ask_about(server, make_sampled(keyed, 80), provider=provider, attempts=3)
        except ParameterError as error:
            print(repr(error), error.__cause__, error.__context__)
        used = {entry.key for entry in server.asked()}
    assert used == set(keys)
    for name in (".gemini-key", ".openai-key"):
        (keyed / name).unlink()
    written = everything_in(keyed) + "".join(capfd.readouterr()).encode()
    assert KEY.encode() not in written
    assert b"key 1 is refused and not used any more" in written


def test_the_metrics_say_what_was_asked_in_all_runs(ask):
    with ModelServer(plans={"image00001": ["503"], "image00002": ["safety"]}) as server:
        ask(server, 5)
        summary = ask(server, 10).usage.summary(price(input=1.0, output=2.0))
    assert (summary["requests"], summary["replies"]) == (12, 11)
    assert summary["failures"] == {"http 503": 1, "safety": 1} and summary["images_failed"] == 0
    cost = (summary["input_tokens"] + 2 * summary["output_tokens"]) / 1e6
    assert summary["cost_usd"] == pytest.approx(cost, abs=1e-4) and cost > 0
    assert summary["seconds"] > 0


def test_asking_a_server_ends_with_a_line_of_figures(ask, capfd):
    with ModelServer(pairs=15, plans={"image00002": ["503"]}) as server:
        ask(server, 30, price=PriceParams(input=0.1, output=0.4))
    last = capfd.readouterr().err.splitlines()[-1]
    assert re.search(
        r"asking gemini-test: images 30 of 30 \([1-9][\d,]* a minute\); pairs 450, of which the checks keep 100.0%; ",
        last,
    )
    assert "in flight 0 of up to " in last and "failures http 503 1" in last
    assert re.search(r"tokens [\d,]+ in, [\d,]+ out; cost \$0\.\d\d, about \$0\.\d\d in all; ", last)
    assert last.endswith("; key 1 asks, 31 requests") and KEY not in last


@pytest.mark.parametrize("seconds", [0, 0.5], ids=["quick checks", "checks that overlap"])
def test_it_says_how_many_pairs_the_checks_keep(ask, capfd, monkeypatch, seconds):
    def check_slowly(pairs, images, *more):
        time.sleep(seconds)
        return clean_and_check(pairs, images, *more)

    monkeypatch.setattr("vqatune.generation.client.model_pairs.clean_and_check", check_slowly)
    good = {"difficulty": 0, "question_type": "color"}
    pairs = [
        good | {"question": "What color is the seat?", "answer": "red"},
        good | {"question": "What color are the legs?", "answer": "dark blue"},
        good | {"question": "Is the back striped?", "answer": "no", "question_type": "pattern"},
        good | {"question": "What is shown?", "answer": "chair", "question_type": "object"},
    ]
    with ModelServer(answer=lambda name: pairs, latency=(0.05, 0.06)) as server:
        ask(server, 120)
    assert "pairs 480, of which the checks keep 75.0%; " in capfd.readouterr().err.splitlines()[-1]
