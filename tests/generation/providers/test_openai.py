"""The openai provider, with its real SDK, against a small server whose answers are given."""

import asyncio
import base64
import json
import logging
import socket
import subprocess
import sys
import time
import traceback
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from vqatune.errors import ParameterError
from vqatune.generation.prompts.prompt import SCHEMA, Prompt
from vqatune.generation.providers.errors import (
    InvalidKeyError,
    PermanentError,
    RateLimitError,
    TransientError,
)
from vqatune.generation.providers.openai import connect, parse_reply

JPEG = b"\xff\xd8\xff\xe0 the bytes of a picture"
LISTING = '<listing>\n{"language": "de_DE", "fields": {"name": ["Tasse, schön"]}}\n</listing>'
KEY = "sk-0123456789abcdef-secret"
MODEL = "qwen2.5-vl:7b"
REPLY = {
    "id": "chatcmpl-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 700, "completion_tokens": 90},
    "timings": {"of llama.cpp": [1.5, None]},
}


@dataclass
class Server:
    """Answers every request alike, and keeps what it was sent."""

    status: int = 200
    body: Any = field(default_factory=lambda: REPLY)
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    breaks_off: bool = False
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    paths: list[str] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(f"{request.method} {request.path}")
        self.authorizations.append(request.headers.get("Authorization"))
        self.sent.append(await request.json())
        if self.hangs:
            await self.closing.wait()
        if self.breaks_off:
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b'{"choices": [')
            request.transport.close()
            return response
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return web.Response(
            status=self.status, body=body, headers={"Content-Type": "application/json"} | self.headers
        )

    @asynccontextmanager
    async def running(self):
        """Listen, and give the endpoint."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            self.closing.set()
            await runner.cleanup()


@pytest.fixture
def generate(make_params):
    """Parameters of the openai provider: generate(endpoint, temperature=1)."""

    def make(endpoint: str, **changes):
        settings = {"provider": "openai", "model": MODEL, "endpoint": endpoint, "timeout_seconds": 5}
        params = make_params({f"generate.{name}": value for name, value in (settings | changes).items()})
        return params.generate, params.compute

    return make


@pytest.fixture
def ask(generate):
    """Ask a server so many times: what came back each time, a reply or what was raised."""

    def make(server: Server, times: int = 1, key: str = KEY, form: str = "schema", **changes) -> list[Any]:
        async def run():
            outcomes = []
            async with server.running() as endpoint:
                params = generate(endpoint, reply_format=form, **changes)
                async with connect(*params) as asked:
                    for _ in range(times):
                        try:
                            outcomes.append(
                                await asked(JPEG, LISTING, Prompt("p-v1", "Write pairs.", form), key)
                            )
                        except (TransientError, InvalidKeyError, PermanentError, ParameterError) as error:
                            outcomes.append(error)
            return outcomes

        return asyncio.run(run())

    return make


@pytest.fixture
def failure(ask):
    """What is raised for an answer of the server, which must have been asked once."""

    def make(status: int, body: Any = None, headers: dict[str, str] | None = None, **changes) -> Exception:
        server = Server(status, {} if body is None else body, headers or {})
        (usage,) = ask(server, **changes)
        assert len(server.sent) == 1
        return usage

    return make


def error(message: str, **fields: Any) -> dict[str, Any]:
    """An error's body in OpenAI's form."""
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": None} | fields
    }


def test_a_request_holds_the_prompt_the_picture_and_the_listing(ask):
    server = Server()
    ask(server, temperature=0.5, max_output_tokens=1234)
    (sent,) = server.sent
    assert server.paths == ["POST /v1/chat/completions"]
    assert server.authorizations == [f"Bearer {KEY}"]
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == (MODEL, 0.5, 1234)
    system, user = sent["messages"]
    assert system == {"role": "system", "content": "Write pairs."}
    assert user["role"] == "user"
    image, text = user["content"]
    assert image["image_url"]["url"] == f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"
    assert text == {"type": "text", "text": LISTING}


def test_a_schema_is_sent_in_the_strict_form_that_allows_no_other_property(ask):
    server = Server()
    ask(server, form="schema")
    form = server.sent[0]["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["strict"] is True
    schema = form["json_schema"]["schema"]
    pair = schema["properties"]["qa_pairs"]["items"]
    assert schema["additionalProperties"] is pair["additionalProperties"] is False
    assert set(pair["required"]) == set(pair["properties"])
    assert pair["properties"] == SCHEMA["properties"]["qa_pairs"]["items"]["properties"]


def test_other_forms_ask_for_json_or_for_nothing(ask):
    server = Server()
    ask(server, form="json")
    ask(server, form="text")
    assert server.sent[0]["response_format"] == {"type": "json_object"}
    assert not {"response_format", "temperature"} & set(server.sent[1])


def test_a_server_that_needs_no_key_gets_a_stand_in(ask, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "another's")
    server = Server()
    assert ask(server, key="") == [REPLY]
    assert server.authorizations == ["Bearer none"]


def test_a_reply_is_returned_as_the_server_sent_it(ask):
    assert ask(Server()) == [REPLY]


@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b"", b"[1]", b"{}", b'{"choices": []}', b"\xff{", b"[" * 100_000]
)
def test_what_is_no_reply_is_passing(failure, body):
    usage = failure(200, body)
    assert isinstance(usage, TransientError)
    assert usage.kind == "not a reply"


LONG_VLLM = (
    "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is "
    "{} tokens and your request has 1200 input tokens (8192 > {} - 1200)."
)
FLAT_VLLM = {"object": "error", "message": LONG_VLLM.format(9000, 9000), "param": "max_tokens", "code": 400}
LLAMA_CPP_LONG = error("the request exceeds the available context size", type="exceed_context_size_error")
FASTAPI = {"detail": [{"loc": ["body", "messages", 0], "msg": "Field required", "input": "response_format"}]}
POLICY = error("Your request was rejected by our content policy.", code="content_policy_violation")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error("Invalid image."), "refused"),
        (400, error("unsupported image type: does not support image format tiff"), "refused"),
        (422, FASTAPI, "refused"),
        (413, b"Request Entity Too Large", "too large"),
        (400, FLAT_VLLM, "too large"),
        (400, LLAMA_CPP_LONG, "too large"),
        (400, error("too long", code="context_length_exceeded"), "too large"),
        (400, POLICY, "safety"),
        (403, error("Your input was flagged by moderation"), "safety"),
    ],
)
def test_a_request_refused_for_its_images_sake(failure, status, body, kind):
    usage = failure(status, body)
    assert isinstance(usage, PermanentError)
    assert usage.kind == kind


NO_SCHEMA = error("'response_format.type' must be 'json_object' or 'text'", param="response_format")
FASTAPI_FORM = {"detail": [{"loc": ["body", "response_format", "type"], "msg": "Input should be 'text'"}]}
BLIND_LLAMA_CPP = error("image input is not supported - hint: you may need to provide the mmproj", code=500)
BLIND_LM_STUDIO = error('Failed to parse messages: Unsupported content part type: "image_url"', code=500)
BLIND_VLLM = {"object": "error", "message": "llama-8b is not a multimodal model", "code": 400}
NO_MODEL = error('model "x" not found, try pulling it first', type="not_found_error")


@pytest.mark.parametrize(
    ("status", "body", "named"),
    [
        (400, NO_SCHEMA, "generate.reply_format to json or text"),
        (422, FASTAPI_FORM, "generate.reply_format"),
        (400, error("Failed to parse grammar"), "generate.reply_format"),
        (400, error("Unsupported value: 0.5", param="temperature"), "generate.temperature"),
        (400, error("max_tokens is too large: 8192", param="max_tokens"), "generate.max_output_tokens"),
        (400, error(LONG_VLLM.format(4096, 4096)), "generate.max_output_tokens"),
        (500, BLIND_LLAMA_CPP, "generate.model"),
        (400, BLIND_VLLM, "generate.model"),
        (500, BLIND_LM_STUDIO, "generate.model"),
        (400, error("this model is missing data required for image input"), "generate.model"),
        (404, NO_MODEL, "generate.model"),
        (404, b"404 page not found", "generate.endpoint"),
        (405, b"", "generate.endpoint"),
        (302, b"", "generate.endpoint"),
    ],
)
def test_a_request_refused_for_the_parameters_names_the_parameter(failure, status, body, named):
    usage = failure(status, body)
    assert isinstance(usage, ParameterError)
    assert named in str(usage)
    assert "\n" not in str(usage)


def test_what_a_schema_is_blamed_for_is_not_its_fault_where_none_was_sent(failure):
    assert isinstance(failure(400, NO_SCHEMA, form="text"), PermanentError)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (429, RateLimitError),
        (402, RateLimitError),
        ("503", TransientError),
        (401, InvalidKeyError),
        (None, TransientError),
    ],
)
def test_an_error_inside_a_200_is_what_its_code_says_in_its_own_words(failure, code, kind):
    usage = failure(200, error("Rate limit exceeded: free-models-per-min", code=code))
    assert type(usage) is kind and "free-models-per-min" in str(usage)


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504, 529])
def test_a_busy_server_is_passing(failure, status):
    usage = failure(status, b"<html>\nbusy\n</html>", {"Retry-After": "7"})
    assert type(usage) is TransientError
    assert (usage.kind, usage.delay, usage.reached) == (f"http {status}", 7.0, True)
    assert "\n" not in str(usage)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_taken(failure, status):
    said = f"Incorrect API key provided: {KEY} (sk-01*******cret)."
    usage = failure(status, error(said, code="invalid_api_key"))
    assert isinstance(usage, InvalidKeyError)
    assert "cret" not in str(usage)


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({}, None),
        ({"Retry-After": "20"}, 20),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "20", "retry-after-ms": "858"}, 0.858),
        ({"Retry-After": formatdate(1e9 + 90, usegmt=True), "Date": formatdate(1e9, usegmt=True)}, 90),
        ({"Retry-After": formatdate(1e9, usegmt=True), "Date": formatdate(1e9 + 5, usegmt=True)}, 0),
        ({"x-ratelimit-reset-requests": "1s"}, 1),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360),
        ({"x-ratelimit-reset-requests": "2m59.56s", "x-ratelimit-reset-tokens": "1h"}, 179.56),
        ({"x-ratelimit-reset-requests": "12ms", "x-ratelimit-reset-tokens": "9s"}, 0.012),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-reset-tokens": "9s",
                "x-ratelimit-remaining-tokens": "0",
            },
            9,
        ),
        ({"x-ratelimit-reset-requests": "1764000000"}, None),
    ],
)
def test_a_limit_names_its_delay(failure, headers, delay):
    usage = failure(429, error("slow down"), headers)
    assert isinstance(usage, RateLimitError)
    assert usage.delay == pytest.approx(delay)
    assert not usage.daily


def test_a_date_to_wait_for_is_read_by_our_own_clock_where_the_server_has_none(failure):
    usage = failure(429, {}, {"Retry-After": formatdate(time.time() + 60, usegmt=True), "Date": ""})
    assert 50 < usage.delay <= 60


LIMITS = {"x-ratelimit-limit-requests": "500", "x-ratelimit-limit-tokens": "30000"}
PER_MINUTE = {"requests_per_minute": 500, "tokens_per_minute": 30000}
RPM = "Rate limit reached for m in organization o on requests per min (RPM): Limit 3, Used 3. Please try again in 20s."
RPD = "Rate limit reached for m on requests per day (RPD): Limit 200, Used 200. Please try again in 7m12s. Visit"
TPM = "Rate limit reached on tokens per minute (TPM): Limit 6000, Used 5990. Please try again in 858ms."
TPD = "Rate limit reached on tokens per day (TPD): Limit 100000, Used 99990. Please try again in 1h2m."


@pytest.mark.parametrize(
    ("body", "headers", "limits", "daily", "delay"),
    [
        (error("slow down"), LIMITS, PER_MINUTE, False, None),
        (error("slow down"), {"x-ratelimit-limit-requests": "0"}, {}, False, None),
        (error(RPM), {}, {"requests_per_minute": 3}, False, 20),
        (error(TPM), LIMITS, PER_MINUTE | {"tokens_per_minute": 6000}, False, 0.858),
        (error(RPD), LIMITS, {"requests_per_day": 200}, True, 432),
        (error(TPD), LIMITS, {}, True, 3720),
        (error("You exceeded your current quota", code="insufficient_quota"), {}, {}, True, None),
    ],
)
def test_a_limit_names_the_quotas(failure, body, headers, limits, daily, delay):
    usage = failure(429, body, headers)
    assert (usage.limits, usage.daily) == (limits, daily)
    assert usage.delay == pytest.approx(delay)


def test_an_account_without_money_is_as_a_quota_used_up(failure):
    usage = failure(402, error("Insufficient Balance"))
    assert isinstance(usage, RateLimitError)
    assert usage.daily


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "Prompting with images is incompatible with system messages."),
        (400, "System role not supported"),
        (400, "Only user and assistant roles are supported!"),
    ],
)
def test_a_model_without_system_messages_gets_the_prompt_from_the_user_next_time(ask, status, message):
    server = Server(status, error(message))
    first, second = ask(server, times=2)
    assert isinstance(first, TransientError)
    assert first.kind == "reworded"
    assert second.kind != "reworded"  # another wording is not tried for ever
    (user,) = server.sent[1]["messages"]
    assert [part.get("text") for part in user["content"]] == ["Write pairs.", None, LISTING]


def test_a_model_that_wants_max_completion_tokens_gets_it_next_time(ask):
    said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    server = Server(400, error(said, param="max_tokens", code="unsupported_parameter"))
    first, _ = ask(server, times=2, max_output_tokens=77)
    assert first.kind == "reworded"
    assert "max_tokens" not in server.sent[1]
    assert server.sent[1]["max_completion_tokens"] == 77


def test_a_server_that_hangs_times_out_once(ask):
    server = Server(hangs=True)
    (usage,) = ask(server, timeout_seconds=1.5)
    assert type(usage) is TransientError
    assert (usage.kind, usage.reached, len(server.sent)) == ("timeout", True, 1)


def test_a_reply_that_breaks_off_is_passing(ask):
    server = Server(breaks_off=True)
    (usage,) = ask(server)
    assert type(usage) is TransientError
    assert (usage.kind, usage.reached, len(server.sent)) == ("reset", True, 1)


def ask_at(params) -> Any:
    async def run():
        async with connect(*params) as ask:
            return await ask(JPEG, LISTING, Prompt("p-v1", "Write pairs.", "text"), KEY)

    return asyncio.run(run())


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_where_no_server_is_none_is_reached(generate, host):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TransientError) as raised:
        ask_at(generate(f"http://{host}:{port}/v1"))
    assert (raised.value.kind, raised.value.reached) == ("unreachable", False)


def test_an_endpoint_that_is_no_url_is_named(generate):
    with pytest.raises(ParameterError, match="generate.endpoint"):
        ask_at(generate("http://localhost:port/v1"))


def test_a_picture_of_another_kind_is_refused_without_asking(generate):
    async def run(server):
        async with server.running() as endpoint, connect(*generate(endpoint)) as ask:
            with pytest.raises(PermanentError) as refused:
                await ask(b"GIF89a", LISTING, Prompt("p-v1", "Write pairs.", "text"), KEY)
            return refused.value.kind

    server = Server()
    assert asyncio.run(run(server)) == "undecodable"
    assert not server.sent


def test_cancelling_passes_through(generate):
    async def run(server):
        async with server.running() as endpoint, connect(*generate(endpoint)) as ask:
            asking = asyncio.create_task(ask(JPEG, LISTING, Prompt("p-v1", "Write pairs.", "text"), KEY))
            while not server.sent:
                await asyncio.sleep(0.01)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

    asyncio.run(run(Server(hangs=True)))


def test_each_key_is_sent_as_its_own(generate):
    async def run(server):
        async with server.running() as endpoint, connect(*generate(endpoint)) as ask:
            for key in ("first", "second", "first"):
                await ask(JPEG, LISTING, Prompt("p-v1", "Write pairs.", "text"), key)

    server = Server()
    asyncio.run(run(server))
    assert server.authorizations == ["Bearer first", "Bearer second", "Bearer first"]


def chain(exception: BaseException | None) -> list[BaseException]:
    """An exception and all that hang on it, whether they would be shown or not."""
    seen = []
    while exception is not None and exception not in seen:
        seen.append(exception)
        exception = exception.__cause__ or exception.__context__
    return seen


@pytest.mark.parametrize("status", [400, 401, 402, 404, 422, 429, 500])
def test_no_error_or_log_holds_the_key(failure, caplog, status):
    caplog.set_level(logging.DEBUG)
    # The key lies across the place where a long message is cut.
    body = error(f"{'x' * 280} {KEY} is wrong", code=KEY, param=KEY)
    usage = failure(status, body)
    assert len(chain(usage)) == 1
    told = "".join(traceback.format_exception(usage)) + repr(vars(usage)) + caplog.text
    assert KEY not in told
    assert KEY[:12] not in told


def test_a_server_that_breaks_off_tells_no_key(ask, caplog):
    caplog.set_level(logging.DEBUG)
    (usage,) = ask(Server(breaks_off=True))
    assert len(chain(usage)) == 1
    assert KEY not in str(usage) + caplog.text


@pytest.mark.parametrize("key", ["sk-schön", "sk-one\nsk-two"])
def test_a_key_that_no_header_can_hold_is_bad(ask, key):
    server = Server()
    (usage,) = ask(server, key=key)
    assert isinstance(usage, InvalidKeyError)
    assert "sk-" not in str(usage)
    assert not server.sent


def reading(content: Any, reason: Any = "stop", **message: Any):
    return parse_reply({"choices": [{"message": {"content": content} | message, "finish_reason": reason}]})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('{"qa_pairs": []}', '{"qa_pairs": []}'),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "thinking", "thinking": [{"text": "hm"}]}, "b"], "b"),
        ("<think>a {draft}</think>\n\n{}", "{}"),
        ("thoughts, opened by the server</think>{}", "{}"),
        ("<think>thoughts that were cut", ""),
        ("<thinking>a {draft}</thinking>{}", "{}"),
        ("\u25c1think\u25b7a {draft}\u25c1/think\u25b7\n{}", "{}"),
        ("[THINK]a {draft}[/THINK]{}", "{}"),
        (
            "<|channel|>analysis<|message|>a {draft}<|end|><|start|>assistant<|channel|>final<|message|>{}",
            "{}",
        ),
        ('{"answer": "</think>"}', '{"answer": "</think>"}'),
        ("half \ud83d", "half ?"),
        (None, ""),
        (7, ""),
    ],
)
def test_the_text_is_read_without_thoughts(content, text):
    assert reading(content).text == text


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_an_answer_that_a_server_took_for_a_thought_is_read(name):
    assert reading(None, **{name: "{}"}).text == "{}"
    assert reading("mine", **{name: "a thought"}).text == "mine"
    assert reading(None, "length", **{name: "a thought that was cut"}).text == ""


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("length", "max_tokens"),
        ("content_filter", "safety"),
        ("ABORT", "abort"),
        (None, "stop"),
    ],
)
def test_why_a_reply_ended_is_read(reason, finish):
    assert reading("{}", reason).finish == finish


def test_a_refusal_is_one_of_safety():
    assert reading(None, "stop", refusal="I can't help with that.").finish == "safety"


@pytest.mark.parametrize("reply", [{}, {"choices": []}, {"choices": [{}]}, {"choices": [{"message": None}]}])
def test_a_reply_without_anything_says_so(reply):
    found = parse_reply(reply)
    assert (found.text, found.finish) == ("", "no_reply")


def test_tokens_are_read_where_they_are_counted():
    found = parse_reply(REPLY)
    assert (found.input_tokens, found.output_tokens) == (700, 90)
    odd = parse_reply({"usage": {"prompt_tokens": "many", "completion_tokens": -1}})
    assert (odd.input_tokens, odd.output_tokens) == (0, 0)


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
anything = st.recursive(
    plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
message = anything | st.fixed_dictionaries({}, optional={"content": anything, "refusal": anything})
choice = anything | st.fixed_dictionaries({}, optional={"message": message, "finish_reason": anything})
usage = anything | st.fixed_dictionaries(
    {}, optional={"prompt_tokens": anything, "completion_tokens": anything}
)


@given(st.fixed_dictionaries({}, optional={"choices": anything | st.lists(choice), "usage": usage}))
def test_any_json_object_can_be_read(reply):
    found = parse_reply(reply)
    assert found.text.encode() is not None
    assert found.input_tokens >= 0
    assert found.output_tokens >= 0


def test_reading_does_not_load_the_sdk():
    code = (
        "import sys; from vqatune.generation.providers import load_provider;"
        "load_provider('openai').parse_reply({}); load_provider('local').parse_reply({});"
        "print(sorted({'openai', 'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
