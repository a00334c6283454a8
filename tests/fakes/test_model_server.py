import asyncio
import base64
import io
import json
import socket
import time
from collections import Counter

import aiohttp
import pytest
import requests
from model_server import BEHAVIOURS, GOOD, ModelServer, Quota, default_answer, image_name, picture
from PIL import Image

KEY = "not-a-real-key"
MODEL = "gemini-test"
PATH = f"/v1beta/models/{MODEL}:generateContent"


@pytest.fixture(autouse=True)
def without_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def gemini_body(name="image00", text="What is it?"):
    data = base64.b64encode(picture(name)).decode()
    return {
        "contents": [{"parts": [{"inlineData": {"mimeType": "image/jpeg", "data": data}}, {"text": text}]}]
    }


def chat_body(name="image00"):
    url = "data:image/jpeg;base64," + base64.b64encode(picture(name)).decode()
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is it?"}]
    return {"model": MODEL, "messages": [{"role": "user", "content": content}]}


def ask(server, name="image00", key=KEY, **more):
    headers = {"x-goog-api-key": key}
    return requests.post(server.url + PATH, json=gemini_body(name), headers=headers, timeout=5, **more)


def ask_chat(server, name="image00", key=KEY):
    headers = {"Authorization": f"Bearer {key}"}
    return requests.post(
        f"{server.url}/v1/chat/completions", json=chat_body(name), headers=headers, timeout=5
    )


def text_of(reply):
    return reply.json()["candidates"][0]["content"]["parts"][0]["text"]


def test_over_its_quota_a_key_is_told_the_quota_and_just_when_to_come_back():
    quota = Quota(requests_per_minute=3)
    with ModelServer(quotas={KEY: quota, "other": quota}, minute=0.4) as server:
        assert [ask(server, f"image{number}").status_code for number in range(3)] == [200] * 3
        refused = ask(server)
        assert refused.status_code == 429 and refused.json()["error"]["status"] == "RESOURCE_EXHAUSTED"
        failure, info = refused.json()["error"]["details"]
        [violation] = failure["violations"]
        assert violation["quotaId"] == "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
        assert violation["quotaValue"] == "3"
        assert ask(server, key="other").status_code == 200
        delay = float(info["retryDelay"].removesuffix("s"))
        assert 0.1 < delay <= 0.4
        time.sleep(delay)
        assert ask(server).status_code == 200
    assert server.worst_window(KEY)[:2] == (3, 4)
    turned_away = server.ledger[3]
    assert (turned_away.behaviour, turned_away.accepted, turned_away.try_number) == ("quota", False, 0)


def test_quotas_of_tokens_and_days_are_kept_and_a_burst_is_let_in():
    quotas = {"tokens": Quota(tokens_per_minute=700), "day": Quota(requests_per_day=2)}
    quotas["burst"] = Quota(requests_per_minute=2, burst=3)
    with ModelServer(quotas=quotas, minute=0.05, day=60.0) as server:
        # The minute is over long before the day is.
        statuses = {key: [] for key in quotas}
        for key in quotas:
            server.minute = 60.0 if key != "day" else 0.05
            for _ in range(6):
                statuses[key].append(ask(server, key=key))
                time.sleep(0.02 if key == "day" else 0)
        assert [reply.status_code for reply in statuses["tokens"]] == [200] * 2 + [429] * 4
        assert [reply.status_code for reply in statuses["day"]] == [200] * 2 + [429] * 4
        assert [reply.status_code for reply in statuses["burst"]] == [200] * 5 + [429]
    named = {
        key: replies[-1].json()["error"]["details"][0]["violations"] for key, replies in statuses.items()
    }
    assert named["tokens"][0]["quotaId"] == "GenerateContentInputTokensPerModelPerMinute-FreeTier"
    assert named["day"][0]["quotaId"] == "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
    assert statuses["day"][-1].json()["error"]["details"][1]["retryDelay"].startswith("59.")


def test_a_refusal_may_tell_the_delay_in_a_header_or_tell_nothing():
    with ModelServer(
        quotas={KEY: Quota(requests_per_minute=1)}, retry_after=True, tell_quota=False
    ) as server:
        ask(server)
        reply = ask(server)
        assert 59 < float(reply.headers["Retry-After"]) <= 60 and "details" not in reply.json()["error"]
        chat = ask_chat(server)
        assert (
            59 < float(chat.headers["retry-after"]) <= 60 and "x-ratelimit-limit-requests" not in chat.headers
        )
        assert chat.json()["error"]["code"] == "rate_limit_exceeded"
        server.tell_delay = False
        assert "Retry-After" not in ask(server).headers and "retry-after" not in ask_chat(server).headers


def test_bad_keys_are_refused_as_google_and_openai_refuse_them():
    with ModelServer(quotas={KEY: Quota()}, bad_keys={"leaked": 403}) as server:
        unknown, leaked, chat = (
            ask(server, key="nobody"),
            ask(server, key="leaked"),
            ask_chat(server, key="x"),
        )
        assert unknown.status_code == 400 and unknown.json()["error"]["status"] == "INVALID_ARGUMENT"
        assert unknown.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"
        assert "nobody" in unknown.text and "leaked" in leaked.text
        assert leaked.status_code == 403 and leaked.json()["error"]["status"] == "PERMISSION_DENIED"
        assert chat.status_code == 401 and chat.json()["error"]["code"] == "invalid_api_key"
    assert server.requests("behaviour") == {"bad_key": 3} and not server.answered()


def test_plans_are_used_up_one_request_at_a_time_and_those_without_one_share_another():
    with ModelServer(plans={"image00": ["503", "429 0.5", 500], "image01": "refused"}) as server:
        replies = [ask(server) for _ in range(4)]
        assert [reply.status_code for reply in replies] == [503, 429, 500, 200]
        assert replies[1].json()["error"]["details"][0]["retryDelay"] == "0.500s"
        assert [ask(server, "image01").status_code for _ in range(3)] == [400] * 3
        server.plans["*"] = "503"
        assert ask(server, "image02").status_code == 503
        del server.plans["*"]
        assert ask(server, "image02").status_code == 200
    assert server.answered() == {"image00": 1, "image02": 1}
    assert server.requests() == {"image00": 4, "image01": 3, "image02": 2}


@pytest.mark.parametrize("send", [ask, ask_chat])
def test_every_behaviour_is_what_a_client_sees(send):
    statuses = {"refused": 400, "too_large": 413, "model_missing": 404}
    with ModelServer() as server:
        for name in sorted(BEHAVIOURS - {"hang"}):
            server.plans = {"image00": ["slow 0.05" if name == "slow" else name]}
            before = time.monotonic()
            if name.startswith("reset"):
                with pytest.raises(requests.RequestException) as caught:
                    send(server)
                # Half a reply is another failure than none.
                assert ("reset by peer" in str(caught.value)) == (name == "reset")
                continue
            reply = send(server)
            seconds = time.monotonic() - before
            wanted = int(name) if name.isdigit() else statuses.get(name, 200)
            assert reply.status_code == server.ledger[-1].status == wanted, name
            assert server.ledger[-1].answered == (wanted == 200)
            assert seconds >= 0.05 or name != "slow"
            if name == "html":
                assert reply.text.startswith("<!DOCTYPE html>")
            if name == "not_json":
                with pytest.raises(requests.JSONDecodeError):
                    reply.json()
    assert set(server.requests("behaviour")) == BEHAVIOURS - {"hang", "slow"} | {"slow 0.05"}
    assert server.answered() == {"image00": len(GOOD)}


def test_the_texts_and_finish_reasons_of_replies_are_those_of_their_behaviours():
    def seen(name):
        server.plans = {"image00": ["slow 0.01" if name == "slow" else name]}
        return ask(server).json()

    with ModelServer(
        pairs=2, answer=lambda name: [{"question": f"What is {name}?", "answer": "lamp"}] * 2
    ) as server:
        texts = {name: seen(name)["candidates"][0]["content"]["parts"] for name in GOOD}
        whole = json.dumps({"qa_pairs": server.answer("image00")})
        assert texts["ok"] == texts["slow"] == [{"text": whole}]
        assert (
            texts["thinking"][0]["thought"]
            and "".join(part["text"] for part in texts["thinking"][1:]) == whole
        )
        assert "```json\n{" in texts["fenced"][0]["text"]
        assert texts["csv"][0]["text"].splitlines()[1].startswith("What is image00?,lamp")
        assert texts["separators"][0]["text"] == "What is image00?#lamp%What is image00?#lamp"
        assert whole.startswith(texts["cut_json"][0]["text"]) and len(texts["cut_json"][0]["text"]) < len(
            whole
        )
        assert seen("cut_json")["candidates"][0]["finishReason"] == "MAX_TOKENS"
        for name in ("safety", "recitation"):
            [candidate] = seen(name)["candidates"]
            assert candidate["finishReason"] == name.upper() and "content" not in candidate
        assert seen("blocked")["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
        assert "candidates" not in seen("empty") and seen("list") == []


def test_a_hang_lasts_until_the_client_goes():
    with ModelServer(plans={"image00": ["hang"]}) as server:
        headers = {"x-goog-api-key": KEY}
        with pytest.raises(requests.ReadTimeout):
            requests.post(server.url + PATH, json=gemini_body(), headers=headers, timeout=0.1)
        server.wait_until(lambda server: server.in_flight == 0)
        assert ask(server).status_code == 200
    assert [entry.answered for entry in server.ledger] == [False, True]


def test_a_server_stops_at_once_while_a_client_waits_and_starts_again_on_its_port():
    body = json.dumps(gemini_body()).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with (
        ModelServer(plans={"*": "hang"}) as server,
        socket.create_connection(("127.0.0.1", server.port)) as line,
    ):
        line.sendall(head + body)
        server.wait_until(lambda server: server.in_flight == 1)
        before = time.monotonic()
    assert time.monotonic() - before < 1
    with pytest.raises(requests.ConnectionError):
        ask(server)
    with ModelServer(port=server.port) as again:
        assert again.url == server.url and ask(again).status_code == 200


def test_chaos_and_latency_are_the_same_in_every_run():
    def run(seed):
        chaos = {"503": 0.3, "safety": 0.2}
        with ModelServer(chaos=chaos, seed=seed, latency=(0.0, 0.002)) as server:
            for number in range(40):
                ask(server, f"image{number % 20}")
        return [(entry.image, entry.try_number, entry.behaviour) for entry in server.ledger]

    first = run(1)
    assert first == run(1) != run(2)
    counts = Counter(behaviour for _, _, behaviour in first)
    assert set(counts) == {"503", "safety", "ok"} and counts["ok"] >= 10


def test_hundreds_of_requests_at_once_are_counted_and_none_beyond_the_quota_is_let_in():
    async def flood(server):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def one(number):
                headers = {"x-goog-api-key": KEY}
                async with session.post(
                    server.url + PATH, json=gemini_body(f"image{number}"), headers=headers
                ) as reply:
                    return reply.status

            return Counter(await asyncio.gather(*(one(number) for number in range(300))))

    with ModelServer(quotas={KEY: Quota(requests_per_minute=120)}, latency=0.3) as server:
        assert asyncio.run(flood(server)) == {200: 120, 429: 180}
    assert server.max_in_flight >= 120 and server.in_flight == 0
    assert server.worst_window(KEY)[:2] == (120, 300)
    assert set(server.answered().values()) == {1} and len(server.answered()) == 120


def test_unknown_models_paths_and_bodies_are_refused_and_unknown_settings_are_errors():
    with ModelServer(models=["another"]) as server:
        assert (
            ask(server).status_code == 404 and ask_chat(server).json()["error"]["code"] == "model_not_found"
        )
        assert (
            requests.get(f"{server.url}/v1beta/models/another", timeout=5).json()["name"] == "models/another"
        )
        assert requests.get(f"{server.url}/nothing", timeout=5).status_code == 404
        assert requests.post(server.url + PATH, data=b"{", timeout=5).status_code == 400
    for wrong in ({"plans": {"*": "explode"}}, {"chaos": {"ko": 0.1}}, {"service_plans": {"jobz": []}}):
        with pytest.raises(ValueError, match="knows no"):
            ModelServer(**wrong)


def test_images_are_named_by_what_follows_the_signature_and_real_ones_by_a_digest():
    assert image_name(picture("image07")) == "image07"
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    assert image_name(buffer.getvalue()).startswith("picture-")


def test_default_pairs_are_distinct_and_depend_on_the_name():
    pairs = default_answer("image00", 40)
    assert len({pair["question"] for pair in pairs}) == 40
    assert default_answer("image00", 40) == pairs != default_answer("image01", 40)
