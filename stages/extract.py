"""extract: tables of the listings, and of the images with the byte ranges of their files, from any source.

Run by `dvc repro extract`.
"""

from pathlib import Path

from common import run

from vqatune.catalogue.extract import extract_tables
from vqatune.params import Params
from vqatune.runtime.dropped import dropped_line
from vqatune.runtime.output import say
from vqatune.runtime.working_folder import working_folder
from vqatune.tables import write_json

RAW = Path("data/raw")
TABLES = (Path("data/extracted/listings.parquet"), Path("data/extracted/images.parquet"))


def main(params: Params) -> None:
    settings, count = (params.raw, params.extract), params.tables.parts
    with working_folder(Path(".work/extract"), "vqatune.catalogue.extract", [*settings, count], RAW) as work:
        report = extract_tables(
            params.raw, RAW, params.extract.max_bad_lines, *TABLES, work, count, params.compute.executor
        )
    write_json(report, "metrics/data/extract.json")
    lost = {name: report[name] for name in ("images_without_bytes", "rows_repeated")}
    if line := dropped_line("rows of images", report["images"] + sum(lost.values()), lost, {}):
        say(line, error=True)


if __name__ == "__main__":
    run(main, parts=True)
