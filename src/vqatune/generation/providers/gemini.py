"""The gemini provider: Google's Gemini through its SDK, google-genai, one request per image."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from vqatune.errors import ParameterError
from vqatune.generation.prompts.prompt import Prompt
from vqatune.generation.providers import Ask, ProviderInfo, mime_type
from vqatune.generation.providers.errors import PermanentError, ProviderError, TransientError
from vqatune.generation.providers.gemini_replies import (
    accept,
    check_key,
    check_model,
    error_of,
    parse_reply,
    redact,
)
from vqatune.params import ComputeParams, GenerateParams
from vqatune.runtime.extras import naming_extras

__all__ = ["INFO", "RequestTrace", "clients", "connect", "parse_reply", "send"]

INFO = ProviderInfo(family="gemini", key_variable="GEMINI_API_KEY", key_file=".gemini-key", key_required=True)

Result = TypeVar("Result")


@dataclass(slots=True)
class RequestTrace:
    """How far a request has come, as aiohttp reports it."""

    connecting: bool = False
    answer: Any = None
    """The response's status and headers, as soon as they have arrived."""
    body: bytes = b""
    """The response's body, once it has arrived whole."""


_trace: ContextVar[RequestTrace] = ContextVar("_trace")


@asynccontextmanager
async def connect(params: GenerateParams, compute: ComputeParams) -> AsyncIterator[Ask]:
    """Yield a function that sends requests to generate.model, any number of them at once.

    The SDK never retries by itself, and a request ends after generate.timeout_seconds even if a reply is on its way.
    Proxies are taken from the environment.
    """
    # Imported here because it takes seconds, and stored replies are read without it.
    with naming_extras("gemini"):
        from google.genai import types

    @cache
    def config(prompt: Prompt) -> types.GenerateContentConfig:
        return types.GenerateContentConfig(
            system_instruction=prompt.text,
            temperature=params.temperature,
            max_output_tokens=params.max_output_tokens,
            response_mime_type=None if prompt.form == "text" else "application/json",
            response_json_schema=prompt.schema if prompt.form == "schema" else None,
            automatic_continuation=False,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            # The raw response: the SDK's own parsing may drop parts of what has been paid for.
            should_return_http_response=True,
        )

    async def ask(image: bytes, metadata: str, prompt: Prompt, key: str) -> dict[str, Any]:
        check_key(key)
        kind = mime_type(image)
        if kind is None:
            raise PermanentError("unsupported image", "the image is no JPEG, PNG or WebP")
        models, asked = client(key).models, config(prompt)
        parts = [types.Part.from_bytes(data=image, mime_type=kind), types.Part(text=metadata)]
        request = models.generate_content(model=params.model, contents=parts, config=asked)
        response, _ = await send(request, params, key, params.timeout_seconds)
        return accept(200, response.sdk_http_response.body, response.sdk_http_response.headers, key)

    async with clients(params) as client:
        yield ask


@asynccontextmanager
async def clients(params: GenerateParams) -> AsyncIterator[Callable[[str], Any]]:
    """Yield a function that returns the SDK's asynchronous client for a key; all clients share a connection pool."""
    # Imported here because they take seconds, and stored replies are read without them.
    with naming_extras("gemini"):
        import aiohttp
        from google import genai
        from google.genai import types

    check_model(params)
    # Where GOOGLE_API_KEY is set, too, it warns that it uses that one, although it uses the key given here.
    logging.getLogger("google_genai").setLevel(logging.ERROR)

    @cache
    def client(key: str) -> genai.client.AsyncClient:
        options = types.HttpOptions(
            base_url=params.endpoint,
            # v1 has fewer models and long had neither system instructions nor schemas.
            api_version="v1beta",
            timeout=round(params.timeout_seconds * 1000),
            retry_options=types.HttpRetryOptions(attempts=1),
            aiohttp_client=session,
            # A redirect would send the key to another server.
            async_client_args={"allow_redirects": False},
        )
        return genai.Client(vertexai=False, api_key=key, http_options=options).aio

    # As many connections as there are requests.
    pool = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=pool, trust_env=True, trace_configs=[_tracing()]) as session:
        yield client


async def send(
    request: Awaitable[Result],
    params: GenerateParams,
    key: str,
    seconds: float | None = None,
    not_found: ProviderError | None = None,
    not_found_codes: tuple[int, ...] = (404,),
) -> tuple[Result, RequestTrace]:
    """Await a request by one of the SDK's clients, for so many seconds; return its result and its trace.

    Raises a ProviderError, or ParameterError where the model or the endpoint is wrong; no message contains the key.
    `not_found`, where given, is raised for an HTTP status among `not_found_codes`.
    """
    import aiohttp
    from google.genai import errors

    trace = RequestTrace()
    _trace.set(trace)
    try:
        async with asyncio.timeout(seconds):
            return await request, trace
    except errors.APIError as error:
        failure: Exception = error_of(error.code, error.details, error.response.headers, key)
        if not_found is not None and error.code in not_found_codes:
            failure = not_found
    except TimeoutError:
        failure = timeout_error(params, trace.connecting)
    except aiohttp.InvalidURL:
        failure = endpoint_error(params)
    except (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError) as error:
        failure = TransientError(
            "unreachable", redact(f"{type(error).__name__}: {error}", key), reached=False
        )
    except (aiohttp.ClientError, OSError) as error:
        failure = TransientError("reset", redact(f"{type(error).__name__}: {error}", key))
    except (ValueError, LookupError, TypeError, AttributeError):
        if trace.answer is None:
            raise
        # The SDK could not parse the body.
        failure = TransientError("not a reply", "something that is no reply of Gemini's came back")
        if trace.answer.status != 200:
            failure = error_of(trace.answer.status, None, trace.answer.headers, key)
    # Raised outside of the handler: the SDK's error contains the request, and so the key.
    raise failure


def timeout_error(params: GenerateParams, connecting: bool) -> TransientError:
    """Return the error of a request without a complete reply in time."""
    seconds = f"{params.timeout_seconds:g} s"
    if connecting:
        return TransientError("unreachable", f"no connection within {seconds}", reached=False)
    return TransientError("timeout", f"no reply within {seconds}")


def endpoint_error(params: GenerateParams) -> ParameterError:
    """Return the error of an endpoint that is not a URL."""
    return ParameterError(f"generate.endpoint: {params.endpoint} is not the URL of a server; correct it")


def _tracing() -> Any:
    """Return the hooks by which aiohttp fills each request's RequestTrace."""
    from aiohttp import TraceConfig

    async def connecting(session: Any, context: Any, told: Any) -> None:
        _trace.get().connecting = True

    async def connected(session: Any, context: Any, told: Any) -> None:
        _trace.get().connecting = False

    async def answered(session: Any, context: Any, told: Any) -> None:
        _trace.get().answer = told.response

    async def read_whole(session: Any, context: Any, told: Any) -> None:
        _trace.get().body = told.chunk

    tracing = TraceConfig()
    tracing.on_connection_create_start.append(connecting)
    tracing.on_connection_create_end.append(connected)
    tracing.on_request_end.append(answered)
    tracing.on_response_chunk_received.append(read_whole)
    return tracing
