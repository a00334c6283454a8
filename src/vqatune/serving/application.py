"""The server's routes: who may ask, what is asked, and the answers of the batcher."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from vqatune.errors import DataError, ParameterError, VqatuneError
from vqatune.inference.answering.abstaining import Abstaining
from vqatune.runtime.listening import is_from_here, is_token
from vqatune.serving import ask_form, chat_form
from vqatune.serving.batcher import Batcher, Full
from vqatune.serving.errors import RequestError, error_response, json_response
from vqatune.serving.jobs import Job, Reply
from vqatune.serving.limits import Limits
from vqatune.serving.reading import Held, receive_body
from vqatune.serving.replies import Replies

Parsed = TypeVar("Parsed")

LARGE = 1 << 18
"""Bytes of a body that is parsed in a thread, as others would wait."""


@dataclass
class Service:
    """What the routes work with."""

    version: str
    """The name of the version that answers."""
    model_type: str
    batcher: Batcher
    replies: Replies
    """That the batcher delivers to."""
    limits: Limits
    token: str | None
    """What requests need; None where only this machine can ask."""
    started: int
    """Seconds since the epoch."""
    abstaining: Abstaining | None = None
    """Which answers are not given; None for none."""
    held: Held = field(default_factory=Held)
    ending: bool = False
    """Whether the server ends, and takes no more."""
    unanswered: int = 0
    """Requests that were given up because the time to end was over."""


def make_application(service: Service) -> Starlette:
    """Return the ASGI application."""

    def route(path: str, handle: Callable[[Service, Request], Awaitable[Response]], method: str) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                if path != "/health":
                    _check_allowed(service, request)
                return await handle(service, request)
            except RequestError as error:
                return error_response(error)
            except ClientDisconnect:
                # Nobody is there to get it.
                return Response(status_code=499)

        return Route(path, endpoint, methods=[method])

    routes = [
        route("/ask", _ask, "POST"),
        route("/v1/chat/completions", _complete, "POST"),
        route("/v1/models", _models, "GET"),
        route("/v1/models/{name}", _model, "GET"),
        route("/health", _health, "GET"),
    ]
    handlers = {HTTPException: _not_found, Exception: _failed}
    return Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]


def _check_allowed(service: Service, request: Request) -> None:
    if service.token is None:
        if not is_from_here(request.headers.get("host", ""), request.headers.get("origin")):
            raise RequestError(403, "without a token only programs and pages of this machine may ask")
        return
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not is_token(given.strip(), service.token):
        raise RequestError(
            401,
            "the token is missing or wrong: send it as `Authorization: Bearer TOKEN`",
            "invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )


async def _ask(service: Service, request: Request) -> Response:
    kind = _content_type(request)
    if kind not in ("application/json", "multipart/form-data"):
        raise RequestError(415, "send JSON (application/json) or a form (multipart/form-data)")
    _check_room(service)
    with service.held.request() as count:
        body = await receive_body(request, service.limits, count)
        if kind == "application/json":
            job = await _parsed(body, ask_form.parse_json, body, service.limits)
        else:
            job = await ask_form.parse_form(request.headers, body, service.limits)
        del body
        reply = await _answered(service, request, job)
    return json_response(ask_form.render(job, reply, service.version, service.abstaining))


async def _complete(service: Service, request: Request) -> Response:
    if _content_type(request) != "application/json":
        raise RequestError(415, "send JSON (application/json)")
    _check_room(service)
    with service.held.request() as count:
        body = await receive_body(request, service.limits, count)
        asked, job = await _parsed(body, chat_form.parse, body, service.version, service.limits)
        del body
        reply = await _answered(service, request, job)
    if asked.stream:
        return StreamingResponse(
            iter(list(chat_form.render_stream(asked, reply, service.version, service.abstaining))),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache"},
        )
    return json_response(chat_form.render(asked, reply, service.version, service.abstaining))


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _parsed(body: bytes, parse: Callable[..., Parsed], *arguments: object) -> Parsed:
    if len(body) > LARGE:
        return await asyncio.to_thread(parse, *arguments)
    return parse(*arguments)


def _check_room(service: Service) -> None:
    """Refuse a request before its body is read."""
    if service.ending:
        raise RequestError(503, "the server ends: ask another", "ending", headers={"Connection": "close"})
    try:
        service.batcher.check_room()
    except Full as full:
        raise _too_many(full) from full


def _too_many(full: Full) -> RequestError:
    return RequestError(429, str(full), "queue_full", headers={"Retry-After": str(full.retry_after)})


async def _answered(service: Service, request: Request, job: Job) -> Reply:
    """Queue a job and return its reply.

    A job whose asker has gone, or that has waited too long, is not computed. Raises RequestError, and ClientDisconnect.
    """
    reply = service.replies.of(job)
    try:
        service.batcher.put(job)
    except Full as full:
        raise _too_many(full) from full
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((reply, gone), timeout=service.limits.seconds, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() and not reply.done():
            raise ClientDisconnect
        # A job that is being computed cannot be cancelled, and its reply is near.
        if not reply.done() and job.reply.cancel():
            raise _waited_too_long(service)
        return await reply
    except VqatuneError as error:
        if isinstance(error, (DataError, ParameterError)):
            # About what was asked: asking again would not help.
            raise RequestError(400, str(error), "not_answerable") from error
        raise RequestError(500, str(error)) from error
    except asyncio.CancelledError as error:
        # The server ends, and the time to answer is over.
        service.unanswered += 1
        raise RequestError(
            503, "the server ends: ask again", "ending", headers={"Connection": "close"}
        ) from error
    except (RequestError, ClientDisconnect):
        raise
    except Exception as error:
        # The batcher has logged it.
        raise RequestError(500, "the model failed: what it said is in the server's log") from error
    finally:
        if job.reply.cancel():
            service.batcher.drop_cancelled()
        reply.cancel()
        gone.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _waited_too_long(service: Service) -> RequestError:
    retry = {"Retry-After": str(service.batcher.retry_after())}
    seconds = service.limits.seconds
    return RequestError(
        503, f"the request waited for {seconds:g} s and was given up: try again", "timeout", headers=retry
    )


async def _models(service: Service, request: Request) -> Response:
    return json_response({"object": "list", "data": [_described(service)]})


async def _model(service: Service, request: Request) -> Response:
    if request.path_params["name"] != service.version:
        raise RequestError(
            404, f"{service.version!r} is served here, no other model", "model_not_found", "model"
        )
    return json_response(_described(service))


def _described(service: Service) -> dict:
    return {"id": service.version, "object": "model", "created": service.started, "owned_by": "vqatune"}


async def _health(service: Service, request: Request) -> Response:
    batcher = service.batcher
    said = {
        "status": "ending" if service.ending else "ok",
        "model": service.model_type,
        "version": service.version,
        "queue": {"waiting": batcher.waiting, "computing": batcher.computing, "most": service.limits.queue},
    }
    return json_response(said, 503 if service.ending else 200)


async def _not_found(request: Request, error: HTTPException) -> Response:
    phrase = HTTPStatus(error.status_code).phrase
    said = f"{request.method} {request.url.path}: {phrase}; there are POST /ask and /v1/chat/completions, GET /v1/models and /health"
    return error_response(RequestError(error.status_code, said, headers=error.headers))


async def _failed(request: Request, error: Exception) -> Response:
    return error_response(RequestError(500, "the server failed: what went wrong is in its log"))
