"""Batch jobs that outlive their run: the next run finds them, and nothing is paid for twice."""

import signal
import time
from pathlib import Path

import pytest
from asked_images import KEY, everything_in
from batch_jobs import JOBS, OTHER, kinds, names, serve

from vqatune.errors import DataError, ParameterError
from vqatune.generation.client import batch_collect, batch_files, batch_jobs
from vqatune.generation.replies.store import ReplyStore
from vqatune.runtime.request_display import RequestProgress

FAKES = Path(__file__).parents[2] / "fakes"
ASK = """
import importlib, os, signal, sys
sys.path[:0] = sys.argv[1:2]
from types import SimpleNamespace
from asked_images import ask_about, make_sampled
from pathlib import Path
from vqatune.generation.client import batch_collect
from vqatune.generation.client import batch_files
from vqatune.generation.client import batch_jobs

batch_files.MOST_REQUESTS, batch_collect._AT_ONCE, batch_jobs._TICK = 20, 7, 0.02
if len(sys.argv) > 5:
    module, holder, name, count = sys.argv[5].split()
    holder = getattr(importlib.import_module("vqatune.generation." + module), holder)
    goes_on, calls = getattr(holder, name), []

    def ends(*arguments):
        calls.append(1)
        if len(calls) == int(count):
            os.kill(os.getpid(), signal.SIGKILL)
        return goes_on(*arguments)

    setattr(holder, name, ends)
server = SimpleNamespace(url=sys.argv[2], minute=float(sys.argv[3]))
ask_about(server, make_sampled(Path(), int(sys.argv[4])), provider="gemini_batch")
"""


@pytest.fixture
def asking(start_asking):
    """Starts asking in a process of its own, in jobs of 20; it ends by SIGKILL at the nth call of a function."""

    def start(server, images, ends_at=""):
        return start_asking(ASK, server, images, *([ends_at] if ends_at else []))

    return start


@pytest.fixture(autouse=True)
def short_ticks(monkeypatch):
    """Seconds between looks at a clock whose minutes are short here."""
    monkeypatch.setattr(batch_jobs, "_TICK", 0.02)


@pytest.fixture
def leave_three(asking):
    """Has a run make three jobs of 20 images and end, when nothing is left for a fourth, before it looks at them."""

    def run(server):
        server.minute = 600
        left = asking(server, 60, "client.batch_jobs BatchRun _draft 4")
        assert left.wait(120) == -signal.SIGKILL and kinds(server)["create"] == 3
        server.minute = 0.2

    return run


@pytest.mark.parametrize(
    "ends_at",
    [
        "providers.gemini_batch JobServer create 2",
        "replies.store ReplyStore set_job 2",
        "providers.gemini_batch JobServer poll 5",
        "providers.gemini_batch JobServer download 2",
        "replies.store ReplyStore add 6",
        "providers.gemini_batch JobServer delete 2",
    ],
)
def test_after_a_kill_jobs_go_on_and_nothing_is_asked_twice(ask, asking, keyed, ends_at):
    with serve() as server:
        first = asking(server, 60, ends_at)
        said = first.communicate(timeout=120)[1]
        assert first.returncode == -signal.SIGKILL, said
        before = kinds(server)["create"]
        assert before < 3 or list(JOBS.glob("*.json"))
        asked = ask(server, 60, provider="gemini_batch")
        # How many jobs they make depends on what is found first: the images of a job that was never created may join others.
        assert server.answered() == names(60)
        assert server.requests("kind") == {"batch": 60} and kinds(server)["create"] <= 4
    assert asked.kinds == {"as_asked": 60}
    assert asked.usage.tallies["requests"] == 60
    assert list(JOBS.iterdir()) == []


def test_a_signal_stops_the_looking_and_the_next_run_takes_the_results(ask, asking, keyed):
    # It would look for the first time after ten minutes.
    with serve(minute=2400, batch_polls=1) as server:
        stopped = asking(server, 60)
        server.wait_until(lambda server: kinds(server)["create"] == 3)
        time.sleep(0.3)
        stopped.send_signal(signal.SIGTERM)
        said = stopped.communicate(timeout=120)[1]
        assert "stopped with 0 of 60 images done; 3 batch jobs go on at the server" in said
        assert kinds(server)["job"] == 0
        server.minute = 0.2
        asked = ask(server, 60, provider="gemini_batch")
        assert kinds(server)["create"] == 3 and server.answered() == names(60)
    assert asked.kinds == {"as_asked": 60}


def test_a_job_of_a_key_that_is_not_given_any_more_is_not_paid_for_again(
    ask, leave_three, keyed, monkeypatch
):
    with serve() as server:
        leave_three(server)
        monkeypatch.setenv("GEMINI_API_KEY", OTHER)
        with pytest.raises(ParameterError, match="made with a key that is not given any more"):
            ask(server, 60, provider="gemini_batch")
        assert kinds(server)["create"] == 3
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        ask(server, 60, provider="gemini_batch")
        assert server.answered() == names(60) == server.requests()
    assert KEY.encode() not in everything_in(keyed)


def test_jobs_of_other_settings_stay_as_they_are(ask, leave_three, capsys):
    with serve() as server:
        leave_three(server)
        other = ask(server, 60, provider="gemini_batch", temperature=0.5)
        assert "3 batch jobs of other settings are under way, too" in capsys.readouterr().err
        assert len(list(JOBS.iterdir())) == 3
        asked = ask(server, 60, provider="gemini_batch")
        assert server.requests() == dict.fromkeys(names(60), 2)
    assert other.kinds == asked.kinds == {"as_asked": 60}


def test_images_that_are_not_asked_about_any_more_are_kept_when_they_come(ask, leave_three):
    with serve(plans={"image00050": ["prose"]}) as server:
        leave_three(server)
        asked = ask(server, 10, provider="gemini_batch")
        assert asked.kinds == {"as_asked": 10} and server.requests("kind") == {"batch": 60}
        with ReplyStore() as store:
            assert len(list(store.everything())) == 60


def test_a_damaged_record_of_a_job_is_named(ask, keyed):
    JOBS.mkdir(parents=True)
    (JOBS / "vqatune-1.json").write_text('{"title": "vqatune-1"}')
    with serve() as server, pytest.raises(DataError, match=r"vqatune-1\.json: .*delete it"):
        ask(server, 10, provider="gemini_batch")


def test_a_queue_waits_for_what_is_under_way_in_an_earlier_job():
    image_requests = [
        batch_collect.ImageRequest(f"image{number}", "CHAIR", bytes([number]), 0, lambda: (b"", ""))
        for number in range(4)
    ]
    requests = [
        batch_files.BatchRequest(bytes([number]), f"image{number}", "CHAIR", 0) for number in range(4)
    ]
    queue = batch_collect.RequestQueue(iter(image_requests), progress := RequestProgress(4))
    queue.restore(requests[:3])
    queue.finish(requests[0])
    queue.requeue(batch_files.BatchRequest(b"\x01", "image1", "CHAIR", 1, 2))
    taken = [queue.take(), queue.take(), queue.take()]
    assert [each and (each[1].key, each[1].tries, each[1].failures) for each in taken] == [
        (b"\x01", 1, 2),
        (b"\x03", 0, 0),
        None,
    ]
    assert progress.done == 1
    queue.requeue(requests[2])
    assert queue.take()[0].image_id == "image2" and queue.take() is None
