"""The commands about the stage graph of this folder: profile, table, timings, pairs, report."""

import argparse
from pathlib import Path


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add them to the parser of `vqatune`."""
    profile = commands.add_parser("profile", help="set params.yaml for a purpose: showroom, abo")
    profile.add_argument("name", help="a file in profiles/, without .yaml")
    profile.set_defaults(run=_profile)

    table = commands.add_parser("table", help="print the scores of all versions")
    table.set_defaults(run=_table)

    times = commands.add_parser("timings", help="print the seconds and the memory that the stages took here")
    times.set_defaults(run=_timings)

    pairs = commands.add_parser(
        "pairs", help="print which checks dropped pairs, and how the kept ones are spread"
    )
    pairs.set_defaults(run=_pairs)

    report = commands.add_parser(
        "report",
        help="build the report page with what is true of this run alone: commit, machine, time, packages",
    )
    report.add_argument(
        "--out",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the page (default: report.html)",
    )
    report.set_defaults(run=_report)


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


def _timings(chosen: argparse.Namespace) -> None:
    from vqatune.report.table import show_timings

    show_timings()


def _report(chosen: argparse.Namespace) -> None:
    from vqatune.report.command import build_report

    print(build_report(chosen.out))
