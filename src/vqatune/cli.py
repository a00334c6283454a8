"""The `vqatune` command, for what is done beside the stage graph.

- `vqatune profile abo` sets params.yaml for the real thing.
- `vqatune table` prints the scores of all versions.
- `vqatune timings` prints what the stages took here.
- `vqatune export v13 --merged DIR` writes a version as a checkpoint of its own.
"""

import argparse
import sys
from pathlib import Path

from vqatune.errors import VqatuneError


def main(arguments: list[str] | None = None) -> None:
    """Run one command; an error of ours is printed as one line and exits with 1."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run(chosen)
    except VqatuneError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vqatune",
        description="Beside `dvc repro`: profiles and tables. Run it from the repository's root.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    profile = commands.add_parser("profile", help="set params.yaml for a purpose: showroom, abo")
    profile.add_argument("name", help="a file in profiles/, without .yaml")
    profile.set_defaults(run=_profile)

    table = commands.add_parser("table", help="print the scores of all versions")
    table.set_defaults(run=_table)

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
    return parser


def _profile(chosen: argparse.Namespace) -> None:
    from vqatune.profile import apply_profile

    changed = apply_profile(chosen.name, Path("profiles"), Path("params.yaml"))
    for line in changed:
        print(line)
    print(f"params.yaml is set for {chosen.name}" + ("" if changed else " already"))


def _table(chosen: argparse.Namespace) -> None:
    from vqatune.report.table import show_history

    show_history(Path("metrics/history.csv"))


def _timings(chosen: argparse.Namespace) -> None:
    from vqatune.report.table import show_timings

    show_timings()


def _export(chosen: argparse.Namespace) -> None:
    from vqatune.models.export import export_merged

    export_merged(chosen.version, chosen.merged)
    print(f"{chosen.merged} holds {chosen.version}, merged into its base model")
