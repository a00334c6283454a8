"""Upload of prepared folders to the Hugging Face hub: files that are there are not sent again, and errors are one line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from httpx2 import HTTPError
from huggingface_hub import HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from vqatune.errors import VqatuneError
from vqatune.publishing.prepared import RECORD
from vqatune.publishing.publish import Part

# Of an earlier upload's files, only those of ours that would be read with the rest.
_STALE = {"dataset": ["data/*.parquet", "pairs/*.parquet"], "model": ["base/*", "training_state/*"]}


class UploadError(VqatuneError):
    """The hub cannot be reached, or does not accept an upload."""


def repository_url(kind: str, repo: str) -> str:
    """Return the address of a repository of the hub."""
    return f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{repo}"


def check_login() -> str:
    """Return the name of whose token this is: HF_TOKEN's, or that of `hf auth login`.

    Raises UploadError where there is no token, the hub does not accept it, or cannot be reached.
    """
    if get_token() is None:
        raise UploadError("there is no token of the Hugging Face hub: run `hf auth login`, or set HF_TOKEN")
    with _one_line("the hub"):
        return HfApi().whoami()["name"]


def upload(part: Part, version: str, private: bool) -> str:
    """Create a part's repository where it is not there yet, and send its folder; return the repository's address.

    A restarted upload resumes: files already on the hub are skipped. Raises UploadError.
    """
    api = HfApi()
    with _one_line(part.repo):
        api.create_repo(part.repo, repo_type=part.kind, private=private or None, exist_ok=True)
        api.upload_folder(
            repo_id=part.repo,
            repo_type=part.kind,
            folder_path=part.folder,
            ignore_patterns=[RECORD],
            delete_patterns=_STALE[part.kind],
            commit_message=f"vqatune publish {version}",
        )
    return repository_url(part.kind, part.repo)


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise UploadError(
            "HF_HUB_OFFLINE is set, so nothing goes to the hub: unset it, and run the same again"
        ) from error
    except HfHubHTTPError as error:
        raise UploadError(_refusal(error, what)) from error
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        # Where files are sent by several threads, what happened to one is behind another error.
        cause = error.__cause__ if isinstance(error, RuntimeError) else None
        if isinstance(cause, HfHubHTTPError):
            raise UploadError(_refusal(cause, what)) from error
        raise UploadError(
            f"{what} at {constants.ENDPOINT} cannot be reached or written to ({_short(cause or error)}): run the same "
            "again, and it goes on where it stopped"
        ) from error


def _refusal(error: HfHubHTTPError, what: str) -> str:
    status = error.response.status_code
    detail = _short(error.server_message or "")
    reason = f" ({detail})" if detail else ""
    token = "HF_TOKEN" if os.environ.get("HF_TOKEN") else "the token of `hf auth login`"
    if status == 401:
        return f"the hub does not accept {token}{reason}: make one that may write, at {constants.ENDPOINT}/settings/tokens"
    if status in (403, 404):
        return (
            f"{token} may not write to {what}{reason}: check the owner's name, and that the token may write to its "
            "repositories"
        )
    if status == 429:
        return f"the hub has had too many requests{reason}: wait, run the same again, and it goes on where it stopped"
    if status in (402, 413, 507):
        return f"the hub has no room for {what}{reason}: see the storage that its owner has left"
    if status >= 500:
        return f"the hub has a problem, HTTP {status}{reason}: run the same later, and it goes on where it stopped"
    return f"the hub refuses what was sent to {what}, HTTP {status}{reason}: correct that, and run the same again"


def _short(error: object, longest: int = 200) -> str:
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= longest else line[: longest - 1] + "…"
