"""OpenAI's form, asked by OpenAI's own client."""

import openai
import pytest


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0) as client:
        yield client


def _messages(picture: str, question: str, *before: dict) -> list[dict]:
    url = {"url": f"data:image/jpeg;base64,{picture}"}
    parts = [{"type": "image_url", "image_url": url}, {"type": "text", "text": question}]
    return [*before, {"role": "user", "content": parts}]


def test_the_answer_is_that_of_the_version(client, answerer, pictures, base64s):
    system = {"role": "system", "content": "Answer briefly."}
    completion = client.chat.completions.create(
        model="v1", messages=_messages(base64s[0], "what color is it?", system), logprobs=True, temperature=0
    )
    [expected] = answerer.ask(pictures[0], "what color is it?")
    [choice] = completion.choices
    assert choice.message.content == expected.answer and choice.message.role == "assistant"
    [token] = choice.logprobs.content
    assert token.token == expected.answer
    assert token.logprob == pytest.approx(expected.log_probability, rel=1e-4)
    assert completion.model == "v1" and completion.usage.prompt_tokens > 3
    assert (
        completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    )


def test_a_picture_of_an_earlier_message_is_asked_about(client, base64s):
    first = _messages(base64s[0], "what color is it?")
    again = [*first, {"role": "assistant", "content": "red"}, {"role": "user", "content": "is it striped?"}]
    found = client.chat.completions.create(model="v1", messages=again, logprobs=True)
    direct = client.chat.completions.create(
        model="v1", messages=_messages(base64s[0], "is it striped?"), logprobs=True
    )
    assert found.choices == direct.choices


def test_n_gives_the_best_answers_and_choices_are_ranked(client, answerer, pictures, base64s):
    messages = _messages(base64s[1], "what color is it?")
    best = client.chat.completions.create(model="v1", messages=messages, n=3, logprobs=True, top_logprobs=5)
    texts = [choice.message.content for choice in best.choices]
    assert len(set(texts)) == 3 and [choice.index for choice in best.choices] == [0, 1, 2]
    [token] = best.choices[1].logprobs.content
    assert len(token.top_logprobs) == 5 and token.top_logprobs[1].token == token.token
    names = ["red", "3", "yes"]
    ranked = client.chat.completions.create(model="v1", messages=messages, n=3, extra_body={"choices": names})
    expected = answerer.rank(pictures[1], "what color is it?", names)
    assert [choice.message.content for choice in ranked.choices] == [answer.answer for answer in expected]


def test_a_stream_has_the_same_answer(client, base64s):
    messages = _messages(base64s[2], "is it striped?")
    whole = client.chat.completions.create(model="v1", messages=messages)
    stream = client.chat.completions.create(
        model="v1", messages=messages, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    )
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason
    assert last.usage == whole.usage and not last.choices


def test_an_answer_longer_than_wanted_is_cut_and_says_so(client, base64s):
    messages = _messages(base64s[0], "how many stars are there?")
    whole = client.chat.completions.create(model="v1", messages=messages)
    assert whole.usage.completion_tokens > 1
    cut = client.chat.completions.create(model="v1", messages=messages, max_completion_tokens=1)
    assert cut.choices[0].finish_reason == "length" and cut.usage.completion_tokens == 1
    assert whole.choices[0].message.content.startswith(cut.choices[0].message.content)


def test_the_models_are_listed(client):
    assert [model.id for model in client.models.list()] == ["v1"]
    assert client.models.retrieve("v1").owned_by == "vqatune"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("v2")


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"model": "v2"}, openai.NotFoundError, "not served here"),
        ({"messages": []}, openai.BadRequestError, "no message of the user"),
        ({"messages": [{"role": "user", "content": "a?"}]}, openai.BadRequestError, "no picture"),
        ({"n": 21}, openai.BadRequestError, "n:"),
        ({"top_logprobs": 2}, openai.BadRequestError, "needs logprobs"),
        ({"response_format": {"type": "json_object"}}, openai.BadRequestError, "response_format"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, openai.BadRequestError, "tools"),
    ],
)
def test_what_cannot_be_answered_is_an_error_of_the_client(client, base64s, changes, error, said):
    asked = {"model": "v1", "messages": _messages(base64s[0], "a?")} | changes
    with pytest.raises(error, match=said):
        client.chat.completions.create(**asked)


def test_addresses_are_not_fetched_and_one_message_has_one_picture(client, base64s):
    [message] = _messages(base64s[0], "a?")
    picture, text = message["content"]
    fetched = {"type": "image_url", "image_url": {"url": "https://shop.example/a.jpg"}}
    for parts, said in (
        ([fetched, text], "not fetched"),
        ([picture, picture, text], "2 pictures"),
        ([picture], "empty"),
    ):
        with pytest.raises(openai.BadRequestError, match=said):
            client.chat.completions.create(model="v1", messages=[{"role": "user", "content": parts}])
    with pytest.raises(openai.BadRequestError, match="input_audio"):
        audio = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
        client.chat.completions.create(model="v1", messages=[{"role": "user", "content": [picture, audio]}])
