import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.errors import ParameterError
from vqatune.generation.providers import ParsedReply
from vqatune.generation.providers.errors import ProviderError
from vqatune.generation.providers.gemini_replies import accept, error_of, parse_reply

KEY = "AIzaSy-not-a-real-key-0123456789"


def candidate(finish=None, *parts):
    return {
        "candidates": [{"content": {"parts": list(parts)}} | ({"finishReason": finish} if finish else {})]
    }


@pytest.mark.parametrize(
    ("reply", "text", "finish"),
    [
        (candidate("STOP", {"text": "a"}, {"text": "b"}), "ab", "stop"),
        (candidate("STOP", {"text": "no", "thought": True}, {"text": "yes"}), "yes", "stop"),
        (candidate("MAX_TOKENS", {"text": '{"qa_pairs": [{"que'}), '{"qa_pairs": [{"que', "max_tokens"),
        (candidate("SAFETY"), "", "safety"),
        ({"candidates": [{"finishReason": "RECITATION", "index": 0}]}, "", "recitation"),
        ({"candidates": [{"content": {}, "finishReason": "PROHIBITED_CONTENT"}]}, "", "prohibited_content"),
        ({"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}]}, "", "stop"),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "", "blocked"),
        ({"promptFeedback": {"blockReason": "OTHER"}, "candidates": []}, "", "blocked"),
        (candidate(None, {"text": "a"}), "a", "no_reply"),
        ({"usageMetadata": {}}, "", "no_reply"),
        ({}, "", "no_reply"),
        ({"candidates": [None]}, "", "no_reply"),
        (candidate("STOP", {"text": "\ud800x"}, {"inlineData": {}}, None, {"text": 3}), "?x", "stop"),
    ],
)
def test_what_a_reply_holds(reply, text, finish):
    assert parse_reply(reply) == ParsedReply(text, finish, 0, 0)


def test_tokens_are_those_of_the_question_and_of_the_answer_with_its_thoughts():
    usage = {
        "promptTokenCount": 7,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 100,
        "totalTokenCount": 112,
    }
    parsed = parse_reply(candidate("STOP") | {"usageMetadata": usage})
    assert (parsed.input_tokens, parsed.output_tokens) == (7, 105)
    odd = {"promptTokenCount": "7", "candidatesTokenCount": True, "thoughtsTokenCount": -4}
    parsed = parse_reply(candidate("STOP") | {"usageMetadata": odd})
    assert (parsed.input_tokens, parsed.output_tokens) == (0, 0)


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5)
_names = [
    "candidates",
    "content",
    "parts",
    "text",
    "thought",
    "finishReason",
    "promptFeedback",
    "blockReason",
]
_names += [
    "usageMetadata",
    "promptTokenCount",
    "candidatesTokenCount",
    "error",
    "status",
    "message",
    "details",
]
_names += ["violations", "quotaId", "quotaValue", "retryDelay", "reason", "fieldViolations", "field"]
_json = st.recursive(
    _scalars | st.sampled_from(["STOP", "GenerateRequestsPerMinute", "7s", KEY]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_names), inner, max_size=4),
    max_leaves=12,
)
_objects = st.dictionaries(st.sampled_from(_names), _json, max_size=5)


@given(_objects)
def test_any_object_can_be_read(reply):
    parsed = parse_reply(reply)
    parsed.text.encode()
    assert parsed.finish == parsed.finish.lower() and parsed.finish
    assert parsed.input_tokens >= 0 and parsed.output_tokens >= 0


@given(st.integers(200, 599), _objects | _json)
def test_any_answer_is_told_as_a_failure_in_one_line_without_the_key(status, content):
    failure = error_of(status, content, {}, KEY)
    assert isinstance(failure, ProviderError | ParameterError)
    assert KEY not in str(failure) and len(str(failure).splitlines()) == 1 and len(str(failure)) < 600


@given(st.binary(max_size=30), st.sampled_from([200, 400, 429, 500]))
def test_any_bytes_are_a_reply_or_a_failure(body, status):
    with pytest.raises((ProviderError, ParameterError)):
        accept(status, body, {}, KEY)


@pytest.mark.parametrize(
    ("named", "delay"),
    [
        ("0s", 0),
        ("7s", 7),
        ("7.325199412s", 7.325199412),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("soon", None),
        ("-3s", None),
        ("9" * 400 + "s", None),
        (None, None),
        ({"seconds": 3}, None),
    ],
)
def test_the_delay_that_a_429_names(named, delay):
    body = {"error": {"code": 429, "details": [{"retryDelay": named}, "text", None]}}
    assert error_of(429, body, {}, KEY).delay == delay


def test_the_longest_of_the_delays_counts():
    body = {"error": {"message": "Slow down. Please retry in 8.5s.", "details": [{"retryDelay": "8s"}]}}
    assert error_of(429, body, {}, KEY).delay == 8.5
    assert error_of(429, body, {"Retry-After": "20"}, KEY).delay == 20
    assert error_of(503, body, {"Retry-After": "nonsense"}, KEY).delay == 8.5


def test_a_date_to_retry_after_is_a_delay():
    def delay(moment):
        return error_of(503, None, {"Retry-After": format_datetime(moment, usegmt=True)}, KEY).delay

    now = datetime.now(UTC)
    assert 55 < delay(now + timedelta(seconds=60)) <= 60
    assert delay(now - timedelta(seconds=60)) == 0
    naive = (now + timedelta(seconds=60)).strftime("%a, %d %b %Y %H:%M:%S -0000")
    assert 55 < error_of(503, None, {"Retry-After": naive}, KEY).delay <= 60


def test_the_smaller_of_two_quotas_is_learned_and_none_that_is_not_a_number():
    quotas = [
        ("GenerateRequestsPerMinutePerProject", "30"),
        ("GenerateRequestsPerMinutePerProjectPerModel", "15"),
    ]
    quotas += [("GenerateContentInputTokensPerModelPerMinute", "many"), ("BatchEnqueuedTokens", "5")]
    violations = [{"quotaId": quota, "quotaValue": value} for quota, value in quotas]
    violations.append({"quotaId": "GenerateRequestsPerDayPerProject", "quotaValue": "0"})
    failure = error_of(429, {"error": {"details": [{"violations": violations}]}}, {}, KEY)
    assert failure.limits == {"requests_per_minute": 15} and failure.daily


def test_stored_replies_are_read_without_an_sdk():
    code = (
        "import sys; from vqatune.generation.providers import load_provider\n"
        "for name in ('gemini', 'gemini_legacy'): load_provider(name).parse_reply({})\n"
        "sys.exit(bool({'google.genai', 'google.generativeai', 'aiohttp', 'requests'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
