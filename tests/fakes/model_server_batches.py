"""Files and batch jobs of the fake model server, as Gemini's API has them."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from typing import Any

from model_server_ledger import Entry
from model_server_shapes import Reply, gemini_error, json_reply, read_gemini

JOB_ENDS = ("SUCCEEDED", "FAILED", "EXPIRED", "CANCELLED")

# Status codes of google.rpc, which stand in the lines of a job's results where HTTP's stand elsewhere.
_RPC = {400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 413: 3, 429: 8, 500: 13, 502: 14, 503: 14, 504: 4}
_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"


@dataclass(slots=True)
class File:
    """A file in the server's store."""

    name: str
    owner: str
    content: bytes
    mime_type: str
    display_name: str = ""
    generated: bool = False
    created: str = field(default_factory=lambda: _now())

    def shown(self, url: str) -> dict[str, Any]:
        shown = {
            "name": self.name,
            "mimeType": self.mime_type,
            "sizeBytes": str(len(self.content)),
            "createTime": self.created,
            "updateTime": self.created,
            "sha256Hash": sha256(self.content).hexdigest(),
            "uri": f"{url}/v1beta/{self.name}",
            "state": "ACTIVE",
            "source": "GENERATED" if self.generated else "UPLOADED",
        }
        if self.generated:
            shown["downloadUri"] = f"{url}/download/v1beta/{self.name}:download?alt=media"
        return shown | ({"displayName": self.display_name} if self.display_name else {})


@dataclass(slots=True)
class Job:
    """A batch job; `polls` counts how often it was looked at."""

    name: str
    owner: str
    model: str
    display_name: str
    lines: list[tuple[dict | None, dict]]
    """Metadata or {'key': …}, and the body of a generateContent request."""
    source: dict
    end: str
    polls: int = 0
    state: str = "PENDING"
    results: list[dict | str] = field(default_factory=list)
    created: str = field(default_factory=lambda: _now())
    ended: str = ""

    @property
    def inline(self) -> bool:
        return "requests" in self.source

    def shown(self) -> dict[str, Any]:
        done = self.state in JOB_ENDS
        total, failed = (
            len(self.lines),
            sum("error" in line for line in self.results if isinstance(line, dict)),
        )
        stats = {"requestCount": str(total)}
        if self.state == "SUCCEEDED":
            stats |= {"successfulRequestCount": str(total - failed), "failedRequestCount": str(failed)}
        else:
            stats["pendingRequestCount"] = str(total)
        metadata = {"@type": _TYPE, "model": f"models/{self.model}", "displayName": self.display_name}
        metadata |= {"inputConfig": {} if self.inline else self.source, "createTime": self.created}
        metadata |= {"updateTime": self.ended or self.created, "batchStats": stats, "name": self.name}
        metadata["state"] = f"BATCH_STATE_{self.state}"
        shown = {"name": self.name, "metadata": metadata}
        if done:
            metadata["endTime"] = self.ended
            shown["done"] = True
        if self.state == "SUCCEEDED":
            given = {"inlinedResponses": {"inlinedResponses": self.results}}
            output = (
                given
                if self.inline
                else {"responsesFile": f"files/{self.name.replace('batches/', 'batch-')}"}
            )
            metadata["output"] = output
            shown["response"] = output
        elif done:
            shown["error"] = {"code": 13, "message": f"The batch has ended as {self.state}."}
        return shown


class Batches:
    """The files and jobs of one server; every call is made under the server's lock.

    `answer(entry, model)` chooses the behaviour towards one line of a job and gives the reply.
    """

    def __init__(self, answer: Callable[[Entry, str], Reply]) -> None:
        self.files: dict[str, File] = {}
        self.jobs: dict[str, Job] = {}
        self._answer = answer
        self._uploads: dict[str, tuple[str, dict, bytearray]] = {}
        self._numbers = count(1)

    # Files.

    def owner(self, upload: str) -> str:
        """Return the key that started an upload; empty where there is none."""
        return self._uploads[upload][0] if upload in self._uploads else ""

    def upload(self, url: str, key: str, headers: Any, upload: str, content: bytes) -> Reply:
        """Start an upload, or take a part of it."""
        commands = [part.strip() for part in headers.get("X-Goog-Upload-Command", "").split(",")]
        if commands == ["start"]:
            about = json.loads(content or b"{}").get("file", {})
            about["type"] = headers.get("X-Goog-Upload-Header-Content-Type", "")
            name = f"upload{next(self._numbers)}"
            self._uploads[name] = key, about, bytearray()
            where = f"{url}/upload/v1beta/files?upload_id={name}&upload_protocol=resumable"
            told = {"X-Goog-Upload-URL": where, "X-Goog-Upload-Status": "active"}
            return Reply(200, b"", headers=told | {"X-Goog-Upload-Chunk-Granularity": "8388608"})
        if upload not in self._uploads:
            return _error(404, "There is no such upload.")
        owner, about, so_far = self._uploads[upload]
        if "query" in commands:
            told = {"X-Goog-Upload-Status": "active", "X-Goog-Upload-Size-Received": str(len(so_far))}
            return Reply(200, b"", headers=told)
        if int(headers.get("X-Goog-Upload-Offset", "0")) != len(so_far):
            return _error(400, "The offset is not where the upload has come to.")
        so_far += content
        if "finalize" not in commands:
            return Reply(200, b"", headers={"X-Goog-Upload-Status": "active"})
        name = about.get("name") or f"files/upload{next(self._numbers):04d}"
        shown_name = about.get("displayName") or about.get("display_name") or ""
        self.files[name] = file = File(name, owner, bytes(so_far), about["type"], shown_name)
        return json_reply({"file": file.shown(url)}, headers={"X-Goog-Upload-Status": "final"})

    def file(self, url: str, key: str, name: str, kind: str) -> Reply:
        """Show, download or delete a file."""
        file = self.files.get(name)
        if file is None or file.owner != key:
            return _error(403, f"You do not have permission to access the File {name}, or it may not exist.")
        if kind == "file_delete":
            del self.files[name]
            return json_reply({})
        if kind == "file":
            return json_reply(file.shown(url))
        if not file.generated:
            return _error(400, "Only generated files can be downloaded.")
        return Reply(200, file.content, file.mime_type)

    def list_files(self, url: str, key: str, size: int, token: str) -> Reply:
        """List a key's files, a page at a time."""
        mine = [file.shown(url) for file in self.files.values() if file.owner == key]
        return _page("files", mine, size, token)

    # Jobs.

    def create(self, key: str, model: str, content: bytes, ends: list[str]) -> Reply:
        """Create a job from a file, or from requests in the body; its end is taken off the list."""
        batch = json.loads(content).get("batch") or {}
        source = batch.get("inputConfig") or batch.get("input_config") or {}
        file_name = source.get("fileName") or source.get("file_name")
        if file_name:
            file = self.files.get(file_name)
            if file is None or file.owner != key:
                return _error(403, f"You do not have permission to access the File {file_name}.")
            source = {"fileName": file_name}
            try:
                read = [json.loads(line) for line in file.content.splitlines() if line.strip()]
                lines = [({"key": line.get("key")}, line["request"]) for line in read]
            except (ValueError, LookupError, TypeError, AttributeError):
                return _error(400, f"{file_name} is not JSON Lines of key and request.")
        else:
            given = (source.get("requests") or {}).get("requests") or []
            lines = [(line.get("metadata"), line["request"]) for line in given]
        if not lines:
            return _error(400, "The batch has no requests.")
        name = f"batches/job{next(self._numbers):04d}"
        shown_name = batch.get("displayName") or batch.get("display_name") or ""
        self.jobs[name] = job = Job(
            name, key, model, shown_name, lines, source, ends.pop(0) if ends else "SUCCEEDED"
        )
        return json_reply(job.shown())

    def job(self, key: str, name: str, kind: str, polls: int) -> Reply:
        """Show a job, which brings it on by a poll; cancel it; or delete it."""
        job = self.jobs.get(name)
        if job is None or job.owner != key:
            return _error(404, "Requested entity was not found.")
        if kind == "job_delete":
            del self.jobs[name]
            return json_reply({})
        if job.state not in JOB_ENDS:
            if kind == "cancel":
                job.state, job.ended = "CANCELLED", _now()
            else:
                job.polls += 1
                if job.polls >= polls:
                    self._finish(job)
                elif job.polls >= (polls + 1) // 2:
                    job.state = "RUNNING"
        return json_reply({} if kind == "cancel" else job.shown())

    def list_jobs(self, key: str, size: int, token: str) -> Reply:
        """List a key's jobs, the newest first, a page at a time."""
        mine = [job.shown() for job in reversed(self.jobs.values()) if job.owner == key]
        return _page("operations", mine, size, token)

    def _finish(self, job: Job) -> None:
        job.state, job.ended = job.end, _now()
        if job.state != "SUCCEEDED":
            return
        for about, body in job.lines:
            line = self._line(job, body)
            if isinstance(line, dict):
                line = ({"metadata": about} if job.inline else dict(about or {})) | line
            if line is not None:
                job.results.append(line)
        if job.inline:
            job.results = [line for line in job.results if isinstance(line, dict)]
            return
        lines = [line if isinstance(line, str) else json.dumps(line) for line in job.results]
        name = f"files/{job.name.replace('batches/', 'batch-')}"
        content = "".join(line + "\n" for line in lines).encode()
        self.files[name] = File(name, job.owner, content, "application/jsonl", generated=True)

    def _line(self, job: Job, body: dict) -> dict | str | None:
        """Return a line of the results: a response, an error, something broken, or None for one that is lost."""
        entry = Entry(time.monotonic(), job.owner, "batch", accepted=True)
        entry.image, entry.input_tokens = read_gemini(body)
        reply = self._answer(entry, job.model)
        name = entry.behaviour.split()[0]
        entry.done = time.monotonic()
        if name in ("reset", "reset_midway", "hang"):
            return None
        entry.status, entry.output_tokens = reply.status, reply.output_tokens
        if name in ("html", "list", "not_json"):
            return '{"key": "' + entry.image[:3]
        if reply.status != 200:
            said = _message(reply)
            return {"error": {"code": _RPC.get(reply.status, 2), "message": said}}
        entry.answered = True
        return {"response": json.loads(reply.body)}


def _message(reply: Reply) -> str:
    return (
        json.loads(reply.body)["error"]["message"] if reply.content_type.endswith("json") else "Unavailable."
    )


def _page(name: str, items: list[dict], size: int, token: str) -> Reply:
    start = int(token or 0)
    page = {name: items[start : start + size]} if items[start : start + size] else {}
    more = {"nextPageToken": str(start + size)} if start + size < len(items) else {}
    return json_reply(page | more)


def _error(status: int, message: str) -> Reply:
    return json_reply(gemini_error(status, message), status)


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
