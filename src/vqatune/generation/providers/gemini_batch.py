"""The gemini_batch provider: Gemini's batch jobs through its SDK, with an uploaded file of requests and one of results."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vqatune.generation.prompts.prompt import Prompt
from vqatune.generation.providers import gemini, mime_type
from vqatune.generation.providers.errors import PermanentError, ProviderError, TransientError
from vqatune.generation.providers.gemini import clients, send
from vqatune.generation.providers.gemini_replies import parse_reply, redact
from vqatune.params import ComputeParams, GenerateParams

__all__ = ["ENDED", "INFO", "Job", "JobServer", "NotFoundError", "connect", "parse_reply", "request_body"]

INFO = replace(gemini.INFO, in_batch_jobs=True)

ENDED = ("succeeded", "partially_succeeded", "failed", "cancelled", "expired")
"""The final states of a job."""
_GOOGLE = "https://generativelanguage.googleapis.com"
_TRANSFER = 10
"""Times generate.timeout_seconds that the download of a results file may take."""
_PAGE = 100
_NO_FILE = (403, 404)
"""HTTP statuses of a deleted file: for Google, the key has no permission for it."""


class NotFoundError(ProviderError):
    """The server has no such job or file for this key."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job's state (pending, running, succeeded, …), its results file, and the reason of a failure."""

    state: str
    results: str = ""
    reason: str = ""


def request_body(image: bytes, metadata: str, prompt: Prompt, params: GenerateParams) -> dict[str, Any]:
    """Return the body of a request about an image, as generateContent would send it.

    Raises PermanentError for an image format that the models do not take.
    """
    kind = mime_type(image)
    if kind is None:
        raise PermanentError("unsupported image", "the image is no JPEG, PNG or WebP")
    picture = {"inlineData": {"data": base64.b64encode(image).decode(), "mimeType": kind}}
    config = {
        "temperature": params.temperature,
        "maxOutputTokens": params.max_output_tokens,
        "responseMimeType": None if prompt.form == "text" else "application/json",
        "responseJsonSchema": prompt.schema if prompt.form == "schema" else None,
    }
    return {
        "contents": [{"parts": [picture, {"text": metadata}], "role": "user"}],
        "systemInstruction": {"parts": [{"text": prompt.text}], "role": "user"},
        "generationConfig": {name: value for name, value in config.items() if value is not None},
    }


@asynccontextmanager
async def connect(params: GenerateParams, compute: ComputeParams) -> AsyncIterator["JobServer"]:
    """Yield the server of the jobs."""
    async with clients(params) as client:
        yield JobServer(params, client)


class JobServer:
    """Jobs and files on the server; each belongs to the project of the key that created it.

    Every method sends one request, and raises a ProviderError, or ParameterError where the model or the endpoint is
    wrong; no message contains the key.
    """

    def __init__(self, params: GenerateParams, client: Callable[[str], Any]) -> None:
        self._params, self._client = params, client

    async def upload(self, path: Path, title: str, key: str) -> str:
        """Upload a file of requests (JSON Lines); return the server's name for it, valid for two days."""
        request = self._client(key).files.upload(
            file=path, config={"mime_type": "jsonl", "display_name": title}
        )
        # No timeout for the whole: the SDK sends the file in parts, each with the timeout of a request.
        file, _ = await send(request, self._params, key)
        return _named(file)

    async def create(self, file: str, title: str, key: str) -> str:
        """Create a job of an uploaded file; return the server's name for it."""
        model = self._params.model
        request = self._client(key).batches.create(model=model, src=file, config={"display_name": title})
        job, _ = await send(request, self._params, key, self._params.timeout_seconds)
        return _named(job)

    async def find(self, title: str, key: str) -> str:
        """Return the server's name for the job with a title, '' where there is none."""

        async def search() -> str:
            async for job in await self._client(key).batches.list(config={"page_size": _PAGE}):
                if job.display_name == title:
                    return _named(job)
            return ""

        name, _ = await send(search(), self._params, key)
        return name

    async def poll(self, name: str, key: str) -> Job:
        """Return the job; raises NotFoundError where there is none."""
        request = self._client(key).batches.get(name=name)
        job, trace = await send(request, self._params, key, self._params.timeout_seconds, _not_found(name))
        state = job.state.name.removeprefix("JOB_STATE_").lower() if job.state else "unspecified"
        return Job(state, (job.dest and job.dest.file_name) or "", redact(_reason(trace.body), key))

    async def download(self, file: str, path: Path, key: str) -> None:
        """Download a results file; raises NotFoundError where it is deleted."""
        # Google's address that answers without a redirect, which would not be followed.
        where = (self._params.endpoint or _GOOGLE).rstrip("/") + "/download"
        longest = round(_TRANSFER * self._params.timeout_seconds * 1000)
        options = {"base_url": where, "timeout": longest}
        request = self._client(key).files.download(
            file=file, destination=path, config={"http_options": options}
        )
        await send(request, self._params, key, None, _not_found(file), _NO_FILE)

    async def delete(self, file: str, key: str) -> None:
        """Delete a file."""
        request = self._client(key).files.delete(name=file)
        await send(request, self._params, key, self._params.timeout_seconds, _not_found(file), _NO_FILE)


def _named(made: Any) -> str:
    if not made.name:
        raise TransientError("not a reply", "something that is no reply of Gemini's came back")
    return made.name


def _not_found(name: str) -> NotFoundError:
    return NotFoundError("gone", f"the server has no {name}")


def _reason(body: bytes) -> str:
    """Return the reason of a job's failure, which the SDK drops."""
    try:
        error = json.loads(body).get("error") or {}
        return str(error.get("message") or "")
    except (ValueError, AttributeError):
        return ""
