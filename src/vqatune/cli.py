"""The `vqatune` command, for what is done beside the stage graph.

- `vqatune profile abo` sets params.yaml for the real thing.
- `vqatune table` prints the scores of all versions.
- `vqatune score predictions.csv` scores any file of predictions and references.
- `vqatune compare v7 v13` says what changed from one version to another.
- `vqatune timings` prints what the stages took here.
- `vqatune export v13 --merged DIR` writes a version as a checkpoint of its own.
- `vqatune pairs` prints which checks dropped pairs, and how the kept ones are spread.
- `vqatune export-qa pairs.csv --format csv` writes the checked pairs for use elsewhere.
- `vqatune replies export mine.jsonl.gz` and `import` move models' replies between machines; `show` counts them.
"""

import argparse
import os
import sys
from io import TextIOWrapper
from pathlib import Path

from vqatune.errors import VqatuneError


def main(arguments: list[str] | None = None) -> None:
    """Run one command; an error of ours is printed as one line and exits with 1."""
    chosen = _parser().parse_args(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        # What the terminal cannot show is no reason to fail.
        sys.stdout.reconfigure(errors="replace")
    try:
        chosen.run(chosen)
        sys.stdout.flush()
    except VqatuneError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read it has seen enough. What is still in the buffer goes nowhere when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vqatune",
        description="Beside `dvc repro`: profiles, scores and comparisons. Run it from the repository's root.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    profile = commands.add_parser("profile", help="set params.yaml for a purpose: showroom, abo")
    profile.add_argument("name", help="a file in profiles/, without .yaml")
    profile.set_defaults(run=_profile)

    table = commands.add_parser("table", help="print the scores of all versions")
    table.set_defaults(run=_table)

    _add_score(commands)
    _add_compare(commands)

    times = commands.add_parser("timings", help="print the seconds and the memory that the stages took here")
    times.set_defaults(run=_timings)

    export = commands.add_parser(
        "export", help="write a version as a checkpoint of its own, with a model card"
    )
    export.add_argument("version", help="such as v13")
    export.add_argument(
        "--merged", metavar="DIR", required=True, type=Path, help="a folder that is new or empty"
    )
    export.set_defaults(run=_export)

    pairs = commands.add_parser(
        "pairs", help="print which checks dropped pairs, and how the kept ones are spread"
    )
    pairs.set_defaults(run=_pairs)

    _add_export_qa(commands)
    _add_replies(commands)
    return parser


def _add_score(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("score", help="score a file of predictions and references")
    parser.add_argument(
        "file",
        type=Path,
        help="CSV, TSV, JSON Lines, JSON or Parquet; a column `grounding` of numbers from 0 to 1, empty where it was "
        "not measured, gives grounding and vccs; others that are called like a metric are not used",
    )
    parser.add_argument(
        "--prediction", metavar="NAME", help="the column of predictions; guessed if not given"
    )
    parser.add_argument(
        "--reference",
        metavar="NAME",
        action="append",
        default=[],
        help="the column of references, of texts or of lists; may be given several times",
    )
    parser.add_argument("--difficulty", metavar="NAME", help="the column of difficulties; '' for none")
    parser.add_argument(
        "--image", metavar="NAME", help="the column of images, by which intervals are made; '' for none"
    )
    parser.add_argument("--by", metavar="COLUMN", help="also the scores for every value of a column")
    parser.add_argument(
        "--published",
        action="store_true",
        help="vqa_accuracy and lcs_ratio as the code behind published tables computed them",
    )
    _add_common(parser)
    parser.set_defaults(run=_score)


def _add_compare(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("compare", help="compare versions, of this checkout or of others")
    parser.add_argument(
        "versions",
        nargs="+",
        metavar="VERSION",
        help="two or more: v7, base, or REVISION:v7 of a git revision or a DVC experiment",
    )
    parser.add_argument(
        "--changed", metavar="FILE", type=Path, help="write the pairs that changed to a CSV (two versions)"
    )
    _add_common(parser)
    parser.set_defaults(run=_compare)


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


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--metric",
        metavar="NAME",
        action="append",
        help="only this one, such as exact_match (a wrong name lists them all); may be given several times",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def _profile(chosen: argparse.Namespace) -> None:
    from vqatune.profile import apply_profile

    changed = apply_profile(chosen.name, Path("profiles"), Path("params.yaml"))
    for line in changed:
        print(line)
    print(f"params.yaml is set for {chosen.name}" + ("" if changed else " already"))


def _table(chosen: argparse.Namespace) -> None:
    from vqatune.report.table import show_history

    show_history(Path("metrics/history.csv"))


def _pairs(chosen: argparse.Namespace) -> None:
    from vqatune.report.pairs import show_pairs

    show_pairs()


def _score(chosen: argparse.Namespace) -> None:
    from vqatune.measure import run_score

    run_score(chosen)


def _compare(chosen: argparse.Namespace) -> None:
    from vqatune.measure import run_compare

    run_compare(chosen)


def _timings(chosen: argparse.Namespace) -> None:
    from vqatune.report.table import show_timings

    show_timings()


def _export(chosen: argparse.Namespace) -> None:
    from vqatune.models.export import export_merged

    export_merged(chosen.version, chosen.merged)
    print(f"{chosen.merged} holds {chosen.version}, merged into its base model")


def _export_qa(chosen: argparse.Namespace) -> None:
    from vqatune.questions.qa_export import export_qa

    pairs, images = export_qa(chosen.out, chosen.format)
    print(f"{chosen.out} holds {pairs:,} pairs about {images:,} images")


def _retry_replies(chosen: argparse.Namespace) -> None:
    from vqatune.questions.store import REPLIES, open_existing

    with open_existing(REPLIES) as store:
        count = store.forget_set_aside()
    print(f"{count:,} images are asked about again by `dvc repro -f generate`")


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
