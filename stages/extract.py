"""extract: tables of the listings, and of the images with the byte ranges of their files, from any source.

Run by `dvc repro extract`.
"""

from pathlib import Path

from common import run

from vqatune.catalogue.extract import extract_catalogue
from vqatune.params import Params
from vqatune.runtime.dropped import dropped_line
from vqatune.runtime.output import say
from vqatune.tables import IMAGES, LISTINGS, write_json, write_table


def main(params: Params) -> None:
    extracted = extract_catalogue(params.raw, Path("data/raw"), params.extract.max_bad_lines)
    write_table(extracted.listings, "data/extracted/listings.parquet", LISTINGS)
    write_table(extracted.images, "data/extracted/images.parquet", IMAGES)
    write_json(extracted.report, "metrics/data/extract.json")
    report = extracted.report
    lost = {name: report[name] for name in ("images_without_bytes", "rows_repeated")}
    if line := dropped_line("rows of images", report["images"] + sum(lost.values()), lost, {}):
        say(line, error=True)


if __name__ == "__main__":
    run(main)
