"""Files of batch jobs: records of the jobs under way, uploaded requests, downloaded results."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from vqatune.errors import DataError
from vqatune.tables import replacing

MOST_REQUESTS = 2000
MOST_BYTES = 100_000_000
"""Per job: small, so that little waits for its slowest request, and far below the 2 GB that the API takes."""


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A request of a job: the image's reply key, `tries` that brought a reply before, and `failures` that brought none."""

    key: bytes
    image_id: str
    product_type: str
    tries: int
    failures: int = 0


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of a request: the raw reply, or None and the error in its place (google.rpc's codes)."""

    key: bytes
    reply: dict[str, Any] | None
    code: int = 0
    message: str = ""


@dataclass(slots=True)
class JobRecord:
    """A job's record, on disk before the job is created, so that the next run finds every job of the server.

    `title` is the job's display name, `mark` identifies the key that creates it (api_keys.key_mark), and `file` is the
    server's name for the uploaded requests.
    """

    title: str
    about: str
    requests: list[BatchRequest]
    mark: str = ""
    file: str = ""

    def path(self, folder: Path) -> Path:
        """Return the record's path."""
        return folder / f"{self.title}.json"


def job_title(about: str, requests: list[BatchRequest], number: int) -> str:
    """Return the title of a job: a hash of its requests and settings, and of the `number` of jobs before it.

    The number tells a job from an earlier one for the same images that failed.
    """
    digest = blake2b(f"{number} {about}".encode(), digest_size=12)
    for request in requests:
        digest.update(request.key)
    return f"vqatune-{digest.hexdigest()}"


def save_record(record: JobRecord, folder: Path) -> None:
    """Write a job's record, synchronised to disk."""
    requests = [asdict(request) | {"key": request.key.hex()} for request in record.requests]
    content = {name: getattr(record, name) for name in ("title", "about", "mark", "file")}
    with replacing(record.path(folder)) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(content | {"requests": requests}, file)
        file.flush()
        os.fsync(file.fileno())


def delete_record(record: JobRecord, folder: Path) -> None:
    """Delete a job's record."""
    record.path(folder).unlink(missing_ok=True)


def load_records(folder: Path) -> list[JobRecord]:
    """Return the records of the jobs under way, by title; raises DataError where one cannot be read."""
    records = []
    for path in sorted(folder.glob("vqatune-*.json")):
        try:
            content = json.loads(path.read_text("utf-8"))
            requests = [
                BatchRequest(**(each | {"key": bytes.fromhex(each["key"])})) for each in content["requests"]
            ]
            records.append(JobRecord(**(content | {"requests": requests})))
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise DataError(
                f"{path}: the record of a batch job cannot be read ({error}): delete it, and its images are asked "
                "about again"
            ) from error
    return records


def request_line(key: bytes, body: dict[str, Any]) -> bytes:
    """Return a request as a line of the uploaded file."""
    return json.dumps({"key": key.hex(), "request": body}, separators=(",", ":")).encode() + b"\n"


def read_results(path: Path) -> Iterator[BatchResult]:
    """Yield the results in a file.

    A line without a readable key is skipped: its request counts as one without a result.
    """
    with path.open("rb") as file:
        for line in file:
            try:
                result = json.loads(line)
                key = bytes.fromhex(result["key"])
            except (ValueError, TypeError, LookupError, RecursionError):
                continue
            error = result.get("error") or result.get("status")
            if isinstance(result.get("response"), dict):
                yield BatchResult(key, result["response"])
            elif isinstance(error, dict):
                code, message = error.get("code"), error.get("message")
                yield BatchResult(key, None, code if isinstance(code, int) else 0, str(message or ""))
