"""`vqatune publish`: prepare a version and its dataset for the Hugging Face hub, and upload them with --upload."""

import argparse
from pathlib import Path

from vqatune.publishing.hub import check_login, repository_url, upload
from vqatune.publishing.prepared import part_files
from vqatune.publishing.publish import Part, prepare
from vqatune.publishing.request import Request
from vqatune.runtime.output import say

FOLDER = Path(".work/publish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("version", help="such as v13")
    parser.add_argument(
        "--repo",
        metavar="OWNER/NAME",
        required=True,
        help="the repository of the hub that the adapter is for",
    )
    parser.add_argument(
        "--dataset",
        metavar="OWNER/NAME",
        help="the repository for the dataset (default: that of --repo with -data after it)",
    )
    parser.add_argument(
        "--model-only",
        action="store_true",
        help="leave the dataset out; the card still names it where --dataset is given",
    )
    parser.add_argument(
        "--folder",
        metavar="DIR",
        type=Path,
        help="the folder for the prepared files (default: .work/publish/VERSION)",
    )
    parser.add_argument(
        "--training-state",
        action="store_true",
        help="include the optimizer's state, so that others can continue training",
    )
    parser.add_argument(
        "--data-license",
        metavar="ID",
        help="the dataset's licence as the hub names it, such as cc-by-4.0 (ABO's)",
    )
    parser.add_argument("--private", action="store_true", help="make new repositories private")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--upload",
        action="store_true",
        help="upload what was prepared, with the token of HF_TOKEN or `hf auth login`",
    )
    what.add_argument(
        "--dry-run",
        action="store_true",
        help="only prepare the folders and print the repositories and files; the default without --upload",
    )


def run(chosen: argparse.Namespace) -> None:
    """Prepare the adapter and the dataset, and upload them with --upload.

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
        # Before gigabytes are prepared in vain.
        say(f"uploading as {check_login()}")
    parts = prepare(request, chosen.folder or FOLDER / chosen.version)
    for part in parts:
        _show(part, chosen.private)
    if not chosen.upload:
        say("nothing was uploaded: read and edit each README.md, then run the same with --upload")
        return
    for part in parts:
        say(f"{upload(part, chosen.version, chosen.private)} holds {part.folder}")


def _show(part: Part, private: bool) -> None:
    files = {name: path.stat().st_size for name, path in part_files(part.folder).items()}
    state = "" if part.new else ", as it was prepared before"
    kind = f"private {part.kind}" if private else part.kind
    say(f"{part.folder}{state} → {repository_url(part.kind, part.repo)} ({kind})")
    width = max(map(len, files))
    for name, size in files.items():
        say(f"  {name:{width}}  {_size(size):>9}")
    say(f"  {len(files)} files, {_size(sum(files.values()))}")


def _size(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
