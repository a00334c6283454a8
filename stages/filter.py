"""filter: keep the listings in the selected languages and, once each, their images that open.

Run by `dvc repro filter`.
"""

from pathlib import Path

from common import run

from vqatune.catalogue.filter import dropped_lines, filter_table
from vqatune.params import Params
from vqatune.runtime.output import say
from vqatune.runtime.working_folder import working_folder
from vqatune.tables import write_json

SOURCES = ("data/extracted/listings.parquet", "data/extracted/images.parquet")


def main(params: Params) -> None:
    with working_folder(
        Path(".work/filter"), "vqatune.catalogue.filter", [params.filter], *SOURCES, "data/raw"
    ) as work:
        report = filter_table(
            *SOURCES,
            "data/filtered.parquet",
            "data/digests.parquet",
            params.filter,
            work,
            params.compute.executor,
        )
    write_json(report, "metrics/data/filter.json")
    for line in dropped_lines(report):
        say(line, error=True)


if __name__ == "__main__":
    run(main, parts=True)
