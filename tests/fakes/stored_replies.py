"""Replies for a store, and the contents of a store."""

from pathlib import Path

from vqatune.generation.replies.store import ReplyStore, StoredReply, reply_key

ABOUT = '{"model": "m", "prompt": "p", "provider": "gemini"}'


def a_reply(place: int, number: int = 1, text: str = "red", about: str = ABOUT) -> StoredReply:
    key = reply_key(b"\xff\xd8\xff%d" % place, "<listing>", about)
    return StoredReply(key, number, f"image{place}", "MUG", about, {"text": text, "tokens": place})


def contents(path: Path) -> list[StoredReply]:
    with ReplyStore(path) as store:
        return list(store.everything())
