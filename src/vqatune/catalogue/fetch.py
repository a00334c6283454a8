"""Downloads an archive over HTTP: resumed after an interruption, retried on network errors, verified at the end."""

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from vqatune.errors import ArchiveError
from vqatune.params import ArchiveParams
from vqatune.runtime.terminal import Terminal

_logger = logging.getLogger(__name__)

ATTEMPTS = 6
"""Maximum number of consecutive failures without progress."""

_TIMEOUT = (10, 60)  # seconds to connect, and between two chunks
# A chunk that does not arrive whole is lost.
_CHUNK = 2**14


@dataclass(frozen=True)
class Fetched:
    """A downloaded file: length in bytes, and SHA-256 in hexadecimal."""

    bytes: int
    sha256: str


class _Interrupted(Exception):
    """The download failed in a way that is worth a retry."""


def fetch(archive: ArchiveParams, target: Path, partial: Path, pause: float = 1.0) -> Fetched:
    """Download `archive.url` to `target`, through `partial`, which keeps an interrupted download.

    A later call resumes `partial` (or revalidates `target`, where the download was complete) unless the server's
    file has changed since. `pause`: seconds before the first retry, doubled for each further one. Length and SHA-256
    are checked against `archive` where it has them, and printed on standard error where it has not.

    Raises ArchiveError where the server refuses, is unreachable, or has another file than expected, and where the
    file cannot be written.
    """
    target, partial = Path(target), Path(partial)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.replace(partial)
        with bytes_bar() as progress:
            _download(archive, partial, pause, progress)
            length, sha256 = _checked(archive, partial, progress)
        partial.replace(target)
    except OSError as error:
        raise ArchiveError(
            f"cannot write {partial} ({error.strerror or error}): free space or correct its permissions, and run "
            "again; what has been fetched is kept"
        ) from error
    if archive.bytes is None or archive.sha256 is None:
        _logger.info(f"{target.name}: to pin it in params.yaml: bytes: {length}, sha256: {sha256}")
    return Fetched(length, sha256)


def bytes_bar() -> Progress:
    """Return a progress bar for bytes on standard error; nothing is shown where that is no terminal."""
    console = Terminal(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _download(archive: ArchiveParams, partial: Path, pause: float, progress: Progress) -> None:
    task = progress.add_task(f"fetching {archive.url.rpartition('/')[2]}", total=archive.bytes)
    failures, longest = 0, _size(partial)
    with requests.Session() as session:
        while True:
            try:
                _request(session, archive, partial, progress, task)
                return
            except _Interrupted as interruption:
                # Only bytes beyond the most so far are progress: a server without ranges starts over every time.
                failures = failures + 1 if _size(partial) <= longest else 0
                longest = max(longest, _size(partial))
                if failures == ATTEMPTS:
                    raise ArchiveError(
                        f"{archive.url} cannot be fetched ({interruption}; tried {ATTEMPTS} times): check the network "
                        "and run again; what has been fetched is kept"
                    ) from interruption
            time.sleep(pause * 2 ** max(0, failures - 1))


def _request(
    session: requests.Session, archive: ArchiveParams, partial: Path, progress: Progress, task: TaskID
) -> None:
    """Request the rest of `partial` and append it, or the whole file where that is not possible."""
    known = _read_state(partial, archive.url)
    # With compression, length and range would not be those of the file.
    headers = {"Accept-Encoding": "identity"} | _conditions(_size(partial), known)
    with (
        _network_errors(archive),
        session.get(archive.url, headers=headers, stream=True, timeout=_TIMEOUT) as response,
    ):
        if response.status_code == 304:
            return
        if response.status_code == 416:
            _forget(partial)
        _check_status(response)
        start = _size(partial) if response.status_code == 206 else 0
        content_range = response.headers.get("Content-Range", "")
        if start and (
            _validator(response) != known["validator"] or not content_range.startswith(f"bytes {start}-")
        ):
            _forget(partial)
            raise _Interrupted("the server's range does not fit what has been fetched")
        total = None
        if "Content-Length" in response.headers:
            total = start + int(response.headers["Content-Length"])
            _check_length(archive, total)
        state = {"url": archive.url, "validator": _validator(response), "bytes": total}
        with partial.open("r+b" if partial.exists() else "wb") as file:
            file.seek(start)
            # Before the state is written, so that a crash never leaves another file's bytes with it.
            file.truncate()
            _state_file(partial).write_text(json.dumps(state), encoding="utf-8")
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                progress.update(task, completed=file.tell(), total=total)
    if total is not None and _size(partial) < total:
        raise _Interrupted("the connection was cut")


def _conditions(size: int, known: dict) -> dict[str, str]:
    """Return the headers of a conditional request: only the missing bytes, if the server's file is unchanged."""
    validator = known.get("validator")
    if not size or not validator:
        return {}
    if size == known.get("bytes"):
        return {"If-None-Match" if validator.startswith('"') else "If-Modified-Since": validator}
    return {"Range": f"bytes={size}-", "If-Range": validator}


def _validator(response: requests.Response) -> str | None:
    """Return the validator of this version of the file: a strong ETag, or the date of its last change."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def _check_status(response: requests.Response) -> None:
    status = response.status_code
    answer = f"{status} {response.reason}"
    if status in (200, 206):
        return
    if status in (408, 416, 429) or status >= 500:
        raise _Interrupted(answer)
    raise ArchiveError(
        f"{response.url} cannot be fetched (the server answers {answer}): correct the url in params.yaml"
    )


@contextmanager
def _network_errors(archive: ArchiveParams) -> Iterator[None]:
    try:
        yield
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        raise _Interrupted(_reason(error)) from error
    except requests.RequestException as error:
        raise ArchiveError(
            f"{archive.url} cannot be fetched ({_reason(error)}): correct the url in params.yaml"
        ) from error


def _reason(error: BaseException) -> str:
    """Return the message of the innermost cause; the layers above only wrap it."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return " ".join((getattr(error, "strerror", None) or str(error)).split())


def _check_length(archive: ArchiveParams, length: int) -> None:
    if archive.bytes is not None and length != archive.bytes:
        raise ArchiveError(
            f"{archive.url} has {length} bytes, not {archive.bytes} as params.yaml says: it is another file; correct "
            "url, bytes and sha256 there"
        )


def _checked(archive: ArchiveParams, partial: Path, progress: Progress) -> tuple[int, str]:
    length = _size(partial)
    task = progress.add_task("checking SHA-256", total=length)
    digest = hashlib.sha256()
    with partial.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
            progress.advance(task, len(chunk))
    sha256 = digest.hexdigest()
    _check_length(archive, length)
    if archive.sha256 is not None and sha256 != archive.sha256.lower():
        _forget(partial)
        raise ArchiveError(
            f"{archive.url} has SHA-256 {sha256}, not {archive.sha256} as params.yaml says: it was damaged on its way "
            "(run again) or is another file (correct url, bytes and sha256 there); what was fetched is removed"
        )
    return length, sha256


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _state_file(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


def _read_state(partial: Path, url: str) -> dict:
    """Return the state (url, validator, bytes) of the download in `partial`; {} where it is not of `url`."""
    try:
        state = json.loads(_state_file(partial).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return state if state["url"] == url else {}


def _forget(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _state_file(partial).unlink(missing_ok=True)
