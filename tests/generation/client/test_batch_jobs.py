"""Batch jobs against a server over sockets: their results, under all kinds of failures of the server."""

import base64
import json
from collections import Counter
from functools import partial

import pytest
from asked_images import KEY, everything_in, make_params, make_sampled
from batch_jobs import JOBS, OTHER, kinds, names, serve
from model_server import Quota
from rich.console import Console

from vqatune.errors import ParameterError
from vqatune.generation.client import batch_files, batch_jobs
from vqatune.generation.client.usage import dollars
from vqatune.generation.prompts.prompt import load_prompt
from vqatune.generation.providers.gemini_batch import request_body
from vqatune.generation.replies.store import REPLIES, ReplyStore
from vqatune.params import PriceParams
from vqatune.runtime.live_display import Display
from vqatune.runtime.request_display import BatchDisplay, RequestProgress


@pytest.fixture(autouse=True)
def small_jobs(monkeypatch):
    monkeypatch.setattr(batch_files, "MOST_REQUESTS", 50)
    # Seconds between looks at a clock whose minutes are short here.
    monkeypatch.setattr(batch_jobs, "_TICK", 0.02)


def test_images_are_asked_about_in_jobs_and_each_once(ask, keyed):
    with serve(batch_polls=3) as server:
        asked = ask(server, 300, provider="gemini_batch")
        assert server.answered() == names(300)
        assert kinds(server)["create"] == 6 and kinds(server)["job"] == 18
        # What was uploaded is not left to fill the project's storage.
        assert kinds(server)["file_delete"] == 6
        again = ask(server, 300, provider="gemini_batch")
        assert kinds(server)["create"] == 6
    assert asked.kinds == {"as_asked": 300} and len(asked.pairs) == 900
    assert again.pairs.equals(asked.pairs)
    summary = again.usage.summary(make_params(server).price)
    assert (summary["requests"], summary["replies"], summary["failures"]) == (300, 300, {})
    assert list(JOBS.iterdir()) == []


def test_pairs_and_replies_do_not_depend_on_the_jobs(ask, keyed, monkeypatch, tmp_path):
    with serve(plans={"image00007": ["prose"], "image00031": ["503"]}) as server:
        images = make_sampled(keyed, 60)
        found = []
        for folder, most in (("a", 50), ("b", 7)):
            monkeypatch.setattr(batch_files, "MOST_REQUESTS", most)
            (tmp_path / folder).mkdir()
            monkeypatch.chdir(tmp_path / folder)
            server.plans |= {"image00007": ["prose"], "image00031": ["503"]}
            pairs = ask(server, images, provider="gemini_batch").pairs
            with ReplyStore() as store:
                found.append((pairs.to_csv(), list(store.everything())))
    assert found[0] == found[1]


def test_replies_of_jobs_stand_for_those_of_single_requests(ask):
    with serve() as server:
        ask(server, 30, provider="gemini_batch")
        asked = ask(server, 30, provider="gemini")
        assert server.requests("kind") == {"batch": 30}
    assert asked.kinds == {"as_asked": 30}


@pytest.mark.parametrize("form", ["schema", "json", "text"])
def test_a_request_of_a_job_is_what_a_single_request_sends(ask, keyed, form):
    settings = {"reply_format": form, "temperature": 0.25, "max_output_tokens": 99}
    with serve(keep_bodies=True) as server:
        ask(server, 1, provider="gemini", **settings)
        sent = server.asked()[0].body
        listing = sent["contents"][0]["parts"][1]["text"]
        params = make_params(server, provider="gemini_batch", **settings)
    body = request_body(b"\xff\xd8\xff\xe0image00000", listing, load_prompt(params.prompt, form), params)
    for each in (sent, body):
        data = each["contents"][0]["parts"][0]["inlineData"]
        # The SDK writes some names and base64 in their other form, which are the same to the server.
        data.setdefault("mimeType", data.pop("mime_type", None))
        data["data"] = base64.urlsafe_b64decode(data["data"].translate({43: "-", 47: "_"}))
    assert body == sent


def test_a_job_that_was_made_without_our_hearing_of_it_is_found(ask):
    with serve(service_plans={"create": ["ok", "reset_midway", "503", "hang"]}) as server:
        asked = ask(server, 300, provider="gemini_batch", timeout_seconds=1)
        assert server.answered() == names(300) == server.requests()
        # Three of the eight made nothing, or something that was found in the list.
        assert kinds(server)["create"] == 8 and kinds(server)["jobs"] >= 3
    assert asked.kinds == {"as_asked": 300}


def test_what_failed_goes_into_another_job_until_its_attempts_are_used_up(ask):
    plans = {
        "image00003": ["503", "429"],
        "image00004": "503",
        "image00005": "prose",
        "image00006": "blocked",
    }
    plans |= {"image00007": ["not_json", "html"], "image00008": "reset", "image00009": "refused"}
    with serve(plans=plans) as server:
        asked = ask(server, 20, provider="gemini_batch", attempts=3)
        requests = server.requests()
        assert {f"image{number:05d}" for number in range(20) if requests[f"image{number:05d}"] == 1} == {
            name for name in names(20) if name not in plans or name in ("image00006", "image00009")
        }
        assert all(
            requests[name] == 3
            for name in ("image00003", "image00004", "image00005", "image00007", "image00008")
        )
    failed = {
        "batch error 14": 1,
        "not_as_asked": 1,
        "blocked": 1,
        "batch result missing": 1,
        "batch error 3": 1,
    }
    assert asked.kinds == {"as_asked": 15} | failed
    assert {name: amount for name, amount in asked.usage.tallies.items() if name != "seconds"} == {
        "requests": 30,
        "failed: batch error 14": 4,
        "failed: batch error 8": 1,
        "failed: not_as_asked": 3,
        "failed: blocked": 1,
        "failed: batch result missing": 5,
        "failed: batch error 3": 1,
    }
    with ReplyStore() as store:
        numbers = Counter(reply.number for reply in store.everything())
    assert numbers == {1: 17, 2: 1, 3: 1}


def test_the_images_of_a_job_that_came_to_nothing_are_asked_about_in_another(ask, capsys):
    with serve(job_ends=["EXPIRED", "SUCCEEDED", "FAILED", "CANCELLED"]) as server:
        asked = ask(server, 150, provider="gemini_batch")
        assert server.answered() == names(150) and kinds(server)["create"] == 6
    assert asked.kinds == {"as_asked": 150}
    assert asked.usage.tallies["failed: batch job expired"] == 50
    said = capsys.readouterr().err
    assert "of 50 images has expired: The batch has ended as EXPIRED." in said


def test_a_server_that_fails_for_a_while_loses_no_job(ask):
    plans = {
        "upload": ["503", "reset", "html"],
        "create": ["503", "429 0.05"],
        "jobs": ["503", "reset"],
        "job": ["reset", "504", "html", "list", "429"],
        "download": ["reset_midway", "503", "reset"],
        "file_delete": "503",
    }
    with serve(service_plans=plans) as server:
        asked = ask(server, 120, provider="gemini_batch", timeout_seconds=2)
        assert server.answered() == names(120) == server.requests()
    assert asked.kinds == {"as_asked": 120}


def test_results_that_are_gone_are_asked_for_again(ask):
    with serve(service_plans={"download": ["404"], "job": ["404"]}) as server:
        asked = ask(server, 100, provider="gemini_batch")
        assert kinds(server)["create"] == 4
    assert asked.kinds == {"as_asked": 100}
    assert asked.usage.tallies["failed: batch job gone"] == 100


def test_where_too_much_is_queued_it_waits_while_jobs_go_on(ask, monkeypatch):
    monkeypatch.setattr(batch_jobs, "MOST_JOBS", 2)
    with serve(service_plans={"create": ["ok", "429 0.3", "429", "ok", "429"]}) as server:
        asked = ask(server, 200, provider="gemini_batch")
        assert server.answered() == names(200) == server.requests()
        assert kinds(server)["create"] == 7 and kinds(server)["upload"] == 8
    assert asked.kinds == {"as_asked": 200}


def test_a_refused_key_is_retired_and_the_next_one_takes_over(ask, monkeypatch, capsys, keyed):
    monkeypatch.setenv("GEMINI_API_KEY", "")
    (keyed / ".gemini-key").write_text(f"{OTHER}\n{KEY}\n")
    for refused in ({"quotas": {KEY: Quota()}}, {"bad_keys": {OTHER: 403}}):
        with serve(**refused) as server:
            asked = ask(server, 60, provider="gemini_batch", temperature=0.1 * len(refused))
            assert {entry.key for entry in server.asked()} == {KEY}
        assert asked.kinds == {"as_asked": 60}
        assert "key 1 is refused and not used any more" in capsys.readouterr().err
        REPLIES.unlink()


def test_where_no_key_is_taken_one_line_says_so_without_the_key(ask, capsys, keyed):
    with serve(bad_keys={KEY: 403}) as server, pytest.raises(ParameterError, match="the key is refused"):
        ask(server, 60, provider="gemini_batch")
    (keyed / "said").write_text(capsys.readouterr().err)
    assert KEY.encode() not in everything_in(keyed)
    assert list(JOBS.iterdir()) == []


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"service_plans": {"create": "400"}}, "Gemini does not take a batch job"),
        ({"models": ["another"]}, "generate.model or generate.endpoint"),
        ({"plans": {"*": "refused"}}, "the images of a batch job were refused, and none was answered"),
        ({"service_plans": {"upload": "html"}}, "nothing answers as it should"),
    ],
)
def test_what_no_waiting_mends_is_one_line_and_leaves_nothing_behind(ask, settings, said, monkeypatch):
    with serve(**settings) as server, pytest.raises(ParameterError, match=said):
        ask(server, 30, provider="gemini_batch", attempts=2)
    assert list(JOBS.iterdir()) == []


def test_where_nothing_listens_one_line_names_the_endpoint(ask):
    with serve() as server:
        pass
    with pytest.raises(ParameterError, match=r"nothing answers as it should .*generate\.endpoint"):
        ask(server, 10, provider="gemini_batch", attempts=2)


def test_a_job_grows_neither_in_requests_nor_in_bytes_beyond_its_limits(ask, monkeypatch):
    monkeypatch.setattr(batch_files, "MOST_BYTES", 40_000)
    with serve() as server:
        ask(server, 60, provider="gemini_batch")
        assert kinds(server)["create"] > 4
        assert server.answered() == names(60) == server.requests()


def test_plain_lines_say_where_jobs_stand_and_when_it_looks_again(ask, capsys):
    with serve(minute=2) as server:
        ask(server, 60, provider="gemini_batch")
    said = capsys.readouterr().err
    assert "images 0 of 60; jobs " in said and "looks again at " in said
    assert "images 60 of 60; jobs 2 succeeded; pairs 180" in said


def test_results_are_read_line_by_line_whatever_they_hold(tmp_path):
    good = {"key": "01", "response": {"candidates": []}}
    lines = [
        good,
        {"key": "02", "error": {"code": 13, "message": "x"}},
        {"key": "03", "error": "no"},
        [],
        "x",
    ]
    lines += [
        {"key": "zz", "response": {}},
        {"response": {}},
        {"key": "04"},
        {"key": "05", "status": {"code": 4}},
    ]
    content = "\n".join(json.dumps(line) for line in lines) + '\n\n{"key": "06", "resp'
    (tmp_path / "results").write_text(content)
    results = [(each.key, each.reply, each.code) for each in batch_files.read_results(tmp_path / "results")]
    assert results == [(b"\x01", {"candidates": []}, 0), (b"\x02", None, 13), (b"\x05", None, 4)]


def test_a_terminal_shows_jobs_cost_and_what_failed():
    console = Console(force_terminal=True, width=100, record=True)
    progress = RequestProgress(
        40, done=10, pairs=150, input_tokens=2_000_000, output_tokens=10, jobs=Counter(running=2)
    )
    progress.failures["batch error 13"], progress.set_aside[b"x"] = 3, "safety"
    with Display("asking", console) as display:
        watch = BatchDisplay(display, partial(dollars, PriceParams(input=0.1, output=0.4)))
        watch(progress)
        display.print_line("a line")
    said = console.export_text()
    for part in ("10 of 40", "2 running", "$0.20", "batch error 13 3", "set aside", "asking: a line"):
        assert part in said


def test_a_model_that_only_chats_is_found_out_after_its_first_jobs(ask):
    with serve(plans={"*": "prose"}) as server:
        with pytest.raises(ParameterError, match=r"first \d+ replies hold no pairs .*not_as_asked"):
            ask(server, 1000, provider="gemini_batch")
        assert len(server.asked()) < 1000


def test_refused_images_are_on_record_and_not_asked_about_again(ask):
    with serve(plans={"image00001": "refused"}) as server:
        for _ in range(2):
            assert ask(server, 30, provider="gemini_batch").kinds == {"as_asked": 29, "batch error 3": 1}
            assert len(server.asked()) == 30
