"""report: the scores of all versions side by side, and the loss within each: `report.py base v1 … v13`.

Run by `dvc repro report`.
"""

from pathlib import Path

from common import run

from vqatune.params import Params
from vqatune.report.history import loss_history, score_history
from vqatune.tables import write_csv


def main(params: Params, *versions: str) -> None:
    write_csv(score_history(Path("metrics"), versions), "metrics/history.csv")
    write_csv(loss_history(Path("models"), versions), "metrics/loss.csv")


if __name__ == "__main__":
    run(main)
