"""Google's Gemini through its SDK, google-genai: one request an image."""

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
from vqatune.generation.providers import Ask, mime_type
from vqatune.generation.providers.failures import Failure, Passing, Refused
from vqatune.generation.providers.gemini_replies import accept, check_key, check_model, read, redact, refusal
from vqatune.params import ComputeParams, GenerateParams
from vqatune.runtime.extras import naming_extras

__all__ = ["Course", "clients", "opened", "read", "send"]

Result = TypeVar("Result")


@dataclass(slots=True)
class Course:
    """How far a request has come."""

    connecting: bool = False
    answer: Any = None
    """The answer's status and headers, as soon as they are there."""
    body: bytes = b""
    """What the answer says, once it has been read whole."""


_course: ContextVar[Course] = ContextVar("_course")


@asynccontextmanager
async def opened(params: GenerateParams, compute: ComputeParams) -> AsyncIterator[Ask]:
    """Give a function that asks generate.model; any number of requests may be under way at once.

    The SDK asks once and never again by itself, and a request ends after generate.timeout_seconds however little of
    the reply is there. A proxy is taken from the environment.
    """
    # Here, for it takes seconds, and stored replies can be read without.
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
            # The reply as it was sent: nothing that has been paid for is lost to the SDK's reading of it.
            should_return_http_response=True,
        )

    async def ask(image: bytes, metadata: str, prompt: Prompt, key: str) -> dict[str, Any]:
        check_key(key)
        kind = mime_type(image)
        if kind is None:
            raise Refused("unsupported image", "the image is no JPEG, PNG or WebP")
        models, asked = client(key).models, config(prompt)
        parts = [types.Part.from_bytes(data=image, mime_type=kind), types.Part(text=metadata)]
        request = models.generate_content(model=params.model, contents=parts, config=asked)
        response, _ = await send(request, params, key, params.timeout_seconds)
        return accept(200, response.sdk_http_response.body, response.sdk_http_response.headers, key)

    async with clients(params) as client:
        yield ask


@asynccontextmanager
async def clients(params: GenerateParams) -> AsyncIterator[Callable[[str], Any]]:
    """Give a function that returns the SDK's asynchronous client for a key; all share one pool of connections."""
    # Here, for they take seconds, and stored replies can be read without.
    with naming_extras("gemini"):
        import aiohttp
        from google import genai
        from google.genai import types

    check_model(params)
    # It would warn that it uses GOOGLE_API_KEY, where that is set too; it uses the key given here.
    logging.getLogger("google_genai").setLevel(logging.ERROR)

    @cache
    def client(key: str) -> genai.client.AsyncClient:
        options = types.HttpOptions(
            base_url=params.endpoint,
            # v1 has fewer models and, for long, had no system instruction and no schema.
            api_version="v1beta",
            timeout=round(params.timeout_seconds * 1000),
            retry_options=types.HttpRetryOptions(attempts=1),
            aiohttp_client=session,
            # The key goes where it was meant to and nowhere else.
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
    absent: Failure | None = None,
    absent_codes: tuple[int, ...] = (404,),
) -> tuple[Result, Course]:
    """Return what a request by one of the SDK's clients brings, and its course; it ends after so many seconds.

    Raises one of the failures of questions/failures.py, or ParameterError where the model or the endpoint is wrong;
    no message holds the key. `absent` is raised, where it is given, instead of what an HTTP status among absent_codes
    stands for when a model is asked.
    """
    import aiohttp
    from google.genai import errors

    course = Course()
    _course.set(course)
    try:
        async with asyncio.timeout(seconds):
            return await request, course
    except errors.APIError as error:
        failure: Exception = refusal(error.code, error.details, error.response.headers, key)
        if absent is not None and error.code in absent_codes:
            failure = absent
    except TimeoutError:
        failure = timed_out(params, course.connecting)
    except aiohttp.InvalidURL:
        failure = bad_endpoint(params)
    except (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError) as error:
        failure = Passing("unreachable", redact(f"{type(error).__name__}: {error}", key), reached=False)
    except (aiohttp.ClientError, OSError) as error:
        failure = Passing("reset", redact(f"{type(error).__name__}: {error}", key))
    except (ValueError, LookupError, TypeError, AttributeError):
        if course.answer is None:
            raise
        # The SDK could not read the body.
        failure = Passing("not a reply", "something that is no reply of Gemini's came back")
        if course.answer.status != 200:
            failure = refusal(course.answer.status, None, course.answer.headers, key)
    # Out here, the failure does not bring the SDK's error along, which holds the request and with it the key.
    raise failure


def timed_out(params: GenerateParams, connecting: bool) -> Passing:
    """Return the failure of a request that had no whole reply in time."""
    seconds = f"{params.timeout_seconds:g} s"
    if connecting:
        return Passing("unreachable", f"no connection within {seconds}", reached=False)
    return Passing("timeout", f"no reply within {seconds}")


def bad_endpoint(params: GenerateParams) -> ParameterError:
    """Return the error of an endpoint that is no URL."""
    return ParameterError(f"generate.endpoint: {params.endpoint} is not the URL of a server; correct it")


def _tracing() -> Any:
    """Return what tells each request's Course how far it has come."""
    from aiohttp import TraceConfig

    async def connecting(session: Any, context: Any, told: Any) -> None:
        _course.get().connecting = True

    async def connected(session: Any, context: Any, told: Any) -> None:
        _course.get().connecting = False

    async def answered(session: Any, context: Any, told: Any) -> None:
        _course.get().answer = told.response

    async def read_whole(session: Any, context: Any, told: Any) -> None:
        _course.get().body = told.chunk

    tracing = TraceConfig()
    tracing.on_connection_create_start.append(connecting)
    tracing.on_connection_create_end.append(connected)
    tracing.on_request_end.append(answered)
    tracing.on_response_chunk_received.append(read_whole)
    return tracing
