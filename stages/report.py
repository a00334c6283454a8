"""report: all versions side by side, as tables, curves and a page.

Run by `dvc repro report`.
"""

from pathlib import Path

from common import run

from vqatune.params import Params
from vqatune.report.history import (
    FAMILIES,
    difficulty_curves,
    loss_history,
    remove_gone_versions,
    score_curves,
    score_history,
)
from vqatune.report.page.page import write_page
from vqatune.runtime.output import say
from vqatune.tables import write_csv


def main(params: Params) -> None:
    metrics, versions = Path("metrics"), params.evaluated_names
    if gone := remove_gone_versions(Path(), versions):
        names = ", ".join(dict.fromkeys(path.stem for path in gone))
        say(f"{len(gone)} files of versions that the chain no longer has are removed: {names}")
    write_csv(score_history(metrics, versions, params.eval.best_by), "metrics/history.csv")
    write_csv(loss_history(Path("models"), versions), "metrics/loss.csv")
    for family in FAMILIES:
        write_csv(score_curves(metrics, versions, family), f"metrics/curves/{family}.csv")
    write_csv(difficulty_curves(metrics, versions), "metrics/curves/by_difficulty.csv")
    write_page(Path(), versions, params, "metrics/report.html")


if __name__ == "__main__":
    run(main)
