import json
import threading
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.errors import DataError
from vqatune.questions.replies import (
    Later,
    NoReply,
    Refused,
    collect_replies,
    read_reply,
    reply_key,
    write_reply,
)

ASKED = {"model": "m", "temperature": None, "listing": "Größe <b>"}


def collect(missing, ask, folder, concurrency=3, attempts=3):
    return collect_replies(missing, ask, folder, "asking", concurrency, attempts, pause=0.001)


@given(
    st.binary(),
    st.dictionaries(st.text(), st.text() | st.none()),
    st.binary(),
    st.dictionaries(st.text(), st.text() | st.none()),
)
def test_two_questions_share_a_key_only_if_they_are_the_same(image, asked, other_image, other_asked):
    same = image == other_image and asked == other_asked
    assert (reply_key(image, asked) == reply_key(other_image, other_asked)) == same
    assert reply_key(image, asked) == reply_key(image, dict(reversed(asked.items())))


def test_a_reply_is_read_as_it_was_written_and_only_under_its_key(tmp_path):
    key, other = reply_key(b"image", ASKED), reply_key(b"other image", ASKED)
    reply = {"text": "wie groß?\n", "parts": [1, None]}
    assert read_reply(tmp_path, key) is None
    write_reply(tmp_path, key, ASKED | {"reply": reply})
    assert read_reply(tmp_path, key) == reply
    assert read_reply(tmp_path, other) is None


@pytest.mark.parametrize("damage", ["cut", "empty", "zeros", "junk", "other", "no reply"])
def test_a_damaged_file_is_no_reply(tmp_path, damage):
    key = reply_key(b"image", ASKED)
    write_reply(tmp_path, key, ASKED | {"reply": {"text": "red"}})
    [path] = tmp_path.rglob("*.json")
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[:-1],
            "empty": b"",
            "zeros": bytes(len(whole)),
            "junk": b"\xff\xfe\x00\xd8",
            "other": whole.replace(key.encode(), b"0" * 32),
            "no reply": json.dumps({"key": key, "reply": "red"}).encode(),
        }[damage]
    )
    assert read_reply(tmp_path, key) is None


def test_no_more_requests_than_allowed_are_under_way_and_the_first_is_alone(tmp_path):
    lock, under_way, seen = threading.Lock(), set(), []

    def ask(item):
        with lock:
            under_way.add(item)
            seen.append(len(under_way))
        time.sleep(0.02)
        with lock:
            under_way.remove(item)
        return {"reply": {"item": item}}

    missing = {f"{number:032x}": number for number in range(20)}
    assert collect(missing, ask, tmp_path) == {}
    assert seen[:2] == [1, 1] and max(seen) == 3
    assert [read_reply(tmp_path, key) for key in missing] == [{"item": item} for item in missing.values()]


def test_what_fails_in_passing_is_asked_again_and_what_is_refused_is_not(tmp_path):
    asked = []
    plans = {
        "fine": [],
        "busy": [Later("busy"), Later("busy")],
        "dead": [Later("dead")] * 9,
        "odd": [Refused("odd")] * 9,
    }

    def ask(item):
        asked.append(item)
        if plans[item]:
            raise plans[item].pop(0)
        return {"reply": {}}

    failures = collect({item * 8: item for item in plans}, ask, tmp_path)
    assert {item: asked.count(item) for item in plans} == {"fine": 1, "busy": 3, "dead": 3, "odd": 1}
    assert {key: str(failure) for key, failure in failures.items()} == {"dead" * 8: "dead", "odd" * 8: "odd"}


def test_a_delay_for_everyone_holds_every_request_back(tmp_path):
    times, plan = [], [Later("too many", delay=0.5, everyone=True)]

    def ask(item):
        times.append(time.monotonic())
        if item == 6 and plan:
            raise plan.pop()
        time.sleep(0.01)
        return {"reply": {}}

    assert collect({f"{number:032x}": number for number in range(40)}, ask, tmp_path) == {}
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) > 0.45 and len(times) == 41
    assert times.index(times[gaps.index(max(gaps))]) < 12


def test_asking_ends_when_nothing_gets_a_reply_any_more(tmp_path):
    asked = []

    def ask(item):
        asked.append(item)
        if item >= 4:
            raise NoReply("gone")
        return {"reply": {}}

    failures = collect({f"{number:032x}": number for number in range(1000)}, ask, tmp_path, concurrency=2)
    assert 6 <= len(failures) <= 12 and len(asked) <= 4 + 14


def test_an_error_ends_all_waiting_and_what_is_under_way_is_kept(tmp_path):
    def ask(item):
        if item == 1:
            raise Later("busy", delay=60)
        if item == 5:
            raise DataError("no more")
        time.sleep(0.1 if item else 0)
        return {"reply": {"item": item}}

    missing = {f"{number:032x}": number for number in range(1000)}
    start = time.monotonic()
    with pytest.raises(DataError, match="no more"):
        collect(missing, ask, tmp_path, concurrency=4)
    assert time.monotonic() - start < 30
    kept = [read_reply(tmp_path, key) for key in missing]
    assert [kept[item] for item in (0, 2, 3, 4)] == [{"item": item} for item in (0, 2, 3, 4)]
    assert sum(reply is not None for reply in kept) < 15


def test_a_disk_that_takes_no_reply_is_named(tmp_path):
    (tmp_path / "replies").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot keep a reply in .*replies"):
        collect({"0" * 32: 0}, lambda item: {"reply": {}}, tmp_path / "replies")
