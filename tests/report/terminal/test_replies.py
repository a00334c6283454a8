"""What `vqatune replies show` says."""

import json
import sqlite3
from contextlib import closing

import pytest

from vqatune.generation.replies.store import REPLIES, ReplyStore, StoredReply


def add(path, place: int, tallies: dict | None = None, **about) -> None:
    said = json.dumps({"provider": "gemini", "model": "m", "prompt": "varied-v1"} | about, sort_keys=True)
    replies = [StoredReply(bytes([place]) * 16, n, "i", "MUG", said, {}) for n in range(1, 3)]
    with ReplyStore(path) as store:
        store.add(replies if place else [], said, tallies)


@pytest.fixture
def store(tmp_path):
    return tmp_path / REPLIES


def rows(said: str) -> list[list[str]]:
    """The cells of the printed table."""
    lines = [line.replace("┃", "│") for line in said.splitlines() if line.startswith(("┃", "│"))]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


def test_what_was_asked_of_each_model_is_counted(vqatune, store):
    add(store, 1, {"requests": 1500, "failed: http 503": 3, "failed: cut": 2, "seconds": 9.5})
    add(store, 2)
    add(store, 3, model="[bold]x", prompt="graded-v1")
    add(store, 0, {"requests": 4, "failed: timeout": 4}, provider="openai", model="llama")
    done = vqatune("replies", "show")
    assert done.status == 0
    assert rows(done.out) == [
        ["provider", "model", "prompt", "replies", "images", "requests", "failures"],
        ["gemini", "[bold]x", "graded-v1", "2", "1", "0", "0"],
        ["gemini", "m", "varied-v1", "4", "2", "1,500", "5"],
        ["openai", "llama", "varied-v1", "0", "0", "4", "4"],
    ]


def test_settings_are_shown_where_nothing_else_tells_rows_apart(vqatune, store):
    add(store, 1, temperature=None, revision="a")
    add(store, 2, temperature=0.5, revision="a")
    add(store, 3, model="n", temperature=1.0)
    table = rows(vqatune("replies", "show").out)
    assert table[0][3] == "settings"
    assert sorted((row[1], row[3]) for row in table[1:]) == [
        ("m", "temperature 0.5"),
        ("m", "temperature null"),
        ("n", ""),
    ]


def test_where_there_is_little_room_the_last_columns_are_left_out_and_nothing_is_cut(
    vqatune, store, monkeypatch
):
    add(store, 1, model="a-model-with-a-long-name")
    monkeypatch.setenv("COLUMNS", "60")
    assert rows(vqatune("replies", "show").out) == [
        ["model", "prompt", "replies", "images"],
        ["a-model-with-a-long-name", "varied-v1", "2", "1"],
    ]


def test_a_damaged_row_is_no_harm(vqatune, store):
    add(store, 1)
    add(store, 2, model="n")
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE replies SET about = x'ff' WHERE key = ?", (b"\x02" * 16,))
    assert [row[1] for row in rows(vqatune("replies", "show").out)[1:]] == ["m"]


def test_without_replies_that_is_one_line_and_no_store_is_made(vqatune, store):
    assert "does not exist" in vqatune("replies", "show").error
    assert not store.parent.exists()
