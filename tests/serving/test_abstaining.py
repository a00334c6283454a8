"""Answers that are not probable enough, in both forms."""

import openai
import pytest
import requests

from vqatune.inference.answering.abstaining import Abstaining
from vqatune.serving.chat_form import NOT_SURE

COLOR = "what color is it?"
CHOICES = ["red", "3", "yes"]


@pytest.fixture(scope="module")
def sharing(answerer, pictures) -> float:
    """The share of the best choice."""
    return answerer.rank(pictures[0], COLOR, CHOICES)[0].share


@pytest.mark.parametrize(("factor", "abstained"), [(0.99, False), (1.01, True)])
def test_an_answer_is_null_where_its_share_is_below_the_threshold(
    serving, server, base64s, sharing, factor, abstained
):
    body = {"picture": base64s[0], "questions": COLOR, "choices": CHOICES}
    [whole] = requests.post(f"{server.address}/ask", json=body, timeout=60).json()["answers"]
    assert "abstained" not in whole
    with serving(abstaining=Abstaining(sharing * factor)) as strict:
        [row] = requests.post(f"{strict.address}/ask", json=body, timeout=60).json()["answers"]
    assert row == whole | {"answer": None if abstained else whole["answer"], "abstained": abstained}


def test_the_chat_says_that_it_is_not_sure_whole_and_streamed(serving, server, base64s):
    url = {"url": f"data:image/jpeg;base64,{base64s[0]}"}
    parts = [{"type": "image_url", "image_url": url}, {"type": "text", "text": COLOR}]
    asked = {"model": "v1", "messages": [{"role": "user", "content": parts}]}

    def complete(address: str, **more):
        with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
            found = client.chat.completions.create(**asked, **more)
            return list(found) if more.get("stream") else found.choices

    [before] = complete(server.address, logprobs=True)
    with serving(abstaining=Abstaining(1.0)) as strict:
        [choice] = complete(strict.address, logprobs=True, max_tokens=1)
        streamed = complete(strict.address, stream=True)
        several = complete(strict.address, n=2, extra_body={"choices": CHOICES})
    assert choice.message.content == NOT_SURE and choice.finish_reason == "stop"
    [token], [was] = choice.logprobs.content, before.logprobs.content
    assert token.token == NOT_SURE and token.logprob == was.logprob
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == NOT_SURE
    assert [one.message.content for one in several] == [NOT_SURE, NOT_SURE]
