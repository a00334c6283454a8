"""Replies that were paid for: there after a kill, whoever else uses the file, and the same however they came."""

import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_replies import ABOUT, a_reply, contents

from vqatune.errors import DataError
from vqatune.generation.replies.store import ReplyStore, StoredReply, open_existing, reply_key


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "deep/replies.sqlite"


def test_replies_are_there_again_in_the_order_in_which_they_came(path):
    odd = {"text": "\ud83d half 木 \x00", "values": [None, 1.5, -0.0, 10**30, {"b": 1, "a": 2}]}
    second = StoredReply(a_reply(1).key, 2, "image1", "MUG", ABOUT, odd)
    with ReplyStore(path) as store:
        assert store.add([second, a_reply(2)]) == 2
        assert store.add([a_reply(1), a_reply(2)]) == 1
        assert store.load([a_reply(3).key]) == {}
    with ReplyStore(path) as store:
        found = store.load([reply.key for reply in (a_reply(1), a_reply(2), a_reply(3))])
        assert found == {second.key: [a_reply(1).reply, odd], a_reply(2).key: [a_reply(2).reply]}
        assert list(found[second.key][1]["values"][4]) == ["b", "a"]
        assert len(list(store.everything())) == 3 and list(store.everything("other")) == []
        assert store.totals() == {ABOUT: (3, 2)}


def test_a_key_tells_apart_all_that_determines_a_reply():
    keys = {
        reply_key(b"image", "listing", "about"),
        reply_key(b"imag", "listing", "about"),
        reply_key(b"image", "listinga", "bout"),
        reply_key(b"eimag", "listing", "about"),
        reply_key(b"image", "listing", "aboute"),
    }
    assert len(keys) == 5 and all(len(key) == 16 for key in keys)


def test_more_keys_than_one_query_takes_are_all_looked_up(path):
    replies = [a_reply(place) for place in range(12_000)]
    with ReplyStore(path) as store:
        assert store.add(replies) == 12_000
        found = store.load([reply.key for reply in reversed(replies)])
        assert found == {reply.key: [reply.reply] for reply in replies}


_ADD = """
import sys
from pathlib import Path
from vqatune.generation.replies.store import ReplyStore, StoredReply
path, first, about = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
print("ready", flush=True)
sys.stdin.readline()
with ReplyStore(path) as store:
    for start in range(first, first + int(sys.argv[4]), 5):
        replies = [
            StoredReply(n.to_bytes(16, "big"), 1, f"image{n}", "MUG", about, {"n": n}) for n in range(start, start + 5)
        ]
        assert store.add(replies, about, {"requests": 5}, {"mark": 5}) == 5
        print(start + 5, flush=True)
"""


def adding(path: Path, first: int, count: int) -> subprocess.Popen:
    """A process that, once told to, adds five replies at a time and says up to which number they are kept."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", _ADD, str(path), str(first), ABOUT, str(count)]
    process = subprocess.Popen(command, text=True, **pipes)
    assert process.stdout.readline() == "ready\n"
    return process


def start(process: subprocess.Popen) -> None:
    process.stdin.write("go\n")
    process.stdin.flush()


def test_a_killed_process_loses_no_reply_that_it_was_told_is_kept(path):
    for turn in range(4):
        first = turn * 1_000_000
        process = adding(path, first, 1_000_000)
        start(process)
        for _ in range(10 + 7 * turn):
            kept = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.communicate(timeout=60)[0].split()
        # A line may be cut by the kill.
        kept = max([kept, *map(int, rest[:-1])])
        with ReplyStore(path) as store:
            numbers = {reply.reply["n"] for reply in store.everything() if reply.reply["n"] >= first}
            assert numbers >= set(range(first, kept))
            # Five that belong together are all there or not at all, and so is what was counted with them.
            assert len(numbers) % 5 == 0
            total = len(list(store.everything()))
            assert store.tallies(ABOUT) == {"requests": total}
            assert sum(store.sent_before("mark").values()) == total
        assert process.returncode == -signal.SIGKILL


def test_processes_that_write_at_once_lose_nothing_and_one_may_read_meanwhile(path):
    processes = [adding(path, first, 300) for first in (0, 1000, 2000)]
    for process in processes:
        start(process)
    while any(process.poll() is None for process in processes):
        if path.exists():
            with ReplyStore(path) as store:
                assert len(list(store.everything())) % 5 == 0
        time.sleep(0.02)
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert len(contents(path)) == 900
    with ReplyStore(path) as store:
        assert store.tallies(ABOUT) == {"requests": 900}


def test_a_file_that_another_is_making_is_waited_for(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("CREATE TABLE other (value)")
        other.execute("BEGIN IMMEDIATE")
        opened = pool.submit(contents, path)
        time.sleep(0.2)
        assert not opened.done()
        other.execute("COMMIT")
        assert opened.result(timeout=30) == []


def test_reading_goes_on_while_another_holds_the_file_for_writing(path):
    with ReplyStore(path) as store:
        store.add([a_reply(1)])
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            with open_existing(path) as reader:
                assert [reply.image_id for reply in reader.everything()] == ["image1"]
                assert reader.load([a_reply(1).key]) and reader.totals()
            assert time.monotonic() - began < 10
            other.execute("ROLLBACK")


def test_what_is_read_is_as_it_was_when_reading_began(path):
    with ReplyStore(path) as store:
        store.add(a_reply(place) for place in range(50))
        reading = store.everything()
        seen = [next(reading).image_id]
        store.add(a_reply(place) for place in range(50, 100))
        seen += [reply.image_id for reply in reading]
        assert sorted(seen) == sorted(f"image{place}" for place in range(50))


def test_a_store_that_does_not_exist_is_not_made_by_looking(path):
    with pytest.raises(DataError, match="does not exist"):
        open_existing(path)
    assert not path.parent.exists()


_replies = st.builds(
    StoredReply,
    key=st.sampled_from([bytes([n]) * 16 for n in range(3)]),
    number=st.integers(1, 2),
    image_id=st.sampled_from(["a", "b"]),
    product_type=st.sampled_from(["MUG", "HAT"]),
    about=st.sampled_from(["{}", '{"model": "m"}']),
    reply=st.sampled_from([{"text": "red"}, {"text": "blue"}, {}]),
)


@settings(max_examples=12, deadline=None)
@given(one=st.lists(_replies), other=st.lists(_replies))
def test_merging_gives_the_same_replies_in_any_order_and_as_often_as_one_likes(one, other, tmp_path_factory):
    folder = tmp_path_factory.mktemp("merged")
    orders = ([one, other], [other, one], [[*other, *one]], [one, other, one, one], [other[::-1], one[::-1]])
    results = []
    for place, order in enumerate(orders):
        with ReplyStore(folder / f"{place}.sqlite") as store:
            new = sum(store.add(replies) for replies in order)
            results.append(list(store.everything()))
            assert new == len(results[-1])
            assert store.add([*one, *other]) == 0
    assert all(result == results[0] for result in results)
    assert all(reply in results[0] for reply in [*one, *other])


def test_tallies_add_up_over_runs_and_stay_apart_by_what_was_asked(path):
    with ReplyStore(path) as store:
        store.add([a_reply(1)], ABOUT, {"requests": 2, "failed: http 503": 1, "seconds": 0.5, "none": 0})
        store.add([], "{}", {"requests": 7})
    with ReplyStore(path) as store:
        store.add([a_reply(2)], ABOUT, {"requests": 3, "seconds": 0.25})
        assert store.tallies(ABOUT) == {"failed: http 503": 1, "requests": 5, "seconds": 0.75}
        assert store.tallies("other") == {}
        assert store.totals() == {ABOUT: (2, 2), "{}": (0, 0)}


def test_what_a_key_has_sent_is_known_for_a_day_and_never_as_longer_ago_than_it_was(path, monkeypatch):
    hours = {0: 5, 1: 7, 23: 11, 24: 13}
    now = 1_000_000 * 3600 + 900.0
    with ReplyStore(path) as store:
        for ago, count in hours.items():
            monkeypatch.setattr(time, "time", lambda ago=ago: now - ago * 3600)
            store.add([], sent={"mark": count - 1, "other": 100})
            store.add([], sent={"mark": 1})
        monkeypatch.setattr(time, "time", lambda: now)
        ticks = time.monotonic()
        sent = store.sent_before("mark")
    ages = {round((ticks - when) / 3600, 2): count for when, count in sent.items()}
    # The requests of 24 hours before may have been sent at the end of that hour: 23 hours and a quarter ago.
    assert ages == {0.0: 5, 0.25: 7, 22.25: 11, 23.25: 13}


def test_batch_jobs_are_known_again(path):
    with ReplyStore(path) as store:
        store.set_job("part 1", "batches/1", "RUNNING")
        store.set_job("part 1", "batches/1", "DONE")
    with ReplyStore(path) as store:
        assert store.jobs() == {"part 1": ("batches/1", "DONE")}
