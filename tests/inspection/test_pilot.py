"""`vqatune pilot` and `vqatune estimate` against a model server."""

import re

import pytest
from model_server import ModelServer
from sampled_pictures import write_sample

from vqatune.generation.generate import generate_pairs
from vqatune.params import load_params


@pytest.fixture
def start(keyed, pictures, parameter_values, vqatune):
    """Write a sample whose model is a server; return the parameters."""

    def write(server: ModelServer | None, **changes):
        asked = {"provider": "gemini", "model": "gemini-test"} | changes
        endpoint = {"endpoint": server.url} if server else {}
        write_sample(keyed, pictures, parameter_values, **asked, **endpoint)
        return load_params()

    return write


def test_the_full_run_asks_about_the_rest_only(start, vqatune, pictures, keyed):
    with ModelServer(latency=0.01) as server:
        params = start(server, price={"input": 1.0, "output": 2.0})
        done = vqatune("pilot", "--images", 5)
        assert done.status == 0, done.err
        piloted = server.answered()
        assert len(server.ledger) == 5 and set(piloted.values()) == {1}
        before, after = vqatune("estimate").out, generate_pairs(pictures, params.generate, params.compute, 1)
        assert len(server.ledger) == 12 and set(server.answered().values()) == {1}
        tokens = [
            sum(getattr(entry, name) for entry in server.ledger[:5])
            for name in ("input_tokens", "output_tokens")
        ]
    assert done.out.startswith("5 images: ") and done.out.endswith("pilot.html\n")
    cost = (tokens[0] + 2 * tokens[1]) / 1e6
    assert f"{tokens[0]:,} tokens in, {tokens[1]:,} out, {cost:.4f} US dollars" in done.out
    assert "5 of 12 images are done, 7 are missing" in done.out and "counted on 5 images" in done.out
    assert "7 are missing" in before and after[0]["image_id"].nunique() == 12
    assert "12 of 12 images are done, 0 are missing" in vqatune("estimate").out
    # The pilot is no stage's output, and its list of failures not that of the sample.
    assert (keyed / ".work/replies/set_aside.csv").read_text() == "image_id,reason\n"


def test_batch_jobs_are_piloted_by_single_requests_of_which_the_replies_are_found(start, vqatune):
    with ModelServer() as server:
        start(server, provider="gemini_batch", price={"input": 1.0, "output": 2.0})
        done = vqatune("pilot", "--images", 3)
        tokens = [
            sum(getattr(entry, name) for entry in server.ledger) for name in ("input_tokens", "output_tokens")
        ]
        assert {entry.kind for entry in server.ledger} == {"generate"} and len(server.ledger) == 3
    assert f"{2 * (tokens[0] + 2 * tokens[1]) / 1e6:.4f} US dollars by single requests, at twice" in done.out
    assert "3 of 12 images are done" in done.out and "up to 24" in done.out


def test_failures_are_shown_and_no_error(start, vqatune, keyed):
    with ModelServer(plans={"*": "blocked"}) as server:
        start(server)
        done = vqatune("pilot", "--images", 4)
    assert done.status == 0 and "0 of 0 pairs are kept; 4 images have none that is kept" in done.out
    page = (keyed / "pilot.html").read_text()
    assert page.count("No pairs: blocked") == 4
    assert not (keyed / ".work/replies/set_aside.csv").exists()


def test_pairs_of_the_template_cost_nothing_and_have_a_page_too(start, vqatune, keyed):
    start(None, provider="template")
    done = vqatune("pilot")
    assert re.match(r"12 images: \d+ of \d+ pairs are kept", done.out) and "tokens" not in done.out
    assert "A pilot of template" in (keyed / "pilot.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--images", 0), "one image or more"),
        (("--out", "data"), "is a folder"),
        (("--out", "pilot.csv"), "call it .html"),
        (("--out", "no/pilot.html"), "no does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_asked(start, vqatune, keyed, arguments, said):
    with ModelServer() as server:
        start(server)
        assert said in vqatune("pilot", *arguments).error
        assert server.ledger == []


def test_without_a_sample_it_is_said_how_to_get_one(vqatune, start, keyed):
    start(None)
    (keyed / "data/sampled.parquet").unlink()
    for command in ("pilot", "estimate"):
        assert "run `dvc repro sample`" in vqatune(command).error
