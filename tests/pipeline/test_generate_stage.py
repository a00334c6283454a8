"""`dvc repro generate` with a model that is asked, over sockets, in clones: killed, repeated, shared, and undisturbed."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile

import pandas as pd
import psutil
import pytest
from asked_images import everything_in
from model_server import ModelServer, Quota, default_answer

from vqatune.generation.replies.store import ReplyStore
from vqatune.runtime.warm_start import SOCKET

SMALL = {
    "raw.showroom_listings": 40,
    "generate.provider": "gemini",
    "generate.model": "gemini-test",
    "generate.concurrency": 4,
    "generate.price.input": 0.1,
    "generate.price.output": 0.4,
}
"""So few listings that a run of the stage takes little longer than DVC itself."""
PAIRS = ["data/qa.parquet", "data/dropped.parquet", "metrics/data/generate.json", "metrics/data/checks.csv"]
"""What the stage writes, and how asking went does not change; metrics/generation.json says that."""
GENERATE = ("python", "stages/generate.py")
"""As DVC runs it, whose own seconds are spent where DVC matters."""
KEY = f"AIza-{3**60:x}"
"""Not as text, because a clone has this file, too."""


@pytest.fixture(scope="module")
def sampled(once, start):
    """A clone in which a model could be asked, with two keys of which the first is refused."""

    def make(root: Path) -> None:
        start.run("git", "clone", "--quiet", start.root, root)
        checkout = replace(start, root=root)
        checkout.set_params(SMALL)
        (root / ".gemini-key").write_text(f"{KEY}-0\n{KEY}-1\n")
        checkout.run("dvc", "repro", "sample")
        checkout.commit()

    environment = {name: value for name, value in start.environment.items() if name != "GEMINI_API_KEY"}
    # Cold, so that signals reach the stage as from a terminal; it needs no torch.
    environment |= {SOCKET: "", "NO_PROXY": "127.0.0.1"}
    return replace(start, root=once("sampled", make), environment=environment)


@pytest.fixture
def clone_of(tmp_path):
    """Copies a checkout with all its data and keys: clone_of(checkout, name)."""

    def make(checkout, name="clone"):
        shutil.copytree(checkout.root, tmp_path / name, symlinks=True)
        return replace(checkout, root=tmp_path / name)

    return make


def answer(image: str) -> list[dict]:
    """Fifteen pairs about an image, one of which is dropped."""
    words = {"question": "Which words are printed?", "answer": "two words", "difficulty": 2}
    return [*default_answer(image, 14), words | {"question_type": "text"}]


def server(**behaviour) -> ModelServer:
    return ModelServer(quotas={f"{KEY}-1": Quota()}, answer=answer, **behaviour)


@dataclass(frozen=True)
class Asked:
    """A clone after `dvc repro generate`, and what the server and the user saw of it."""

    checkout: object
    said: str
    answered: dict[str, int]
    refused: int


@pytest.fixture(scope="module")
def asked(sampled, tmp_path_factory):
    """An undisturbed run, committed; not to be written to."""
    root = tmp_path_factory.mktemp("asked") / "clone"
    shutil.copytree(sampled.root, root, symlinks=True)
    checkout = replace(sampled, root=root)
    with server() as model:
        checkout.set_params({"generate.endpoint": model.url})
        outcome = checkout.run("dvc", "repro", "generate")
        answered, refused = dict(model.answered()), model.requests("behaviour")["bad_key"]
    assert outcome.ran == ["generate"]
    checkout.commit()
    return Asked(checkout, outcome.stdout + outcome.stderr, answered, refused)


def images_of(checkout) -> list[str]:
    return pd.read_parquet(checkout.root / "data/sampled.parquet")["image_id"].tolist()


def generation(checkout) -> dict:
    return json.loads((checkout.root / "metrics/generation.json").read_text())


def written(checkout) -> dict[str, bytes]:
    outputs = checkout.outputs()
    return {name: outputs[name] for name in PAIRS}


def test_every_sampled_image_is_asked_about_once_and_its_pairs_are_there(asked):
    images = images_of(asked.checkout)
    assert set(asked.answered.values()) == {1} and len(asked.answered) == len(images) > 50
    pairs = pd.read_parquet(asked.checkout.root / "data/qa.parquet")
    dropped = pd.read_parquet(asked.checkout.root / "data/dropped.parquet")
    assert (len(pairs), len(dropped)) == (14 * len(images), len(images))
    assert set(dropped["check"]) == {"too_many_words"}
    assert set(pairs["image_id"]) == set(images) and set(pairs["generator"]) == {"gemini-test"}
    told = generation(asked.checkout)
    assert told["images"] == told["replies"] == len(images) and told["images_failed"] == 0
    assert told["requests"] == len(images) + asked.refused and asked.refused >= 1
    assert (told["pairs"], told["kept"]) == (15 * len(images), len(pairs))
    assert told["input_tokens"] > 0 and told["output_tokens"] > 0 and told["cost_usd"] > 0
    assert told["failures"] == {"bad key": asked.refused}
    rates = pd.read_csv(asked.checkout.root / "metrics/data/checks.csv")
    assert dict(zip(rates["value"], rates["dropped"], strict=True))["gemini-test"] == len(dropped)


def test_no_key_is_in_anything_that_is_written_or_said(asked):
    assert "key 1 is refused and not used any more" in asked.said and KEY not in asked.said
    root = asked.checkout.root
    content = everything_in(root)
    # Once a key, in the file where they belong.
    assert content.count(KEY.encode()) == 2
    assert (root / ".gemini-key").read_text().count(KEY) == 2
    with ReplyStore(root / ".work/replies/replies.sqlite") as store:
        kept = list(store.everything())
    assert len(kept) == len(images_of(asked.checkout))
    assert all(KEY.encode() not in reply.content() for reply in kept)
    logged = asked.checkout.run("git", "log", "--all", "--patch").stdout
    assert "generation.json" in logged and KEY not in logged


def test_again_nothing_is_asked_and_nothing_changes_not_even_where_a_check_is_written_anew(asked, clone_of):
    checkout = clone_of(asked.checkout)
    before = checkout.outputs()
    with server() as model:
        checkout.set_params({"generate.endpoint": model.url})
        outcome = checkout.run("dvc", "repro", "generate")
        assert outcome.ran == outcome.cached == [] and checkout.changed_files() == ["params.yaml"]
        with (checkout.root / "src/vqatune/generation/checks/checks.py").open("a") as code:
            code.write("# A comment.\n")
        assert checkout.run("dvc", "repro", "generate").ran == ["generate"]
        assert model.ledger == []
    assert checkout.outputs() == before
    assert checkout.changed_files() == ["dvc.lock", "params.yaml", "src/vqatune/generation/checks/checks.py"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stage_that_is_killed_or_stopped_goes_on_where_it_was_and_writes_what_it_would_have(
    asked, sampled, clone_of, number
):
    checkout = clone_of(sampled)
    images = images_of(checkout)
    half = len(images) // 2
    with server(latency=(0.02, 0.06)) as model:
        checkout.set_params({"generate.endpoint": model.url})
        said = interrupted(checkout, number, lambda: len(model.answered()) >= half)
        assert "failed to reproduce 'generate'" in said and "Traceback" not in said
        assert half <= len(model.answered()) < len(images)
        assert [name for name in PAIRS if (checkout.root / name).exists()] == []
        assert checkout.run("dvc", "repro", "generate").ran == ["generate"]
        answered = model.answered()
        sent = sum(entry.accepted for entry in model.asked())
    # A stop waits for what is under way; a kill cannot, and four requests at once are.
    lost = 4 if number == signal.SIGKILL else 0
    assert len(answered) == len(images)
    assert sum(answered.values()) <= sent <= len(images) + lost
    if number == signal.SIGINT:
        assert re.search(rf"generate: stopped with replies about \d+ of {len(images)} images", said)
    assert written(checkout) == written(asked.checkout)
    tallies = {"requests": 0, "seconds": 0, "failures": {}}
    assert generation(checkout) | tallies == generation(asked.checkout) | tallies


def interrupted(checkout, number: int, ready) -> str:
    """Start `dvc repro generate` and send the signal when it is time; return what was said.

    SIGKILL goes to the stage's own process, SIGINT to DVC and all that it has started, as from a keyboard.
    """
    with TemporaryFile("w+") as said:
        dvc = subprocess.Popen(
            ["dvc", "repro", "generate"],
            cwd=checkout.root,
            env=checkout.environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        end = time.monotonic() + 300
        while not ready():
            assert dvc.poll() is None and time.monotonic() < end
            time.sleep(0.005)
        if number == signal.SIGKILL:
            started = psutil.Process(dvc.pid).children(recursive=True)
            (stage,) = [each for each in started if each.cmdline()[1:] == ["stages/generate.py"]]
            stage.kill()
        else:
            os.killpg(dvc.pid, number)
        assert dvc.wait(120) != 0
        said.seek(0)
        return said.read()


def test_two_people_share_the_work_and_put_it_together_without_asking(asked, sampled, clone_of):
    clones = [clone_of(sampled, name) for name in ("one", "two")]
    images = images_of(sampled)
    with server() as model:
        for number, checkout in enumerate(clones, start=1):
            checkout.set_params({"generate.endpoint": model.url, "generate.shard": f"{number}/2"})
            checkout.run(*GENERATE)
            checkout.run("vqatune", "replies", "export", "mine.jsonl.gz")
        shares = [generation(checkout)["images"] for checkout in clones]
        assert sum(shares) == len(images) and min(shares) > 0
        assert set(model.answered().values()) == {1} and len(model.answered()) == len(images)
        before = len(model.ledger)
        first, second = clones
        told = first.run(
            "vqatune", "replies", "import", second.root / "mine.jsonl.gz", "mine.jsonl.gz"
        ).stdout
        assert f"{shares[1]:,} replies, {shares[1]:,} new" in told and f"{shares[0]:,} replies, 0 new" in told
        first.set_params({"generate.shard": None})
        first.run(*GENERATE)
        assert len(model.ledger) == before
    assert written(first) == written(asked.checkout)
    packed = (first.root / "mine.jsonl.gz").read_bytes()
    assert KEY.encode() not in packed and packed[:2] == b"\x1f\x8b"


def test_an_endpoint_where_nothing_answers_is_one_line(sampled, clone_of):
    checkout = clone_of(sampled)
    # Held, so that no server of another test gets the port.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        checkout.set_params({"generate.endpoint": f"http://127.0.0.1:{port}", "generate.attempts": 1})
        outcome = checkout.run(*GENERATE, fails=True)
    (line,) = [line for line in outcome.stderr.splitlines() if line.startswith("error in ")]
    assert "look at generate.endpoint" in line and KEY not in outcome.stdout + outcome.stderr
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert not (checkout.root / "data/qa.parquet").exists()
    assert [name for name in os.listdir(checkout.root / "data") if name.startswith(".qa")] == []


def test_without_a_key_one_line_says_where_it_belongs(sampled, clone_of):
    checkout = clone_of(sampled)
    (checkout.root / ".gemini-key").unlink()
    (line,) = checkout.run(*GENERATE, fails=True).stderr.splitlines()
    assert line.startswith("error in generate: ") and "GEMINI_API_KEY" in line and ".gemini-key" in line
