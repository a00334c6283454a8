import asyncio
import base64
import io
import json

import httpx2
import openai
import pytest
from google import genai
from google.genai import errors, types
from model_server import ModelServer, Quota, default_answer, picture

KEY = "not-a-real-key"
MODEL = "gemini-test"


@pytest.fixture(autouse=True)
def without_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


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


def test_a_429_and_a_bad_key_are_errors_that_google_genai_can_read():
    with ModelServer(quotas={KEY: Quota(requests_per_minute=1)}) as server:
        client, stranger = new_client(server), new_client(server, "nobody")
        client.models.generate_content(model=MODEL, contents=gemini_parts())
        with pytest.raises(errors.APIError) as caught:
            client.models.generate_content(model=MODEL, contents=gemini_parts())
        with pytest.raises(errors.APIError) as refused:
            stranger.models.generate_content(model=MODEL, contents=gemini_parts())
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    failure, info = caught.value.details["error"]["details"]
    assert failure["violations"][0]["quotaValue"] == "1" and 59 < float(info["retryDelay"][:-1]) <= 60
    assert refused.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"


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


def test_jobs_end_otherwise_are_cancelled_listed_in_pages_and_belong_to_a_key():
    with ModelServer(batch_polls=1, job_ends=["FAILED", "EXPIRED"]) as server:
        client, other = new_client(server), new_client(server, "another-key")
        jobs = [new_job(client, ["image00"], f"job {number}") for number in range(4)]
        client.batches.cancel(name=jobs[2].name)
        ended = [client.batches.get(name=job.name) for job in jobs]
        states = [job.state.name.removeprefix("JOB_STATE_") for job in ended]
        assert states == ["FAILED", "EXPIRED", "CANCELLED", "SUCCEEDED"]
        assert [job.dest is None for job in ended] == [True, True, True, False]
        listed = [job.display_name for job in client.batches.list(config={"page_size": 3})]
        assert listed == ["job 3", "job 2", "job 1", "job 0"] and not list(other.batches.list())
        for look in (
            lambda: other.batches.get(name=jobs[0].name),
            lambda: other.files.download(file=ended[3].dest.file_name),
            lambda: other.batches.create(model=MODEL, src="files/upload0002"),
            lambda: client.files.download(file="files/upload0002"),
        ):
            with pytest.raises(errors.ClientError):
                look()
        client.batches.delete(name=jobs[0].name)
        assert len(list(client.batches.list())) == 3
    assert server.answered() == {"image00": 1}


def test_a_job_may_be_made_without_its_client_hearing_of_it():
    with ModelServer(
        service_plans={"create": ["503", "reset", "reset_midway"], "job": ["429 0.1"]}
    ) as server:
        client = new_client(server)
        for made in (0, 0, 1):
            with pytest.raises((errors.ServerError, OSError, httpx2.TransportError)):
                new_job(client, ["image00"], "unheard of")
            assert len(list(client.batches.list())) == made
        [job] = client.batches.list()
        assert job.display_name == "unheard of"
        with pytest.raises(errors.ClientError, match="RESOURCE_EXHAUSTED"):
            client.batches.get(name=job.name)
        assert client.batches.get(name=job.name).state.name == "JOB_STATE_RUNNING"


def test_the_async_client_uploads_in_parts_and_sends_requests_inline():
    async def run(server):
        client = new_client(server).aio
        blank = io.BytesIO(lines(["image00"]).read() + b"\n" * 9_000_000)
        file = await client.files.upload(file=blank, config={"mime_type": "application/jsonl"})
        job = await client.batches.create(model=MODEL, src=file.name)
        job = await client.batches.get(name=job.name)
        assert len(await client.files.download(file=job.dest.file_name)) > 1000
        source = [types.InlinedRequest(contents=gemini_parts("image01"), metadata={"key": "image01"})]
        job = await client.batches.create(model=MODEL, src=source)
        [reply] = (await client.batches.get(name=job.name)).dest.inlined_responses
        assert reply.metadata == {"key": "image01"} and "qa_pairs" in reply.response.text
        assert file.size_bytes > 9_000_000

    with ModelServer(batch_polls=1) as server:
        asyncio.run(run(server))
    assert server.answered() == {"image00": 1, "image01": 1}
    assert [entry.kind for entry in server.ledger][:3] == ["upload"] * 3
