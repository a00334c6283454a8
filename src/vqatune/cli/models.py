"""The commands about versions of the model: export, ask, answer, demo, publish."""

import argparse
import sys
from pathlib import Path

from vqatune.errors import Stopped


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add them to the parser of `vqatune`."""
    export = commands.add_parser(
        "export", help="write a version as a checkpoint of its own, with a model card"
    )
    export.add_argument("version", help="such as v13")
    export.add_argument(
        "--merged", metavar="DIR", required=True, type=Path, help="a folder that is new or empty"
    )
    export.set_defaults(run=_export)
    _add_ask(commands)
    _add_answer(commands)

    _add_demo(commands)
    _add_publish(commands)


def _add_demo(commands: argparse._SubParsersAction) -> None:
    demo = commands.add_parser(
        "demo", help="show a page on this machine for asking versions about a picture, two at a time"
    )
    demo.add_argument(
        "--port",
        type=int,
        default=7860,
        help="where the page is, on 127.0.0.1 (default: 7860); 0 for any that is free",
    )
    demo.add_argument(
        "--models",
        metavar="DIR",
        type=Path,
        default=Path("models"),
        help="the versions' folder (default: models)",
    )
    demo.add_argument("--open", action="store_true", help="open it in the browser")
    demo.set_defaults(run=_demo)


def _add_publish(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "publish",
        help="prepare a version's adapter and dataset, with cards, for the Hugging Face hub; upload them where asked to",
    )
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
        help="the one that the dataset is for; that of --repo and -data, if not given",
    )
    parser.add_argument(
        "--model-only",
        action="store_true",
        help="leave the dataset out; the card still names it where --dataset is given",
    )
    parser.add_argument(
        "--folder", metavar="DIR", type=Path, help="where it is prepared; .work/publish/VERSION if not given"
    )
    parser.add_argument(
        "--training-state", action="store_true", help="with the optimizer's state, to be trained on by others"
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
        help="only prepare the folders and print what would go where; so it is without --upload, too",
    )
    parser.set_defaults(run=_publish)


def _add_ask(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "ask",
        help="ask a version about a picture",
        description="Ask a version, or several, about a picture or the pictures in a folder.",
    )
    parser.add_argument("picture", metavar="PICTURE", help="a file, a folder of pictures, or an http(s) URL")
    parser.add_argument("questions", metavar="QUESTION", nargs="*", help='such as "What colour is it?"')
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--version", metavar="NAME", help="such as v13 or base; the last one if not given")
    which.add_argument("--versions", metavar="NAMES", help="side by side: v1,v7,v13, or all")
    _add_asking(parser)
    parser.add_argument("--choices", metavar="LIST", help='rank these answers: "red,blue,green"')
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=_ask)


def _add_answer(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "answer",
        help="answer a file of questions",
        description="Answer a CSV of questions about pictures. Its rows are written, in their order, with an answer and "
        "its probability added. Stopped in whatever way and started again, it goes on where it was. It is fastest "
        "where the questions about a picture follow each other.",
    )
    parser.add_argument(
        "questions", metavar="QUESTIONS", type=Path, help="a CSV in UTF-8 with a line of column names"
    )
    parser.add_argument(
        "--images",
        metavar="DIR",
        required=True,
        type=Path,
        help="where the pictures are; they are found by path, name or id, in folders in it, too",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        default=Path("answers.csv"),
        help="a new file; answers.csv if not given",
    )
    parser.add_argument("--version", metavar="NAME", help="such as v13 or base; the last one if not given")
    parser.add_argument(
        "--image", metavar="NAME", help="the column that says which picture; guessed if not given"
    )
    parser.add_argument("--question", metavar="NAME", help="the column of questions; guessed if not given")
    closed = parser.add_mutually_exclusive_group()
    closed.add_argument(
        "--choices", metavar="LIST", help='answer with the most probable of these: "red,blue,green"'
    )
    closed.add_argument(
        "--choices-column", metavar="NAME", help="the column with the choices of each row, written likewise"
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at a row that cannot be answered, instead of leaving it empty",
    )
    _add_asking(parser)
    parser.set_defaults(run=_answer)


def _add_asking(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models",
        metavar="DIR",
        type=Path,
        default=Path("models"),
        help="where the versions are, or a single model, such as `vqatune export` writes",
    )
    parser.add_argument(
        "--device", metavar="NAME", help="instead of compute.device: cpu, cuda, cuda:1, mps, …"
    )


def _export(chosen: argparse.Namespace) -> None:
    from vqatune.models.export import export_merged

    export_merged(chosen.version, chosen.merged)
    print(f"{chosen.merged} holds {chosen.version}, merged into its base model")


def _demo(chosen: argparse.Namespace) -> None:
    from vqatune.demo.server import serve

    serve(chosen.models, Path("data"), chosen.port, chosen.open)


def _publish(chosen: argparse.Namespace) -> None:
    from vqatune.publishing.command import run_publish

    run_publish(chosen)


def _ask(chosen: argparse.Namespace) -> None:
    from vqatune.answering.ask import run_ask

    run_ask(chosen)


def _answer(chosen: argparse.Namespace) -> None:
    from vqatune.answering.file import run_answer

    try:
        run_answer(chosen)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(stopped.status)
