"""What `vqatune publish` prints: which file goes where, and how to send it."""

from argparse import Namespace
from pathlib import Path

from vqatune.publishing.parts import part_files
from vqatune.publishing.publish import Part, prepare
from vqatune.publishing.request import Request
from vqatune.publishing.upload import check_login, repository_url, upload

FOLDER = Path(".work/publish")


def run_publish(chosen: Namespace) -> None:
    """Prepare what the command line asks for, and upload it where it says so.

    Raises ParameterError, ModelError, DataError and ArchiveError as `prepare`, and UploadError.
    """
    named = chosen.dataset is not None or chosen.model_only
    dataset = chosen.dataset if named else f"{chosen.repo}-data"
    request = Request(
        version=chosen.version,
        repo=chosen.repo,
        dataset=dataset,
        with_dataset=not chosen.model_only,
        training_state=chosen.training_state,
        data_license=chosen.data_license,
    )
    request.check()
    if chosen.upload:
        # Before gigabytes are prepared for nothing.
        print(f"uploading as {check_login()}")
    parts = prepare(request, chosen.folder or FOLDER / chosen.version)
    for part in parts:
        _show(part, chosen.private)
    if not chosen.upload:
        print("nothing was uploaded: read, and mend, each README.md; then run the same with --upload")
        return
    for part in parts:
        print(f"{upload(part, chosen.version, chosen.private)} holds {part.folder}")


def _show(part: Part, private: bool) -> None:
    files = {name: path.stat().st_size for name, path in part_files(part.folder).items()}
    state = "" if part.new else ", as it was prepared before"
    kind = f"private {part.kind}" if private else part.kind
    print(f"{part.folder}{state} → {repository_url(part.kind, part.repo)} ({kind})")
    width = max(map(len, files))
    for name, size in files.items():
        print(f"  {name:{width}}  {_size(size):>9}")
    print(f"  {len(files)} files, {_size(sum(files.values()))}")


def _size(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
