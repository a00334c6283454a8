"""What the fake model server does with each request: lets it in or not, chooses its behaviour, and answers."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web
from model_server_batches import Batches
from model_server_behaviours import Request, drawn, next_planned, parse, reply_to
from model_server_http import key_of, reset, route, send, send_half, wants_numbers
from model_server_ledger import KINDS_ASKED, Entry
from model_server_quotas import Usage, quota_headers
from model_server_shapes import (
    Reply,
    chat_error,
    exhausted_chat,
    exhausted_gemini,
    gemini_error,
    json_reply,
    model_reply,
    read_chat,
    read_gemini,
    refused_key,
)
from model_server_texts import default_answer, unit

if TYPE_CHECKING:
    from model_server import ModelServer

Prepared = tuple[float, Callable[[], Reply]]
"""The seconds to wait, and then what makes the reply."""


class Desk:
    """Where a server's requests are dealt with; runs in the server's thread, under its settings and lock."""

    def __init__(self, server: "ModelServer") -> None:
        self.server = server
        self.batches = Batches(self._answer_line)
        self._usages: dict[str, Usage] = {}
        self._tries: Counter[str] = Counter()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, and keep the server's ledger about it."""
        server = self.server
        kind, name = route(request)
        entry = Entry(time.monotonic(), key_of(request), kind)
        with server.lock:
            server.ledger.append(entry)
            server.in_flight += 1
            server.max_in_flight = max(server.max_in_flight, server.in_flight)
        try:
            content = await request.content.read()
            prepare = self._prepare_answer if kind in KINDS_ASKED else self._prepare_service
            latency, make = prepare(request, entry, name, content)
            return await self._behave(request, entry, latency, make)
        finally:
            with server.lock:
                server.in_flight -= 1
                entry.done = time.monotonic()

    async def _behave(
        self, request: web.BaseRequest, entry: Entry, latency: float, make: Callable[[], Reply]
    ) -> web.StreamResponse:
        """Send the reply that `make` gives, as late and as broken as the entry's behaviour has it."""
        name, number = parse(entry.behaviour) if entry.accepted else ("ok", None)
        if name == "slow":
            latency += 1.0 if number is None else number
        if latency:
            await asyncio.sleep(latency)
        if name == "hang":
            await asyncio.Event().wait()
        if name == "reset":
            return reset(request)
        reply = make()
        entry.status, entry.output_tokens = reply.status, reply.output_tokens
        if name == "reset_midway":
            return await send_half(request, reply)
        # Set beforehand: a client that has its reply finds it in the ledger.
        entry.answered = 200 <= reply.status < 300
        try:
            return await send(request, reply)
        except BaseException:
            entry.answered = False
            raise

    def _prepare_answer(
        self, request: web.BaseRequest, entry: Entry, model: str, content: bytes
    ) -> tuple[float, Callable[[], Reply]]:
        """Return the latency of the reply to a request about an image, and what makes the reply."""
        chat = entry.kind == "chat"
        try:
            body = json.loads(content)
            entry.image, entry.input_tokens = read_chat(body) if chat else read_gemini(body)
            model = body["model"] if chat else model
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            entry.behaviour, said = "400", f"The request cannot be read: {type(error).__name__} {error}"
            return 0.0, lambda: json_reply(chat_error(400, said) if chat else gemini_error(400, said), 400)
        entry.body = body if self.server.keep_bodies else None
        told: dict[str, str] = {}
        with self.server.lock:
            # Bodies may arrive in another order than requests began; the quota's clock must not run back.
            entry.time = time.monotonic()
            refusal = self._refusal_of_key(entry) or self._refusal_of_quota(entry, told)
            if refusal is not None:
                return 0.0, lambda: refusal
            self._let_in(entry)
            latency = self.server.latency
        if self.server.models is not None and model not in self.server.models:
            entry.behaviour = "model_missing"
        if isinstance(latency, tuple):
            low, high = latency
            latency = low + (high - low) * unit(self.server.seed, "latency", entry.image, entry.try_number)

        def make() -> Reply:
            reply = self._reply(entry, model, wants_numbers(request))
            reply.headers |= told
            return reply

        return latency, make

    def _prepare_service(
        self, request: web.BaseRequest, entry: Entry, name: str, content: bytes
    ) -> tuple[float, Callable[[], Reply]]:
        """Return the latency of the reply to any other request, and what does it and makes the reply."""
        upload = request.query.get("upload_id", "")
        # The parts of an upload carry no key.
        entry.key = entry.key or self.batches.owner(upload)
        with self.server.lock:
            refusal = self._refusal_of_key(entry)
            if refusal is not None:
                return 0.0, lambda: refusal
            entry.accepted = True
            entry.behaviour = next_planned(self.server.service_plans, entry.kind) or "ok"
        named, number = parse(entry.behaviour)
        if named not in ("ok", "slow", "hang", "reset", "reset_midway"):
            about = Request(False, name, "", 0)
            return 0.0, lambda: reply_to(about, named, number, [], self.server.retry_after)

        def make() -> Reply:
            with self.server.lock:
                return self._serve_request(request, entry, name, upload, content)

        return 0.0, make

    def _serve_request(
        self, request: web.BaseRequest, entry: Entry, name: str, upload: str, content: bytes
    ) -> Reply:
        kind, key, batches, query = entry.kind, entry.key, self.batches, request.query
        size, token = int(query.get("pageSize", "50")), query.get("pageToken", "")
        if kind == "upload":
            return batches.upload(self.server.url, key, request.headers, upload, content)
        if kind == "files":
            return batches.list_files(self.server.url, key, size, token)
        if kind in ("file", "file_delete", "download"):
            return batches.file(self.server.url, key, name, kind)
        if kind == "create":
            if self.server.models is not None and name not in self.server.models:
                return json_reply(gemini_error(404, model=name), 404)
            return batches.create(key, name, content, self.server.job_ends)
        if kind == "jobs":
            return batches.list_jobs(key, size, token)
        if kind in ("job", "cancel", "job_delete"):
            return batches.job(key, name, kind, self.server.batch_polls)
        if kind in ("models", "model"):
            return model_reply(self.server.models, name, openai="Authorization" in request.headers)
        return json_reply(gemini_error(404, "There is nothing here."), 404)

    def _refusal_of_key(self, entry: Entry) -> Reply | None:
        chat, status = entry.kind == "chat", self.server.bad_keys.get(entry.key)
        if status is None and self.server.quotas is not None and entry.key not in self.server.quotas:
            status = 401 if chat else 400
        if status is None:
            return None
        entry.behaviour = "bad_key"
        return refused_key(entry.key, status, chat)

    def _refusal_of_quota(self, entry: Entry, told: dict[str, str]) -> Reply | None:
        """Return the reply to a request over its quota; `told` takes the headers of a reply to one within it."""
        if self.server.quotas is None:
            return None
        chat, quota = entry.kind == "chat", self.server.quotas[entry.key]
        usage = self._usages.setdefault(entry.key, Usage())
        day = 1440 * self.server.minute if self.server.day is None else self.server.day
        broken = usage.take(quota, entry.time, entry.input_tokens, self.server.minute, day)
        if not broken:
            if chat and self.server.tell_quota:
                told |= quota_headers(quota, usage)
            return None
        entry.behaviour = "quota"
        delay = max(violation.delay for violation in broken) if self.server.tell_delay else None
        broken = broken if self.server.tell_quota else []
        return (
            exhausted_chat(delay, broken)
            if chat
            else exhausted_gemini(delay, broken, self.server.retry_after)
        )

    def _let_in(self, entry: Entry) -> None:
        """Count a request about an image, and choose how to behave towards it."""
        entry.accepted = True
        self._tries[entry.image] += 1
        entry.try_number = self._tries[entry.image]
        planned = next_planned(self.server.plans, entry.image) or next_planned(self.server.plans, "*")
        entry.behaviour = planned or drawn(self.server.chaos, self.server.seed, entry.image, entry.try_number)

    def _reply(self, entry: Entry, model: str, numbers: bool = False) -> Reply:
        """Return the whole reply of an entry's behaviour."""
        about = Request(entry.kind == "chat", model, entry.image, entry.input_tokens, numbers)
        pairs = (
            self.server.answer(entry.image)
            if self.server.answer
            else default_answer(entry.image, self.server.pairs)
        )
        return reply_to(about, *parse(entry.behaviour), pairs, self.server.retry_after)

    def _answer_line(self, entry: Entry, model: str) -> Reply:
        """Return the reply about a line of a batch job, and enter it in the ledger."""
        self.server.ledger.append(entry)
        self._let_in(entry)
        return self._reply(entry, model)
