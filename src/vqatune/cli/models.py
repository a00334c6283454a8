"""What commands that load versions share: which models, on which device."""

import argparse
from pathlib import Path


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --models and --device."""
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
