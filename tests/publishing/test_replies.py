"""Replies moved between machines: all of them, none twice, and nothing of a file that is not whole."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.errors import DataError
from vqatune.generation.replies.store import REPLIES, ReplyStore, StoredReply
from vqatune.publishing.replies import export_replies, import_replies

ABOUT = {"provider": "gemini", "model": "m", "prompt": "varied-v1", "temperature": None, "zé": 0.1}
OTHER = {"provider": "openai", "model": "llama", "prompt": "varied-v1", "temperature": 1.0}


def a_reply(place: int, number: int = 1, about: dict = ABOUT, product_type: str = "MUG") -> StoredReply:
    reply = {"text": f"sofa {place} 木 \ud83d\x00\n", "tokens": [place, 1e-7, None], "b": {"z": 1, "a": 2}}
    said = json.dumps(about, sort_keys=True)
    return StoredReply(place.to_bytes(16, "big"), number, f"image{place}", product_type, said, reply)


REPLY_LIST = [
    *(a_reply(place) for place in range(9, 0, -1)),
    a_reply(3, number=2),
    *(a_reply(place, about=OTHER, product_type="CHÄIR") for place in range(20, 25)),
]


def make_store(path: Path, replies: list[StoredReply]) -> Path:
    with ReplyStore(path) as store:
        store.add(replies, replies[0].about if replies else "", {"requests": 3})
    return path


def contents(path: Path) -> list[StoredReply]:
    with ReplyStore(path) as store:
        return list(store.everything())


@pytest.fixture
def store(tmp_path) -> Path:
    """Where the command line looks for replies: 15 of two models."""
    return make_store(tmp_path / REPLIES, REPLY_LIST)


@pytest.fixture
def exported(tmp_path, store) -> bytes:
    """The lines of all replies, not packed."""
    export_replies(tmp_path / "exported.jsonl", path=store)
    return (tmp_path / "exported.jsonl").read_bytes()


def test_a_file_of_replies_makes_the_same_store_elsewhere_and_adds_nothing_twice(vqatune, tmp_path, store):
    assert vqatune("replies", "export", "out/all.jsonl.gz").out == "out/all.jsonl.gz holds 15 replies\n"
    before = contents(store)
    store.rename(tmp_path / "before.sqlite")
    for new in (15, 0):
        said = vqatune("replies", "import", "out/all.jsonl.gz")
        assert (said.status, said.out) == (0, f"out/all.jsonl.gz: 15 replies, {new} new\n")
        assert contents(store) == before
    assert [reply.about for reply in before] == [reply.about for reply in contents(store)]
    assert sorted(reply.content() for reply in before) == sorted(reply.content() for reply in REPLY_LIST)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["all.jsonl.gz"]


def test_a_line_says_all_that_is_known_of_a_reply(exported):
    lines = [json.loads(line) for line in exported.splitlines()]
    assert lines[0] == {
        "key": f"{1:032x}",
        "number": 1,
        "image_id": "image1",
        "product_type": "MUG",
        "about": ABOUT,
        "reply": a_reply(1).reply,
    }
    order = [(line["key"], line["number"]) for line in lines]
    assert order == sorted(order) and len(order) == 15


def test_the_same_replies_make_the_same_bytes_whatever_came_first_and_whatever_the_file_is_called(tmp_path):
    one = make_store(tmp_path / "one.sqlite", REPLY_LIST)
    two = make_store(tmp_path / "two.sqlite", REPLY_LIST[::-1])
    for ending in ("jsonl", "jsonl.gz"):
        export_replies(tmp_path / f"one.{ending}", path=one)
        export_replies(tmp_path / f"another.{ending}", path=two)
        assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"another.{ending}").read_bytes()
    # Neither a time nor a name stands in the header.
    assert (tmp_path / "one.jsonl.gz").read_bytes()[3:8] == bytes(5)
    assert gzip.decompress((tmp_path / "one.jsonl.gz").read_bytes()) == (tmp_path / "one.jsonl").read_bytes()


def test_a_part_of_the_replies_is_chosen_by_model_and_product_type(vqatune, tmp_path, store):
    def images(*choice: str) -> list[str]:
        assert vqatune("replies", "export", "part.jsonl", *choice).status == 0
        lines = (tmp_path / "part.jsonl").read_text().splitlines()
        (tmp_path / "part.jsonl").unlink()
        return sorted({json.loads(line)["image_id"] for line in lines})

    mugs, chairs = [f"image{n}" for n in range(1, 10)], [f"image{n}" for n in range(20, 25)]
    assert images("--provider", "gemini") == images("--model", "m") == images("--product-type", "MUG") == mugs
    assert images("--provider", "openai", "--model", "llama") == images("--product-type", "CHÄIR") == chairs
    assert images("--product-type", "CHÄIR", "--product-type", "MUG") == images() == sorted([*mugs, *chairs])
    for choice in (("--provider", "openai", "--model", "m"), ("--product-type", "HAT")):
        said = vqatune("replies", "export", "part.jsonl", *choice).error
        assert said.endswith("holds no such reply; it has replies of gemini m, openai llama")
    assert not list(tmp_path.glob("*part*"))


def test_what_cannot_be_written_is_one_line_and_what_lies_there_stays(vqatune, tmp_path, store):
    (tmp_path / "mine.jsonl").write_text("mine")
    assert "mine.jsonl exists" in vqatune("replies", "export", "mine.jsonl").error
    assert (tmp_path / "mine.jsonl").read_text() == "mine"
    assert "call it .jsonl.gz" in vqatune("replies", "export", "mine.csv").error
    assert "cannot be written" in vqatune("replies", "export", "mine.jsonl/below.jsonl").error
    store.unlink()
    said = vqatune("replies", "export", "new.jsonl").error
    assert said.startswith(f"{REPLIES} does not exist") and not store.exists()


def test_replies_are_exported_while_a_run_is_writing(tmp_path, store):
    with closing(sqlite3.connect(store, isolation_level=None)) as run:
        run.execute("BEGIN IMMEDIATE")
        run.execute("INSERT INTO tallies VALUES ('{}', 'requests', 1)")
        assert export_replies(tmp_path / "all.jsonl.gz", path=store) == 15
        run.execute("COMMIT")


def test_files_of_several_people_come_together_in_one_command(vqatune, tmp_path, store):
    other = make_store(tmp_path / "other.sqlite", [a_reply(3), a_reply(30), a_reply(31)])
    export_replies(tmp_path / "a.jsonl.gz", model="m", path=store)
    export_replies(tmp_path / "b.jsonl", path=other)
    before = contents(store)
    said = vqatune("replies", "import", "a.jsonl.gz", "b.jsonl")
    assert said.out == "a.jsonl.gz: 10 replies, 0 new\nb.jsonl: 3 replies, 2 new\n"
    assert contents(store) == sorted([*before, a_reply(30), a_reply(31)], key=lambda reply: reply.key)


_some = st.lists(
    st.builds(
        a_reply,
        st.integers(1, 3),
        number=st.integers(1, 2),
        about=st.sampled_from([ABOUT, OTHER]),
        product_type=st.sampled_from(["MUG", "HAT"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=10, deadline=None)
@given(shards=st.lists(_some, min_size=2, max_size=3), data=st.data())
def test_shards_merge_to_the_same_store_in_any_order(shards, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("merged")
    files = [folder / f"{place}.jsonl.gz" for place in range(len(shards))]
    for file, replies in zip(files, shards, strict=True):
        export_replies(file, path=make_store(folder / f"{file.name}.sqlite", replies))
    import_replies(files, folder / "one.sqlite")
    for file in data.draw(st.permutations(files)):
        import_replies([file], folder / "two.sqlite")
    merged = contents(folder / "one.sqlite")
    assert merged == contents(folder / "two.sqlite")
    assert all(reply in merged for replies in shards for reply in replies)


def test_blank_lines_other_fields_and_another_order_are_no_harm(tmp_path, exported):
    records = [json.loads(line) for line in exported.splitlines()]
    for record in records:
        record["about"] = dict(reversed(record["about"].items()))
    lines = [json.dumps({"note": 1} | record) for record in records]
    (tmp_path / "by hand.jsonl").write_text(
        "\ufeff" + "\r\n\r\n".join(lines) + "\r\n\r\n", "utf-8", newline=""
    )
    assert import_replies([tmp_path / "by hand.jsonl"], tmp_path / "new.sqlite") == [(15, 15)]
    assert contents(tmp_path / "new.sqlite") == contents(tmp_path / REPLIES)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("key", None, "key is not 32 hex digits"),
        ("key", "0" * 31, "key is not 32 hex digits"),
        ("key", "0" * 31 + "\n", "key is not 32 hex digits"),
        ("key", "٣" * 32, "key is not 32 hex digits"),
        ("number", 0, "number is not a whole number"),
        ("number", 1.0, "number is not a whole number"),
        ("number", True, "number is not a whole number"),
        ("number", 2**63, "number is not a whole number"),
        ("image_id", 7, "image_id is no text"),
        ("image_id", "\ud800", "image_id is no text"),
        ("product_type", None, "product_type is no text"),
        ("about", "{}", "about does not name provider, model and prompt"),
        ("about", {"provider": "gemini", "model": "m"}, "about does not name provider, model and prompt"),
        ("about", ABOUT | {"model": None}, "about does not name provider, model and prompt"),
        ("reply", [], "reply is no object"),
        ("reply", "text", "reply is no object"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_imported(vqatune, tmp_path, exported, field, value, said):
    lines = exported.splitlines()
    lines[6] = json.dumps(json.loads(lines[6]) | {field: value}).encode()
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join(lines))
    (tmp_path / "good.jsonl").write_bytes(exported)
    (tmp_path / REPLIES).unlink()
    error = vqatune("replies", "import", "good.jsonl", "bad.jsonl").error
    assert error.startswith(f"bad.jsonl:7: {said}")
    assert not (tmp_path / REPLIES).exists()


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"7", b"\xff\xfe", b'{"key": 1e', b"[" * 100_000, b'{"key": ' + b"9" * 5000 + b"}"]
)
def test_a_line_that_is_no_object_is_named(tmp_path, exported, line):
    (tmp_path / "bad.jsonl").write_bytes(exported + line + b"\n")
    with pytest.raises(DataError) as error:
        import_replies([tmp_path / "bad.jsonl"], tmp_path / "new.sqlite")
    assert str(error.value).startswith(f"{tmp_path / 'bad.jsonl'}:16 is no") and "\n" not in str(error.value)
    assert not (tmp_path / "new.sqlite").exists()


def test_a_packed_file_that_is_cut_or_damaged_anywhere_is_one_line_and_adds_nothing(vqatune, tmp_path, store):
    export_replies(tmp_path / "whole.jsonl.gz", path=store)
    whole = (tmp_path / "whole.jsonl.gz").read_bytes()
    spoiled = [
        whole[:length] for length in (0, 1, 2, 10, 11, 100, len(whole) // 2, len(whole) - 8, len(whole) - 1)
    ]
    for place in (3, 12, 60, len(whole) // 2, len(whole) - 6):
        spoiled.append(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
    for content in spoiled:
        (tmp_path / "bad.jsonl.gz").write_bytes(content)
        with pytest.raises(DataError) as error:
            import_replies([tmp_path / "bad.jsonl.gz"], tmp_path / "new.sqlite")
        said = str(error.value)
        assert said.startswith(str(tmp_path / "bad.jsonl.gz")) and "\n" not in said
        assert not (tmp_path / "new.sqlite").exists()


def test_a_file_that_is_not_there_is_one_line(vqatune, tmp_path):
    assert (
        "none.jsonl cannot be read (No such file or directory)"
        in vqatune("replies", "import", "none.jsonl").error
    )
    assert "cannot be read (Is a directory)" in vqatune("replies", "import", tmp_path).error
    (tmp_path / "empty.jsonl").write_text("\n")
    assert "empty.jsonl holds no reply" in vqatune("replies", "import", "empty.jsonl").error
    assert not (tmp_path / ".work").exists()


def test_a_damaged_reply_is_named_and_left_out_of_the_file(tmp_path, store, capsys):
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE replies SET about = 'cut' WHERE image_id = 'image1'")
    assert export_replies(tmp_path / "rest.jsonl", path=store) == 14
    assert capsys.readouterr().err == f"{store}: the reply {1:032x} is damaged and not used\n"
