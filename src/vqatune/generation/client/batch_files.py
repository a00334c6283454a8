"""What is on disk of batch jobs: which images a job under way has, its requests on their way, its results."""

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
"""Of a job: small, so that little waits for its slowest request, and far below the 2 GB that the API takes."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request of a job: the image's key, the replies it had before, and the attempts that brought it none."""

    key: bytes
    image_id: str
    product_type: str
    tries: int
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a request: the raw reply, or None and the error that is in its place (google.rpc's codes)."""

    key: bytes
    reply: dict[str, Any] | None
    code: int = 0
    message: str = ""


@dataclass(slots=True)
class JobRecord:
    """A job as it is on disk before the server is asked to make it, so that whatever it has made is found again.

    `title` is its name here and there, `mark` stands for the key that it is made with (keys.key_mark), `file` is the
    server's name for the uploaded requests.
    """

    title: str
    about: str
    requests: list[Request]
    mark: str = ""
    file: str = ""

    def path(self, folder: Path) -> Path:
        """Return where it lies."""
        return folder / f"{self.title}.json"


def job_title(about: str, requests: list[Request], number: int) -> str:
    """Return the title of a job: a hash of what it asks, and the `number` of jobs before it.

    The number is there because a job that failed may be followed by one for the same images.
    """
    digest = blake2b(f"{number} {about}".encode(), digest_size=12)
    for request in requests:
        digest.update(request.key)
    return f"vqatune-{digest.hexdigest()}"


def save_record(record: JobRecord, folder: Path) -> None:
    """Write a job's record; it is on the disk when this returns."""
    requests = [asdict(request) | {"key": request.key.hex()} for request in record.requests]
    content = {name: getattr(record, name) for name in ("title", "about", "mark", "file")}
    with replacing(record.path(folder)) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(content | {"requests": requests}, file)
        file.flush()
        os.fsync(file.fileno())


def forget_record(record: JobRecord, folder: Path) -> None:
    """Delete a job's record."""
    record.path(folder).unlink(missing_ok=True)


def load_records(folder: Path) -> list[JobRecord]:
    """Return the records of the jobs under way, by title; raises DataError where one cannot be read."""
    records = []
    for path in sorted(folder.glob("vqatune-*.json")):
        try:
            content = json.loads(path.read_text("utf-8"))
            requests = [
                Request(**(each | {"key": bytes.fromhex(each["key"])})) for each in content["requests"]
            ]
            records.append(JobRecord(**(content | {"requests": requests})))
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise DataError(
                f"{path}: the record of a batch job cannot be read ({error}): delete it, and its images are asked "
                "about again"
            ) from error
    return records


def request_line(key: bytes, body: dict[str, Any]) -> bytes:
    """Return a line of a file of requests."""
    return json.dumps({"key": key.hex(), "request": body}, separators=(",", ":")).encode() + b"\n"


def read_results(path: Path) -> Iterator[Result]:
    """Yield the results in a file, line by line.

    A line that is none, or from which no key can be told, is passed over: its request is left without a result.
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
                yield Result(key, result["response"])
            elif isinstance(error, dict):
                code, message = error.get("code"), error.get("message")
                yield Result(key, None, code if isinstance(code, int) else 0, str(message or ""))
