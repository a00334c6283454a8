"""A store that is damaged, full or out of reach: one line, nothing lost, and no reply that is not one of those kept."""

import io
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing, redirect_stderr
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_replies import ABOUT, a_reply, contents

from vqatune.errors import DataError
from vqatune.generation.replies.store import ReplyStore


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "deep/replies.sqlite"


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    "damage",
    [
        "reply = x'00'",
        "reply = NULL",
        "reply = 'text'",
        "reply = (SELECT reply FROM replies WHERE image_id = 'image2')",
        "number = 2",
        "number = 'two'",
        "number = NULL",
        "digest = NULL",
        "image_id = 'image2'",
        "image_id = CAST(x'ff' AS TEXT)",
        "product_type = NULL",
        "about = about || ' '",
    ],
)
def test_a_damaged_reply_is_named_and_not_used_and_the_others_are(path, capsys, damage):
    with ReplyStore(path) as store:
        store.add([a_reply(1), a_reply(2)])
    change(path, f"UPDATE replies SET {damage} WHERE image_id = 'image1'")
    with ReplyStore(path) as store:
        for _ in range(2):
            assert store.load([a_reply(1).key, a_reply(2).key]) == {a_reply(2).key: [a_reply(2).reply]}
            assert list(store.everything()) == [a_reply(2)]
        said = capsys.readouterr().err
        assert said == f"{path}: the reply {a_reply(1).key.hex()} is damaged and not used\n"
        # Asked for again, it is kept beside the damaged one.
        assert store.add([a_reply(1, text="blue")]) == 1
        assert store.load([a_reply(1).key]) == {a_reply(1).key: [a_reply(1, text="blue").reply]}


@pytest.mark.parametrize("damage", ["key = NULL", "key = 'text'", "key = 7"])
def test_a_reply_whose_key_is_damaged_is_named_and_not_used(path, capsys, damage):
    with ReplyStore(path) as store:
        store.add([a_reply(1), a_reply(2)])
    change(path, f"UPDATE replies SET {damage} WHERE image_id = 'image1'")
    assert contents(path) == [a_reply(2)]
    assert capsys.readouterr().err.count("is damaged and not used\n") == 1


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> bytes:
    """The bytes of a file that holds 40 replies, about 500 bytes each."""
    path = tmp_path_factory.mktemp("written") / "replies.sqlite"
    with ReplyStore(path) as store:
        store.add(a_reply(place, text=os.urandom(250).hex()) for place in range(40))
        store.add([], ABOUT, {"requests": 41.0})
    return path.read_bytes()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"no database" * 1000,
        lambda content: content[100:],
        lambda content: content[:5000],
        lambda content: content[: len(content) // 2],
        lambda content: content[:4096] + bytes(len(content) - 4096),
    ],
)
def test_a_damaged_file_is_one_line_and_stays_as_it_is(tmp_path, written, spoil):
    path = tmp_path / "replies.sqlite"
    path.write_bytes(spoil(written))
    with pytest.raises(DataError, match="move it away") as error, ReplyStore(path) as store:
        store.load([a_reply(place).key for place in range(40)])
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)
    assert path.read_bytes() == spoil(written)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_whatever_bit_is_flipped_no_other_reply_than_the_kept_ones_is_served(data, written, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flipped")
    whole, damaged = bytearray(written), folder / "replies.sqlite"
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(written) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    original = folder / "original.sqlite"
    original.write_bytes(written)
    damaged.write_bytes(bytes(whole))
    known = {reply.key: [reply.reply] for reply in contents(original)}
    try:
        with redirect_stderr(io.StringIO()), ReplyStore(damaged) as store:
            found = store.load(list(known))
            every = list(store.everything())
    except DataError as error:
        assert "\n" not in str(error)
        return
    assert found.items() <= known.items()
    assert all(known[reply.key] == [reply.reply] and reply.about == ABOUT for reply in every)


def test_a_place_that_cannot_be_used_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file/replies.sqlite", tmp_path / "folder", Path("/proc/replies/replies.sqlite")):
        with pytest.raises(DataError, match="replies cannot be kept there") as error:
            ReplyStore(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.skipif(os.getuid() == 0, reason="whoever is root may write to any folder")
def test_a_folder_that_may_not_be_written_to_is_one_line(path):
    contents(path)
    path.parent.chmod(0o500)
    path.chmod(0o400)
    try:
        with pytest.raises(DataError, match="correct its permissions") as error, ReplyStore(path) as store:
            store.add([a_reply(1)])
        assert "\n" not in str(error.value)
    finally:
        path.parent.chmod(0o700)


_FILL = """
import os, resource, signal, sys
from pathlib import Path
from vqatune.errors import DataError
from vqatune.generation.replies.store import ReplyStore, StoredReply
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
with ReplyStore(Path(sys.argv[1])) as store:
    try:
        for n in range(10_000):
            store.add([StoredReply(n.to_bytes(16, "big"), 1, "i", "MUG", "{}", {"text": os.urandom(5000).hex()})])
    except DataError as error:
        print(n, error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="files have no limit here")
def test_where_there_is_no_more_room_that_is_one_line_and_what_is_kept_is_kept(path):
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    count, said = done.stdout.rstrip("\n").split(" ", 1)
    assert "free space" in said and "\n" not in said
    assert len(contents(path)) == int(count) > 10
