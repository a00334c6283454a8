"""A version's temperature in the terminal, and what it changes."""

from rich.console import Console
from rich.table import Table

from vqatune.evaluation.calibration.version import Calibration


def show_calibration(found: Calibration, version: str, console: Console) -> None:
    """Print cross-entropy and expected calibration error of both sets, before and after."""
    table = Table(title=f"{version}, T = {found.temperature:.4g}")
    table.add_column("set", no_wrap=True)
    names = ("cross_entropy", "cross_entropy_calibrated", "ece", "ece_calibrated")
    for name in (
        "answers",
        # Five columns of numbers fit into 80.
        "cross-\nentropy\nbefore",
        "cross-\nentropy\nafter",
        "ece\nbefore",
        "ece\nafter",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found.measured.to_dict("records"):
        table.add_row(row["set"], f"{row['answers']:,}", *(f"{row[name]:.4f}" for name in names))
    console.print(table)
