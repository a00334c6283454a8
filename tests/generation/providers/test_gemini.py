"""Both SDKs, against a server of canned answers: what they send, and what becomes of what comes back."""

import asyncio
import importlib.util
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest

from vqatune.errors import ParameterError
from vqatune.generation.prompts.prompt import SCHEMA
from vqatune.generation.providers import load_provider
from vqatune.generation.providers.errors import (
    InvalidKeyError,
    PermanentError,
    RateLimitError,
    TransientError,
)

spec = importlib.util.spec_from_file_location("canned_gemini", Path(__file__).with_name("canned_gemini.py"))
canned = importlib.util.module_from_spec(spec)
spec.loader.exec_module(canned)
KEY, error = canned.KEY, canned.error


@pytest.fixture(scope="module")
def shared_server():
    with canned.Server() as server:
        yield server


@pytest.fixture
def server(shared_server, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    shared_server.plan, shared_server.asked, shared_server.together = [], [], None
    return shared_server


@pytest.fixture(scope="module", params=canned.SDKS)
def sdk(request):
    return request.param


@pytest.fixture
def make_params(server, sdk):
    return lambda **changes: canned.make_params(**{"endpoint": server.url, "sdk": sdk} | changes)


@pytest.fixture(scope="module")
def ask_opened(shared_server, sdk):
    """Asks once, by a provider that stays open: to open one for each answer takes longer than the answer."""
    with asyncio.Runner() as runner:
        provider = load_provider(sdk).connect(canned.make_params(shared_server.url, sdk), None)
        ask = runner.run(provider.__aenter__())

        async def once():
            [came] = await asyncio.gather(
                ask(canned.IMAGE, canned.LISTING, canned.make_prompt(), KEY), return_exceptions=True
            )
            return came

        yield lambda: runner.run(once())
        runner.run(provider.__aexit__(None, None, None))


@pytest.fixture
def ask_planned(server, make_params, ask_opened):
    """Asks once, where the server's answer is the given one, and sees that it was asked once."""

    def run(answer, **changes):
        server.plan, server.asked = [answer], []
        came = canned.ask(make_params(**changes)) if changes else ask_opened()
        assert len(server.asked) == 1
        return came

    return run


def test_a_reply_comes_back_as_it_was_sent(server, make_params, sdk):
    reply = canned.ask(make_params())
    assert reply == canned.REPLY
    parsed = load_provider(sdk).parse_reply(reply)
    assert (parsed.text, parsed.finish) == ('{"qa_pairs": []}', "stop")
    assert (parsed.input_tokens, parsed.output_tokens) == (300, 45)


@pytest.mark.parametrize("form", ["schema", "json", "text"])
def test_what_is_sent(server, make_params, sdk, form):
    canned.ask(make_params(temperature=0.25, max_output_tokens=777), form=form)
    [(path, headers, body)] = server.asked
    assert path == canned.PATH and headers["x-goog-api-key"] == KEY
    assert body["systemInstruction"]["parts"] == [{"text": canned.make_prompt().text}]
    [content] = body["contents"]
    assert content["role"] == "user" and content["parts"][1:] == [{"text": canned.LISTING}]
    assert canned.image_of(body) == ("image/jpeg", canned.IMAGE)
    config = body["generationConfig"]
    assert (config["temperature"], config["maxOutputTokens"]) == (0.25, 777)
    assert config.get("responseMimeType") == (None if form == "text" else "application/json")
    if sdk == "gemini":
        assert config.get("responseJsonSchema") == (SCHEMA if form == "schema" else None)
    else:
        assert ("responseSchema" in config) == (form == "schema")


def test_the_models_own_temperature_is_not_sent_and_a_models_name_may_have_its_folder(server, make_params):
    canned.ask(make_params(model="models/gemini-test", endpoint=f"{server.url}/gateway/"))
    [(path, _, body)] = server.asked
    assert path == "/gateway" + canned.PATH and "temperature" not in body["generationConfig"]


def test_each_key_has_requests_of_its_own(server, make_params, sdk, monkeypatch):
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "from-the-environment")

    async def run():
        async with load_provider(sdk).connect(make_params(), None) as ask:
            for key in ("one", "two", "one"):
                await ask(canned.IMAGE, canned.LISTING, canned.make_prompt(), key)

    asyncio.run(run())
    assert [headers["x-goog-api-key"] for _, headers, _ in server.asked] == ["one", "two", "one"]


def test_a_hundred_requests_are_under_way_at_once(server, make_params, caplog):
    # No request is answered before the last one is there.
    server.together = threading.Barrier(100)
    came = asyncio.run(canned.ask_all(make_params(concurrency=100, timeout_seconds=20), count=100))
    assert came == [canned.REPLY] * 100 and len(server.asked) == 100
    assert not caplog.records


def test_a_proxy_is_taken_from_the_environment(server, make_params, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    assert canned.ask(make_params(endpoint="http://gemini.invalid")) == canned.REPLY
    assert server.asked[0][0] == "http://gemini.invalid" + canned.PATH


MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
TOKENS = "GenerateContentInputTokensPerModelPerMinute-FreeTier"
DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
QUOTA = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("answer", "delay", "limits", "daily"),
    [
        (
            error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
            None,
            {},
            False,
        ),
        ((429, b"<html>slow down</html>", {"Content-Type": "text/html", "Retry-After": "4"}), 4, {}, False),
        (
            error(
                429,
                "RESOURCE_EXHAUSTED",
                QUOTA + "\nPlease retry in 5.5s.",
                canned.quota_failure(canned.violation(MINUTE, "15"), canned.violation(TOKENS, "250000")),
                canned.retry_info("7.3s"),
            ),
            7.3,
            {"requests_per_minute": 15, "tokens_per_minute": 250000},
            False,
        ),
        (
            error(
                429,
                "RESOURCE_EXHAUSTED",
                QUOTA,
                canned.quota_failure(canned.violation(DAY, "200")),
                canned.retry_info("120ms"),
            ),
            0.12,
            {"requests_per_day": 200},
            True,
        ),
        (
            error(
                429,
                "RESOURCE_EXHAUSTED",
                QUOTA,
                canned.quota_failure(
                    canned.violation("GenerateContentInputTokensPerModelPerDay-FreeTier", "60")
                ),
            ),
            None,
            {},
            True,
        ),
        (
            error(429, "RESOURCE_EXHAUSTED", QUOTA, canned.quota_failure(canned.violation(DAY))),
            None,
            {},
            True,
        ),
    ],
)
def test_a_429_says_how_long_and_what_is_allowed(ask_planned, answer, delay, limits, daily):
    failure = ask_planned(answer)
    assert type(failure) is RateLimitError and failure.kind == "429"
    assert (failure.delay, failure.limits, failure.daily) == (delay, limits, daily)


@pytest.mark.parametrize(
    ("answer", "kind", "delay"),
    [
        (error(500, "INTERNAL", "An internal error has occurred."), "http 500", None),
        (error(503, "UNAVAILABLE", "The model is overloaded.", canned.retry_info("2s")), "http 503", 2),
        (
            error(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
            "http 504",
            None,
        ),
        ((502, b"<html>bad gateway</html>", {"Content-Type": "text/html"}), "http 502", None),
        ((503, b"not JSON", {"Retry-After": "3"}), "http 503", 3),
        ((504, b"\xff\xfe\xff"), "http 504", None),
        ((500, [[]]), "http 500", None),
        ((500, {"error": "text"}), "http 500", None),
        ((500, {"error": {"status": 3, "message": [], "details": {"retryDelay": "1s"}}}), "http 500", None),
        ((500, [error(500, "INTERNAL")[1]]), "http 500", None),
        (error(408, "TIMEOUT"), "http 408", None),
        (error(499, "CANCELLED", "The operation was cancelled."), "http 499", None),
        (error(400, "DEADLINE_EXCEEDED"), "http 400", None),
        ((204, b""), "http 204", None),
        ((200, error(503, "UNAVAILABLE")[1]), "http 503", None),
        ((200, b"<html>log in to the network</html>", {"Content-Type": "text/html"}), "not a reply", None),
        ((200, b"\xff\xfe\xff"), "not a reply", None),
        ((200, b"[" * 100_000), "not a reply", None),
        ((200, b""), "not a reply", None),
        ((200, []), "not a reply", None),
        ((200, {"hello": "world"}), "not a reply", None),
        ("reset", "reset", None),
        ("cut", "reset", None),
        ("gibberish", "reset", None),
        ((200, b"no gzip", {"Content-Encoding": "gzip"}), "reset", None),
    ],
)
def test_temporary_failures_are_transient_errors(ask_planned, answer, kind, delay):
    failure = ask_planned(answer)
    assert type(failure) is TransientError and failure.reached
    assert (failure.kind, failure.delay) == (kind, delay)


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_server_that_does_not_finish_is_left_after_the_timeout(ask_planned, how):
    start = time.monotonic()
    failure = ask_planned(how, timeout_seconds=0.4)
    assert time.monotonic() - start < 20
    assert type(failure) is TransientError and failure.reached and failure.kind == "timeout"
    assert str(failure) == "no reply within 0.4 s"


def test_where_no_server_is_none_is_reached(make_params):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for endpoint in (refusing, "http://no-such-host.invalid", refusing.replace("http:", "https:")):
            failure = canned.ask(make_params(endpoint=endpoint))
            assert type(failure) is TransientError and not failure.reached and failure.kind == "unreachable"
            assert KEY not in str(failure) and "\n" not in str(failure)


@pytest.mark.skipif(sys.platform != "linux", reason="others answer a connection that nobody waits for")
def test_a_connection_that_does_not_come_about_in_time_reaches_nobody(make_params):
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        endpoint = f"http://127.0.0.1:{full.getsockname()[1]}"
        failure = canned.ask(make_params(endpoint=endpoint, timeout_seconds=0.5))
    assert type(failure) is TransientError and not failure.reached and failure.kind == "unreachable"


NOT_FOUND = "models/gemini-test is not found for API version v1beta"
LEAKED = "Your API key was reported as leaked. Please use another API key."


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(400, "INVALID_ARGUMENT", "API key not valid.", canned.reason("API_KEY_INVALID")), "bad key"),
        (error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), "bad key"),
        (error(400, "INVALID_ARGUMENT", "API key expired.", canned.reason("API_KEY_EXPIRED")), "bad key"),
        (error(401, "UNAUTHENTICATED", "Request had invalid credentials."), "bad key"),
        (error(403, "PERMISSION_DENIED", f"Consumer 'api_key:{KEY}' has been suspended."), "bad key"),
        (error(403, "PERMISSION_DENIED", LEAKED), "bad key"),
        (error(403, "PERMISSION_DENIED", "Your project has been denied access."), "bad key"),
        (error(400, "FAILED_PRECONDITION", "Not in your country. Please enable billing."), "bad key"),
        (error(429, "RESOURCE_EXHAUSTED", QUOTA + "\n* Quota exceeded, limit: 0, model: x"), "no quota"),
    ],
)
def test_a_key_that_is_not_taken_is_told_as_a_bad_key(ask_planned, answer, kind):
    failure = ask_planned(answer)
    assert type(failure) is InvalidKeyError and failure.kind == kind
    assert "HTTP" in str(failure) and KEY not in str(failure)


def test_a_key_that_cannot_be_one_is_not_sent(server, make_params):
    for key in ("", "two\nlines", "schlüssel"):
        assert type(canned.ask(make_params(), key=key)) is InvalidKeyError
    assert not server.asked


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(400, "INVALID_ARGUMENT", "Unable to process input image. Please retry or report."), "refused"),
        (
            error(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum allowed (8)."),
            "refused",
        ),
        ((400, b"?"), "refused"),
        (error(422, "", "odd"), "refused"),
        (error(413, "", "Request Entity Too Large"), "too large"),
        (
            error(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
            "too large",
        ),
    ],
)
def test_what_is_refused_for_the_images_sake_is_told_as_refused(ask_planned, answer, kind):
    failure = ask_planned(answer)
    assert type(failure) is PermanentError and failure.kind == kind


def test_an_image_of_another_kind_is_not_sent(server, make_params):
    failure = canned.ask(make_params(), image=b"GIF89a")
    assert type(failure) is PermanentError and failure.kind == "unsupported image"
    assert not server.asked


BAD_FIELD = {
    "fieldViolations": [{"field": "generation_config.response_schema", "description": "Unknown name"}]
}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (error(404, "NOT_FOUND", NOT_FOUND), "generate.model or generate.endpoint: .*is not found"),
        ((404, b"<html>nothing here</html>", {"Content-Type": "text/html"}), "generate.endpoint: .*HTTP 404"),
        ((405, b""), "generate.endpoint"),
        ((302, b"", {"Location": "/elsewhere"}), "generate.endpoint: .*HTTP 302"),
        (
            error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
            "User location",
        ),
        (error(403, "PERMISSION_DENIED", "Not available in your region"), "generate.provider"),
        (error(400, "INVALID_ARGUMENT", "Invalid JSON payload", BAD_FIELD), "generate.reply_format"),
        (error(400, "INVALID_ARGUMENT", "* GenerateContentRequest.generation_config.x: no"), "reply_format"),
        (
            error(400, "INVALID_ARGUMENT", "Manually set deadline 5s is too short."),
            "generate.timeout_seconds",
        ),
        (
            error(400, "INVALID_ARGUMENT", "Developer instruction is not enabled for this model"),
            "another model",
        ),
    ],
)
def test_what_would_meet_every_image_names_the_parameter(ask_planned, answer, said):
    failure = ask_planned(answer)
    with pytest.raises(ParameterError, match=said):
        raise failure
    assert "\n" not in str(failure)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "no such: model?"),
        ("model", "a..b"),
        ("model", "../x"),
        ("endpoint", "http://127.0.0.1:99999"),
    ],
)
def test_a_parameter_that_cannot_be_is_named_before_anything_is_sent(server, make_params, name, value):
    with pytest.raises(ParameterError, match=rf"^generate\.{name}: "):
        raise canned.ask(make_params(**{name: value}))
    assert not server.asked


def holds_key(failure):
    """Whether a failure, or any that it hangs together with, holds the key in any of its words."""
    chain = []
    while failure is not None and failure not in chain:
        chain.append(failure)
        failure = failure.__cause__ or failure.__context__
    seen = [repr(one) + str(one) + repr(one.args) + repr(vars(one)) for one in chain]
    return KEY in "".join(seen) + "".join(traceback.format_exception(chain[0]))


@pytest.mark.parametrize(
    "answer",
    [
        error(500, "INTERNAL", f"trouble with {KEY}"),
        error(429, KEY, KEY, canned.retry_info(KEY), canned.quota_failure(canned.violation(KEY, KEY))),
        error(404, "NOT_FOUND", f"{'x' * 280}{KEY}"),
        error(403, "PERMISSION_DENIED", f"Consumer 'api_key:{KEY}'"),
        error(400, "INVALID_ARGUMENT", f"generation_config {KEY}"),
        (502, KEY.encode()),
        (200, KEY.encode()),
        (302, b"", {"Location": f"http://127.0.0.1/?key={KEY}"}),
        "reset",
        "cut",
        "drip",
    ],
)
def test_no_failure_and_no_warning_holds_the_key(ask_planned, answer, caplog, capfd):
    failure = ask_planned(answer, **{"timeout_seconds": 0.3} if answer == "drip" else {})
    assert isinstance(failure, Exception) and not holds_key(failure)
    shown = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert KEY not in "".join(shown) + "".join(capfd.readouterr())


def test_where_the_server_is_gone_no_failure_holds_the_key(make_params):
    assert not holds_key(canned.ask(make_params(endpoint="http://127.0.0.1:9")))
    assert not holds_key(canned.ask(make_params(endpoint="http://127.0.0.1:99999")))


def test_a_request_that_is_cancelled_ends_at_once(server, make_params, sdk):
    server.plan = ["hang"]

    async def run():
        async with load_provider(sdk).connect(make_params(timeout_seconds=60), None) as ask:
            task = asyncio.create_task(ask(canned.IMAGE, canned.LISTING, canned.make_prompt(), KEY))
            while not server.asked:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await ask(canned.IMAGE, canned.LISTING, canned.make_prompt(), KEY)

    start = time.monotonic()
    assert asyncio.run(run()) == canned.REPLY
    assert time.monotonic() - start < 30


END = """
import asyncio, importlib.util, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
spec = importlib.util.spec_from_file_location("canned_gemini", sys.argv[1])
canned = importlib.util.module_from_spec(spec)
spec.loader.exec_module(canned)
try:
    asyncio.run(canned.ask_all(canned.make_params(sys.argv[3], sys.argv[2], timeout_seconds=60)))
except KeyboardInterrupt:
    print("given up", flush=True)
"""


def test_a_process_that_is_interrupted_ends_without_waiting_for_the_server(server, sdk):
    server.plan = ["hang"]
    command = [sys.executable, "-W", "error", "-c", END, canned.__file__, sdk, server.url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not server.asked:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=50) == ("given up\n", "") and process.returncode == 0
