"""The fake model server: the three SDKs accept it, it keeps its quotas, and it knows which settings it has.

Its behaviours are held by the tests that use them (tests/generation/client, tests/generation/prompts).
"""

import asyncio
import base64
import io
import json
import time

import openai
import pytest
import requests
from google import genai
from google.genai import types
from model_server import ModelServer, Quota, default_answer, picture

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


def ask(server, name="image00", key=KEY):
    headers = {"x-goog-api-key": key}
    return requests.post(server.url + PATH, json=gemini_body(name), headers=headers, timeout=5)


def chat_messages(name="image00"):
    url = "data:image/jpeg;base64," + base64.b64encode(picture(name)).decode()
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is it?"}]
    return [{"role": "user", "content": content}]


def lines(names):
    """The file of a batch job: a request about each image, whose name is its key."""
    written = ""
    for name in names:
        data = {"mime_type": "image/jpeg", "data": base64.b64encode(picture(name)).decode()}
        request = {"contents": [{"role": "user", "parts": [{"inline_data": data}]}]}
        written += json.dumps({"key": name, "request": request}) + "\n"
    return io.BytesIO(written.encode())


def new_client(server, key=KEY):
    options = types.HttpOptions(base_url=server.url, retry_options=types.HttpRetryOptions(attempts=1))
    return genai.Client(vertexai=False, api_key=key, http_options=options)


def gemini_parts(name="image00"):
    return [types.Part.from_bytes(data=picture(name), mime_type="image/jpeg"), "What is it?"]


def test_google_genai_is_answered_and_its_key_is_seen():
    with ModelServer(quotas={KEY: Quota()}, keep_bodies=True) as server:
        client = new_client(server)
        config = types.GenerateContentConfig(system_instruction="Be short.")
        reply = client.models.generate_content(model=MODEL, contents=gemini_parts(), config=config)
        later = asyncio.run(client.aio.models.generate_content(model=MODEL, contents=gemini_parts()))
        assert reply.text == later.text == json.dumps({"qa_pairs": default_answer("image00", 15)})
        assert reply.candidates[0].finish_reason == types.FinishReason.STOP
        usage = reply.usage_metadata
        assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count > 258
    first, second = server.ledger
    assert (first.key, first.kind, first.image, first.try_number) == (KEY, "generate", "image00", 1)
    assert first.tokens == usage.total_token_count and second.try_number == 2
    assert first.body["systemInstruction"]["parts"] == [{"text": "Be short."}]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_google_generativeai_over_rest_is_answered_and_its_key_is_seen():
    legacy = pytest.importorskip("google.generativeai")
    with ModelServer(quotas={KEY: Quota()}, plans={"image01": "safety", "image02": "blocked"}) as server:
        legacy.configure(api_key=KEY, transport="rest", client_options={"api_endpoint": server.url})
        model = legacy.GenerativeModel(MODEL, system_instruction="Be short.")
        options = {"retry": None, "timeout": 5}

        def replied(name):
            parts = [{"mime_type": "image/jpeg", "data": picture(name)}, "What is it?"]
            return model.generate_content(parts, request_options=options)

        assert len(json.loads(replied("image00").text)["qa_pairs"]) == 15
        assert replied("image01").candidates[0].finish_reason.name == "SAFETY"
        assert replied("image02").prompt_feedback.block_reason.name == "PROHIBITED_CONTENT"
    assert server.requests("key") == {KEY: 3} and server.answered() == {"image00": 1}


def test_openai_is_answered_and_its_key_is_seen():
    with ModelServer(quotas={KEY: Quota(requests_per_minute=9)}, plans={"image01": "cut_json"}) as server:
        client = openai.OpenAI(api_key=KEY, base_url=f"{server.url}/v1", max_retries=0)
        reply = client.chat.completions.with_raw_response.create(model=MODEL, messages=chat_messages())
        assert len(json.loads(reply.parse().choices[0].message.content)["qa_pairs"]) == 15
        assert reply.parse().usage.total_tokens == server.ledger[0].tokens
        assert reply.headers["x-ratelimit-remaining-requests"] == "8"
        assert (
            client.chat.completions.create(model=MODEL, messages=chat_messages("image01"))
            .choices[0]
            .finish_reason
            == "length"
        )
        assert [model.id for model in client.models.list()] == []
    assert server.requests("key") == {KEY: 2} and server.ledger[0].kind == "chat"


def new_job(client, names, title="job"):
    about = types.UploadFileConfig(mime_type="application/jsonl", display_name=title)
    file = client.files.upload(file=lines(names), config=about)
    return client.batches.create(model=MODEL, src=file.name, config={"display_name": title})


def results(client, job):
    return client.files.download(file=job.dest.file_name).decode().splitlines()


def test_a_batch_job_is_uploaded_polled_and_downloaded():
    names = [f"image{number:02d}" for number in range(6)]
    plans = {"image01": ["503"], "image02": ["safety"], "image03": ["reset"], "image04": ["html"]}
    with ModelServer(batch_polls=3, plans=plans, quotas={KEY: Quota(requests_per_minute=0)}) as server:
        client = new_client(server)
        job = new_job(client, names)
        states = [job.state.name]
        while not job.done:
            assert not server.answered()
            job = client.batches.get(name=job.name)
            states.append(job.state.name.removeprefix("JOB_STATE_"))
        assert states == ["JOB_STATE_PENDING", "PENDING", "RUNNING", "SUCCEEDED"]
        first, failed, unsafe, broken, last = results(client, job)
    assert json.loads(first)["key"] == "image00" and json.loads(last)["key"] == "image05"
    reply = types.GenerateContentResponse.model_validate(json.loads(first)["response"])
    assert len(json.loads(reply.text)["qa_pairs"]) == 15
    assert json.loads(failed) == {"key": "image01", "error": {"code": 14, "message": failed.split('"')[-2]}}
    assert json.loads(unsafe)["response"]["candidates"][0]["finishReason"] == "SAFETY"
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(broken)
    assert server.answered() == {"image00": 1, "image05": 1}
    assert server.requests("kind") == {"batch": 6} and server.worst_window(KEY) == (0, 0, 0)


def test_over_its_quota_a_key_is_told_the_quota_and_just_when_to_come_back():
    quota = Quota(requests_per_minute=1)
    with ModelServer(quotas={KEY: quota, "other": quota}, minute=1.0) as server:
        assert ask(server).status_code == 200
        refused = ask(server)
        assert refused.status_code == 429 and refused.json()["error"]["status"] == "RESOURCE_EXHAUSTED"
        failure, info = refused.json()["error"]["details"]
        [violation] = failure["violations"]
        assert violation["quotaId"] == "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
        assert violation["quotaValue"] == "1"
        assert ask(server, key="other").status_code == 200
        delay = float(info["retryDelay"].removesuffix("s"))
        assert 0 < delay <= 1
        time.sleep(delay)
        assert ask(server).status_code == 200
    assert server.worst_window(KEY)[:2] == (1, 2)
    turned_away = server.ledger[1]
    assert (turned_away.behaviour, turned_away.accepted, turned_away.try_number) == ("quota", False, 0)


def test_unknown_settings_are_errors():
    for wrong in ({"plans": {"*": "explode"}}, {"chaos": {"ko": 0.1}}, {"service_plans": {"jobz": []}}):
        with pytest.raises(ValueError, match="knows no"):
            ModelServer(**wrong)
