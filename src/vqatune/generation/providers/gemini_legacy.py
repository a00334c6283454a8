"""The gemini_legacy provider: Gemini through google-generativeai, over REST, for setups that still use this SDK.

The SDK, whose support has ended, writes and sends the requests. Its parsing of replies is bypassed, because it drops
newer fields, such as which parts of a reply are thoughts and their tokens: replies are stored as they were sent.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import cache
from threading import Thread
from typing import Any, TypeVar

from vqatune.generation.prompts.prompt import Prompt
from vqatune.generation.providers import Ask, mime_type
from vqatune.generation.providers.errors import PermanentError, TransientError
from vqatune.generation.providers.gemini import INFO, endpoint_error, timeout_error
from vqatune.generation.providers.gemini_replies import accept, check_key, check_model, parse_reply, redact
from vqatune.params import ComputeParams, GenerateParams
from vqatune.runtime.extras import naming_extras

__all__ = ["INFO", "connect", "parse_reply"]

Result = TypeVar("Result")


class _Answered(Exception):
    """Carries the server's response past the SDK's parsing."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.response = response


@asynccontextmanager
async def connect(params: GenerateParams, compute: ComputeParams) -> AsyncIterator[Ask]:
    """Yield a function that sends requests to generate.model, each in a thread of its own.

    The SDK never retries by itself, and a request ends a second after generate.timeout_seconds at the latest, even if a
    reply is on its way; its thread may wait longer, but blocks nothing. Proxies are taken from the environment.
    """
    # Imported here because they take seconds, and stored replies are read without them.
    with warnings.catch_warnings(), naming_extras("gemini-legacy"):
        # The first is said in docs/generation.md; the second is about Python, not about this SDK.
        warnings.filterwarnings(
            "ignore", r"\s*All support for the `google.generativeai` package", FutureWarning
        )
        warnings.filterwarnings("ignore", "You are using a Python version", FutureWarning)
        import google.generativeai as genai
        from google.ai.generativelanguage_v1beta import GenerativeServiceClient
        from google.ai.generativelanguage_v1beta.services.generative_service.transports import (
            GenerativeServiceRestTransport,
        )
    import requests
    from google.auth.api_key import Credentials
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ReadTimeoutError

    check_model(params)

    class Connections(requests.adapters.HTTPAdapter):
        # The session would follow redirects with the key, and repeat a request after a 401.
        def send(self, request: Any, **options: Any) -> Any:
            # The query only asks for numbers instead of names, such as 1 for STOP.
            request.url = request.url.partition("?")[0]
            response = super().send(request, **options)
            response.content  # noqa: B018 (reads it)
            raise _Answered(response)

    connections = Connections(pool_maxsize=params.concurrency)

    @cache
    def client(key: str) -> GenerativeServiceClient:
        host = {"host": params.endpoint.rstrip("/")} if params.endpoint else {}
        transport = GenerativeServiceRestTransport(credentials=Credentials(key), **host)
        for scheme in ("http://", "https://"):
            transport._session.mount(scheme, connections)
        return GenerativeServiceClient(transport=transport)

    @cache
    def model(key: str, prompt: Prompt) -> genai.GenerativeModel:
        config: dict[str, Any] = {"max_output_tokens": params.max_output_tokens}
        if params.temperature is not None:
            config["temperature"] = params.temperature
        if prompt.form != "text":
            config["response_mime_type"] = "application/json"
        if prompt.form == "schema":
            config["response_schema"] = legacy_schema(prompt.schema)
        made = genai.GenerativeModel(params.model, generation_config=config, system_instruction=prompt.text)
        # genai.configure would set one key for the whole process.
        made._client = client(key)
        return made

    async def ask(image: bytes, metadata: str, prompt: Prompt, key: str) -> dict[str, Any]:
        check_key(key)
        kind = mime_type(image)
        if kind is None:
            raise PermanentError("unsupported image", "the image is no JPEG, PNG or WebP")
        asked, parts = model(key, prompt), [{"mime_type": kind, "data": image}, metadata]

        def send() -> None:
            options = {"retry": None, "timeout": params.timeout_seconds}
            asked.generate_content(parts, request_options=options)

        response = None
        try:
            # The SDK's timeout restarts with every byte; it comes first where none arrives.
            async with asyncio.timeout(params.timeout_seconds + 1):
                await _in_thread(send)
        except _Answered as answered:
            response = answered.response
        except TimeoutError:
            failure: Exception = timeout_error(params, connecting=False)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema):
            failure = endpoint_error(params)
        except requests.exceptions.RequestException as error:
            cause = error.args[0] if error.args else None
            cause = getattr(cause, "reason", None) or cause
            said = redact(f"{type(error).__name__}: {error}", key)
            unreachable = requests.exceptions.ProxyError | requests.exceptions.SSLError
            if isinstance(cause, ConnectTimeoutError):
                failure = timeout_error(params, connecting=True)
            elif isinstance(cause, NewConnectionError) or isinstance(error, unreachable):
                failure = TransientError("unreachable", said, reached=False)
            elif isinstance(cause, ReadTimeoutError):
                failure = timeout_error(params, connecting=False)
            else:
                failure = TransientError("reset", said)
        # Raised outside of the handler: the SDK's error contains the request, and so the key.
        if response is None:
            raise failure
        return accept(response.status_code, response.content, response.headers, key)

    try:
        yield ask
    finally:
        connections.close()


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Return the result of `work`, run in a daemon thread: neither a timeout nor the end of the process waits for it."""
    future: Future[Result] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 (any error is handed to the caller)
            future.set_exception(error)
        else:
            future.set_result(result)

    # The threads of a pool would keep the process alive until the last reply.
    Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(future)


def legacy_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON Schema in this SDK's form, OpenAPI's, where only strings can be enumerations."""
    made: dict[str, Any] = {"type": schema["type"].upper()}
    if "enum" in schema and schema["type"] == "string":
        made |= {"format": "enum", "enum": list(schema["enum"])}
    elif "enum" in schema:
        made["description"] = "one of " + ", ".join(map(str, schema["enum"]))
    if "items" in schema:
        made["items"] = legacy_schema(schema["items"])
    if "properties" in schema:
        made["properties"] = {name: legacy_schema(value) for name, value in schema["properties"].items()}
    if "required" in schema:
        made["required"] = list(schema["required"])
    return made
