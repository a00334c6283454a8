"""The openai provider: any server that speaks OpenAI's chat completions, such as Ollama, vLLM and llama.cpp's.

Ollama has a context of a few thousand tokens unless OLLAMA_CONTEXT_LENGTH sets more, and silently truncates longer
prompts. A server without structured output needs generate.reply_format json or text.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from vqatune.errors import ParameterError
from vqatune.generation.prompts.prompt import Prompt
from vqatune.generation.providers import Ask, ParsedReply, ProviderInfo, mime_type
from vqatune.generation.providers.errors import InvalidKeyError, PermanentError, TransientError
from vqatune.generation.providers.openai_errors import (
    Dialect,
    connection_error,
    dialect_changes,
    error_status,
    read_error,
    server_error,
)
from vqatune.generation.replies.thoughts import without_thoughts
from vqatune.params import ComputeParams, GenerateParams
from vqatune.runtime.extras import naming_extras

INFO = ProviderInfo(family="openai", key_variable="OPENAI_API_KEY", key_file=".openai-key")

_LONGEST_CONNECT = 10.0  # seconds

_FINISHES = {"length": "max_tokens", "content_filter": "safety"}


@asynccontextmanager
async def connect(params: GenerateParams, compute: ComputeParams) -> AsyncIterator[Ask]:
    """Yield the function that sends requests to the server at generate.endpoint, and close the connections at the end.

    A server that takes no system message, or wants max_completion_tokens instead of max_tokens, refuses the first
    request; that is a TransientError, and the next request is worded as the server needs it.

    Raises ParameterError where the endpoint is not a URL; requests raise it where the server does not know the model or
    rejects a parameter.
    """
    import httpx2

    with naming_extras("openai"):
        import openai

    try:
        httpx2.URL(params.endpoint or "")
    except httpx2.InvalidURL as error:
        raise ParameterError(
            f"generate.endpoint {params.endpoint!r} is no URL ({error}): correct it"
        ) from error
    seconds = params.timeout_seconds
    timeout = httpx2.Timeout(seconds, connect=min(seconds, _LONGEST_CONNECT))
    clients: dict[str, openai.AsyncOpenAI] = {}
    dialect = Dialect()

    async with AsyncExitStack() as closing:

        def client_of(key: str) -> openai.AsyncOpenAI:
            if key not in clients:
                # The SDK requires a key even where the server does not.
                clients[key] = openai.AsyncOpenAI(
                    api_key=key or "none", base_url=params.endpoint, timeout=timeout, max_retries=0
                )
                closing.push_async_callback(clients[key].close)
            return clients[key]

        async def ask(image: bytes, metadata: str, prompt: Prompt, key: str) -> dict[str, Any]:
            nonlocal dialect
            if not (key.isascii() and key.isprintable()):
                raise InvalidKeyError("bad key", "it has characters that no key has")
            worded, content = dialect, None
            request = _request(params, worded, image, metadata, prompt)
            # Raised outside of the handlers: the SDK's errors contain the request, and so the key.
            failure: Exception | None = None
            try:
                async with asyncio.timeout(seconds):
                    response = await client_of(key).chat.completions.with_raw_response.create(**request)
                    content = response.content
            except TimeoutError:
                failure = TransientError("timeout", f"no reply in {seconds:g} s")
            except openai.APIStatusError as error:
                said = read_error(error.response.content, key)
                changes = dialect_changes(worded, error.status_code, said)
                dialect = replace(dialect, **changes)
                failure = (
                    TransientError("reworded", said.text, delay=0.0)
                    if changes
                    else server_error(error.status_code, error.response.headers, said, params)
                )
            except openai.APIConnectionError as error:
                failure = connection_error(error, key)
            if failure:
                raise failure
            return _parsed(content, key, params)

        yield ask


def _request(
    params: GenerateParams, dialect: Dialect, image: bytes, metadata: str, prompt: Prompt
) -> dict[str, Any]:
    kind = mime_type(image)
    if kind is None:
        raise PermanentError("undecodable", "the image is no JPEG, PNG or WebP")
    url = f"data:{kind};base64,{base64.b64encode(image).decode()}"
    seen = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": metadata}]
    if dialect.system:
        messages = [{"role": "system", "content": prompt.text}, {"role": "user", "content": seen}]
    else:
        messages = [{"role": "user", "content": [{"type": "text", "text": prompt.text}, *seen]}]
    request = {"model": params.model, "messages": messages, dialect.limit: params.max_output_tokens}
    if params.temperature is not None:
        request["temperature"] = params.temperature
    if prompt.form == "schema":
        form = {"name": "pairs", "schema": _closed(prompt.schema), "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": form}
    elif prompt.form == "json":
        request["response_format"] = {"type": "json_object"}
    return request


def _closed(schema: Any) -> Any:
    """Return the schema with additionalProperties: false, as OpenAI's strict mode requires."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    extra = {"additionalProperties": False} if schema.get("type") == "object" else {}
    return {name: _closed(part) for name, part in schema.items()} | extra


def _parsed(content: bytes, key: str, params: GenerateParams) -> dict[str, Any]:
    try:
        reply = json.loads(content)
    except (ValueError, RecursionError):
        reply = None
    reply = reply if isinstance(reply, dict) else {}
    choices = reply.get("choices")
    if isinstance(choices, list) and choices:
        return reply
    if isinstance(reply.get("error"), dict | str):
        # Gateways such as OpenRouter send the errors of the servers behind them with status 200.
        raise server_error(error_status(reply["error"]), {}, read_error(content, key), params)
    raise TransientError("not a reply", "something else than a reply came back: is generate.endpoint right?")


def parse_reply(reply: dict[str, Any]) -> ParsedReply:
    """Return the content of a reply in OpenAI's form, without the thoughts that some models put before their text."""
    choices, usage = reply.get("choices"), reply.get("usage")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message, usage = choice.get("message"), usage if isinstance(usage, dict) else {}
    message = message if isinstance(message, dict) else {}
    text, reason = _text(message.get("content")), choice.get("finish_reason")
    if not text and reason != "length":
        # vLLM's reasoning parsers may take the answer for a thought.
        text = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    if message.get("refusal"):
        finish = "safety"
    elif isinstance(reason, str) and reason:
        finish = _FINISHES.get(reason.lower(), reason.lower())
    else:
        finish = "stop" if text else "no_reply"
    return ParsedReply(text, finish, _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))


def _text(content: Any) -> str:
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    text = "".join(text for text in texts if isinstance(text, str)).strip()
    text = without_thoughts(text)
    # JSON can hold a lone surrogate, which UTF-8 cannot.
    return text.strip().encode("utf-8", "replace").decode("utf-8")


def _count(usage: dict[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0
