"""`vqatune replies`: export, import and count the stored replies of models."""

import argparse
from pathlib import Path

from vqatune.generation.replies.store import REPLIES, open_existing
from vqatune.publishing.replies import export_replies, import_replies
from vqatune.report.terminal.replies import show_replies
from vqatune.runtime.output import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    export = actions.add_parser("export", help="write replies to a file")
    export.add_argument("file", metavar="FILE", type=Path, help="a new file, .jsonl.gz or .jsonl")
    export.add_argument("--provider", metavar="NAME", help="only this provider's, such as gemini")
    export.add_argument("--model", metavar="NAME", help="only this model's")
    export.add_argument(
        "--product-type",
        metavar="NAME",
        action="append",
        default=[],
        help="only those about this type; may be given several times",
    )
    export.set_defaults(action=_export)

    retry = actions.add_parser(
        "retry",
        help="send requests again for images that were set aside without a reply (for those whose replies had no pairs, "
        "raise generate.attempts)",
    )
    retry.set_defaults(action=_retry)

    imports = actions.add_parser("import", help="add replies from exported files")
    imports.add_argument("files", metavar="FILE", type=Path, nargs="+")
    imports.set_defaults(action=_import)

    show = actions.add_parser("show", help="count replies, images, requests and failures")
    show.set_defaults(action=_show)


def run(chosen: argparse.Namespace) -> None:
    """Run the chosen action."""
    chosen.action(chosen)


def _retry(chosen: argparse.Namespace) -> None:
    with open_existing(REPLIES) as store:
        count = store.forget_set_aside()
    say(f"{count:,} images are asked about again by `dvc repro -s -f generate`")


def _export(chosen: argparse.Namespace) -> None:
    count = export_replies(chosen.file, chosen.provider, chosen.model, chosen.product_type)
    say(f"{chosen.file} holds {count:,} replies")


def _import(chosen: argparse.Namespace) -> None:
    for file, (count, new) in zip(chosen.files, import_replies(chosen.files), strict=True):
        say(f"{file}: {count:,} replies, {new:,} new")


def _show(chosen: argparse.Namespace) -> None:
    show_replies()
