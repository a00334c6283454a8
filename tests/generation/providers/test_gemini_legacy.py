"""What is the old SDK's own: its form of a schema, its warnings, and what it would do with a reply."""

import asyncio
import importlib.util
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vqatune.generation.prompts.prompt import SCHEMA
from vqatune.generation.providers.errors import InvalidKeyError, TransientError
from vqatune.generation.providers.gemini_legacy import connect, legacy_schema

spec = importlib.util.spec_from_file_location("canned_gemini", Path(__file__).with_name("canned_gemini.py"))
canned = importlib.util.module_from_spec(spec)
spec.loader.exec_module(canned)
SDK = "gemini_legacy"

TEXT, INTEGER, ARRAY, OBJECT = 1, 3, 5, 6  # as the SDK numbers them


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with canned.Server() as server:
        yield server


def test_the_schema_is_sent_in_the_form_that_this_sdk_knows(server):
    canned.ask(canned.make_params(server.url, SDK))
    [(_, _, body)] = server.asked
    schema = body["generationConfig"]["responseSchema"]
    pairs = schema["properties"]["qa_pairs"]
    assert (schema["type"], schema["required"], pairs["type"]) == (OBJECT, ["qa_pairs"], ARRAY)
    pair = pairs["items"]
    asked_for = SCHEMA["properties"]["qa_pairs"]["items"]
    assert pair["type"] == OBJECT and pair["required"] == asked_for["required"]
    types = {name: value["type"] for name, value in pair["properties"].items()}
    assert types == {"question": TEXT, "answer": TEXT, "difficulty": INTEGER, "question_type": TEXT}
    assert pair["properties"]["question_type"]["enum"] == asked_for["properties"]["question_type"]["enum"]
    # An enumeration of numbers is an error to the server.
    assert pair["properties"]["difficulty"] == {"type": INTEGER, "description": "one of 0, 1, 2, 3, 5"}


def test_the_schema_that_is_translated_stays_as_it_is():
    before = repr(SCHEMA)
    assert legacy_schema(SCHEMA)["properties"]["qa_pairs"]["items"]["required"][0] == "question"
    assert repr(SCHEMA) == before


def test_the_server_is_asked_for_names_rather_than_numbers(server):
    canned.ask(canned.make_params(server.url, SDK))
    assert server.asked[0][0] == canned.PATH


def test_what_the_sdk_has_never_heard_of_is_kept(server):
    reply = {"candidates": [{"finishReason": "TOO_NEW", "content": {"parts": [{"text": "a", "new": 1}]}}]}
    reply |= {
        "usageMetadata": {"promptTokensDetails": [{"modality": "SMELL", "tokenCount": 3}]},
        "other": [None],
    }
    server.plan = [(200, reply)]
    assert canned.ask(canned.make_params(server.url, SDK)) == reply


def test_a_401_is_not_asked_again_with_the_same_key(server):
    server.plan = [canned.error(401, "UNAUTHENTICATED")] * 3
    assert type(canned.ask(canned.make_params(server.url, SDK))) is InvalidKeyError
    assert len(server.asked) == 1


def test_servers_that_never_finish_keep_no_other_request_waiting(server):
    async def run():
        async with connect(
            canned.make_params(server.url, SDK, timeout_seconds=3, concurrency=4), None
        ) as ask:

            async def one():
                return await ask(canned.IMAGE, canned.LISTING, canned.make_prompt(), canned.KEY)

            server.plan = ["drip"] * 4
            dripping = await asyncio.gather(*(one() for _ in range(4)), return_exceptions=True)
            return dripping, await asyncio.gather(*(one() for _ in range(4)))

    dripping, replies = asyncio.run(run())
    assert [type(failure) for failure in dripping] == [TransientError] * 4
    assert replies == [canned.REPLY] * 4


def test_threads_end_with_their_requests(server):
    asyncio.run(canned.ask_all(canned.make_params(server.url, SDK), count=20))
    for _ in range(2000):
        # Threads are named after what they run; the server's own are of no interest.
        if not (left := [thread for thread in threading.enumerate() if thread.name.endswith("(run)")]):
            break
        time.sleep(0.02)
    assert not left


WARNED = """
import asyncio, importlib.util, sys, warnings
spec = importlib.util.spec_from_file_location("canned_gemini", sys.argv[1])
canned = importlib.util.module_from_spec(spec)
spec.loader.exec_module(canned)
from vqatune.generation.providers.gemini_legacy import parse_reply
assert "google.generativeai" not in sys.modules
asyncio.run(canned.ask_all(canned.make_params("http://127.0.0.1:9", "gemini_legacy")))
assert "google.generativeai" in sys.modules
warnings.warn("another", FutureWarning)
"""


def test_that_its_support_has_ended_is_not_said_again_and_other_warnings_are(server):
    command = [sys.executable, "-c", WARNED, canned.__file__]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr.count("Warning") == 1 and "FutureWarning: another" in done.stderr
