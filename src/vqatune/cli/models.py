"""The commands about versions of the model: export."""

import argparse
from pathlib import Path


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


def _export(chosen: argparse.Namespace) -> None:
    from vqatune.models.export import export_merged

    export_merged(chosen.version, chosen.merged)
    print(f"{chosen.merged} holds {chosen.version}, merged into its base model")
