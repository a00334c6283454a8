"""zoo/dvc.yaml:report: all models of the zoo side by side, as a table and a page.

Run by `dvc repro zoo/dvc.yaml`.
"""

from pathlib import Path

from common import run

from vqatune.params import Params
from vqatune.report.zoo.page import write_zoo_page
from vqatune.tables import write_csv
from vqatune.zoo.results import read_zoo, zoo_table


def main(params: Params) -> None:
    models = read_zoo(Path(), list(params.zoo.models))
    write_csv(zoo_table(models), "metrics/zoo.csv")
    write_zoo_page(Path(), models, params, "metrics/zoo.html")


if __name__ == "__main__":
    run(main)
