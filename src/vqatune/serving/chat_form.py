"""`/v1/chat/completions`: OpenAI's form of a question about a picture, and of its answers.

The last message of the user is the question; the picture is in it or in an earlier message. An answer counts as one
token in `logprobs`, with the probability of the whole answer.
"""

import json
import math
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from vqatune.inference.answering.abstaining import Abstaining
from vqatune.inference.answering.answer import Answer
from vqatune.serving.ask_form import validated
from vqatune.serving.asked import as_questions, decode_picture
from vqatune.serving.errors import RequestError
from vqatune.serving.jobs import Job, Reply
from vqatune.serving.limits import MOST_BEST, Limits

NOT_SURE = "I am not sure."
"""Said in place of an answer that is not given."""


class ImageUrl(BaseModel):
    """Where a picture is."""

    url: StrictStr


class Part(BaseModel):
    """A part of a message: a text, or a picture."""

    type: StrictStr
    text: StrictStr | None = None
    image_url: ImageUrl | None = None


class Message(BaseModel):
    """A message of the conversation."""

    role: StrictStr
    content: StrictStr | list[Part] | None = None


class ResponseFormat(BaseModel):
    """The form of an answer."""

    type: StrictStr


class StreamOptions(BaseModel):
    """What a stream has beside the answer."""

    include_usage: StrictBool = False


class ChatRequest(BaseModel):
    """A request, with the parameters that matter here; those of sampling change nothing."""

    model_config = ConfigDict(extra="ignore")

    model: StrictStr
    messages: list[Message]
    n: Annotated[StrictInt, Field(ge=1, le=MOST_BEST)] | None = None
    logprobs: StrictBool | None = None
    top_logprobs: Annotated[StrictInt, Field(ge=0, le=MOST_BEST)] | None = None
    max_tokens: Annotated[StrictInt, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[StrictInt, Field(ge=1)] | None = None
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    modalities: list[Literal["text"]] | None = None
    choices: list[StrictStr] | None = None
    """Not OpenAI's: the answers to choose from."""


def parse(body: bytes, version: str, limits: Limits) -> tuple[ChatRequest, Job]:
    """Return a request and its job; raises RequestError."""
    request = validated(ChatRequest, body)
    if request.model != version:
        raise RequestError(
            404, f"the model {request.model!r} is not served here, {version!r} is", "model_not_found", "model"
        )
    if request.tools or request.functions:
        raise RequestError(400, "the model calls no tools: leave them out", param="tools")
    if request.response_format is not None and request.response_format.type != "text":
        raise RequestError(400, "answers are text: leave response_format out", param="response_format")
    if request.top_logprobs is not None and not request.logprobs:
        raise RequestError(400, "top_logprobs needs logprobs: true", param="top_logprobs")
    question, picture = _question_and_picture(request.messages)
    most = max(request.n or 1, request.top_logprobs or 1)
    longest = request.max_completion_tokens or request.max_tokens
    return request, Job(picture, as_questions([question], request.choices, most, limits), longest)


def _question_and_picture(messages: list[Message]) -> tuple[str, bytes]:
    last = max((place for place, one in enumerate(messages) if one.role == "user"), default=None)
    if last is None:
        raise RequestError(400, "there is no message of the user: ask something", param="messages")
    content = messages[last].content
    texts = [content] if isinstance(content, str) else []
    found: tuple[str, str] | None = None
    for place, message in enumerate(messages[: last + 1]):
        parts = message.content if isinstance(message.content, list) else []
        own = [number for number, part in enumerate(parts) if part.type == "image_url"]
        if len(own) > 1:
            raise RequestError(
                400, f"message {place} has {len(own)} pictures: ask about one at a time", param="messages"
            )
        for number, part in enumerate(parts):
            where = f"messages.{place}.content.{number}"
            if part.type == "image_url" and part.image_url is not None:
                found = part.image_url.url, f"{where}.image_url.url"
            elif part.type == "text" and part.text is not None:
                if place == last:
                    texts.append(part.text)
            else:
                raise RequestError(
                    400,
                    f"a part of type {part.type!r} is not read, or empty: send text and image_url",
                    param=where,
                )
    if found is None:
        raise RequestError(
            400, "there is no picture: send one as an image_url part with a data: URL", param="messages"
        )
    return "\n".join(texts), decode_picture(*found)


def render(
    request: ChatRequest, reply: Reply, version: str, abstaining: Abstaining | None = None
) -> dict[str, Any]:
    """Return the completion: a choice an answer, the most probable first.

    NOT_SURE takes the place of an answer that is not given, in the message and as the token of its `logprobs`.
    """
    answers = _given(request, reply, abstaining)
    choices = [
        {
            "index": number,
            "message": {"role": "assistant", "content": answer.answer, "refusal": None},
            "logprobs": _logprobs(request, answer, reply.answers[0]),
            "finish_reason": "length" if cut else "stop",
        }
        for number, (answer, cut) in enumerate(answers)
    ]
    usage = _usage(reply, len(answers))
    return _head("chat.completion", version) | {"choices": choices, "usage": usage}


def render_stream(
    request: ChatRequest, reply: Reply, version: str, abstaining: Abstaining | None = None
) -> Iterator[str]:
    """Yield the completion of `render` as server-sent events; an answer is one chunk."""
    head = _head("chat.completion.chunk", version)
    counted = request.stream_options is not None and request.stream_options.include_usage
    no_usage = {"usage": None} if counted else {}

    def chunk(number: int, delta: dict, reason: str | None, logprobs: dict | None = None) -> str:
        choice = {"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return _event(head | {"choices": [choice]} | no_usage)

    answers = _given(request, reply, abstaining)
    for number, (answer, cut) in enumerate(answers):
        logprobs = _logprobs(request, answer, reply.answers[0])
        yield chunk(number, {"role": "assistant", "content": answer.answer}, None, logprobs)
        yield chunk(number, {}, "length" if cut else "stop")
    if counted:
        yield _event(head | {"choices": [], "usage": _usage(reply, len(answers))})
    yield "data: [DONE]\n\n"


def _given(request: ChatRequest, reply: Reply, abstaining: Abstaining | None) -> list[tuple[Answer, bool]]:
    """Return the answers that a request gets, NOT_SURE for those that are not given, and whether each was cut."""
    answers = list(zip(reply.answers[0], reply.cut[0], strict=True))[: request.n or 1]
    if abstaining is None:
        return answers
    return [
        (replace(answer, answer=NOT_SURE), False) if abstaining.abstains(answer) else (answer, cut)
        for answer, cut in answers
    ]


def _event(content: dict) -> str:
    return f"data: {json.dumps(content, allow_nan=False)}\n\n"


def _head(kind: str, version: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": version,
    }


def _logprobs(request: ChatRequest, answer: Answer, best: list[Answer]) -> dict[str, Any] | None:
    if not request.logprobs:
        return None
    top = [_token(one) for one in best[: request.top_logprobs or 0]]
    return {"content": [_token(answer) | {"top_logprobs": top}], "refusal": None}


def _token(answer: Answer) -> dict[str, Any]:
    # Of choices that only rank, the others may be impossible: JSON has no -inf.
    logprob = answer.log_probability if math.isfinite(answer.log_probability) else -9999.0
    return {"token": answer.answer, "logprob": logprob, "bytes": list(answer.answer.encode())}


def _usage(reply: Reply, answers: int) -> dict[str, int]:
    written = sum(reply.answer_tokens[0][:answers])
    return {
        "prompt_tokens": reply.question_tokens,
        "completion_tokens": written,
        "total_tokens": reply.question_tokens + written,
    }
