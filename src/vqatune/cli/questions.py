"""The commands about questions, answers and the replies they come from: export-qa, replies."""

import argparse
from pathlib import Path


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add them to the parser of `vqatune`."""
    _add_export_qa(commands)
    _add_replies(commands)


def _add_export_qa(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "export-qa", help="write the checked question-answer pairs for use elsewhere"
    )
    parser.add_argument(
        "out", metavar="OUT", type=Path, help="a folder that is new or empty, or a file that is new"
    )
    parser.add_argument(
        "--format",
        required=True,
        choices=("json-per-image", "csv", "parquet"),
        help="json-per-image: a folder with a JSON file an image; csv, parquet: one file",
    )
    parser.set_defaults(run=_export_qa)


def _add_replies(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("replies", help="models' replies: move them between machines, count them")
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
    export.set_defaults(run=_export_replies)

    retry = actions.add_parser(
        "retry",
        help="have the images that were set aside without a reply asked about again (those whose replies had no "
        "pairs: raise generate.attempts)",
    )
    retry.set_defaults(run=_retry_replies)

    imports = actions.add_parser("import", help="add the replies in files that another machine has exported")
    imports.add_argument("files", metavar="FILE", type=Path, nargs="+")
    imports.set_defaults(run=_import_replies)

    show = actions.add_parser("show", help="count replies, images, requests and failures")
    show.set_defaults(run=_show_replies)


def _export_qa(chosen: argparse.Namespace) -> None:
    from vqatune.questions.qa_export import export_qa

    pairs, images = export_qa(chosen.out, chosen.format)
    print(f"{chosen.out} holds {pairs:,} pairs about {images:,} images")


def _retry_replies(chosen: argparse.Namespace) -> None:
    from vqatune.questions.store import REPLIES, open_existing

    with open_existing(REPLIES) as store:
        count = store.forget_set_aside()
    print(f"{count:,} images are asked about again by `dvc repro -s -f generate`")


def _export_replies(chosen: argparse.Namespace) -> None:
    from vqatune.questions.exchange import export_replies

    count = export_replies(chosen.file, chosen.provider, chosen.model, chosen.product_type)
    print(f"{chosen.file} holds {count:,} replies")


def _import_replies(chosen: argparse.Namespace) -> None:
    from vqatune.questions.exchange import import_replies

    for file, (count, new) in zip(chosen.files, import_replies(chosen.files), strict=True):
        print(f"{file}: {count:,} replies, {new:,} new")


def _show_replies(chosen: argparse.Namespace) -> None:
    from vqatune.report.replies import show_replies

    show_replies()
