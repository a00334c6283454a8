"""Arguments shared by the commands that load versions."""

import argparse
from pathlib import Path


def add_version_argument(parser: argparse._ActionsContainer) -> None:
    """Add --version, to a parser or a group."""
    parser.add_argument("--version", metavar="NAME", help="such as v13 or base (default: the last one)")


def add_models_argument(parser: argparse.ArgumentParser) -> None:
    """Add --models."""
    parser.add_argument(
        "--models",
        metavar="DIR",
        type=Path,
        default=Path("models"),
        help="the folder of the versions, or a single model, such as `vqatune export` writes (default: models)",
    )


def add_quantization_argument(parser: argparse.ArgumentParser) -> None:
    """Add --quantization."""
    parser.add_argument(
        "--quantization",
        choices=("none", "int8", "nf4"),
        help="overrides compute.quantization: weights in a byte or half a byte, where memory is short",
    )


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --models, --device and --quantization."""
    add_models_argument(parser)
    add_quantization_argument(parser)
    parser.add_argument(
        "--device", metavar="NAME", help="overrides compute.device: cpu, cuda, cuda:1, mps, …"
    )
