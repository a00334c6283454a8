"""filter: keep the listings in the selected languages and, once each, their images that open.

Run by `dvc repro filter`.
"""

from common import run

from vqatune.catalogue.filter import dropped_lines, filter_images
from vqatune.params import Params
from vqatune.runtime.output import say
from vqatune.tables import FILTERED, IMAGES, LISTINGS, read_table, write_json, write_table


def main(params: Params) -> None:
    listings = read_table("data/extracted/listings.parquet", LISTINGS)
    images = read_table("data/extracted/images.parquet", IMAGES)
    filtered, report = filter_images(listings, images, params.filter)
    write_table(filtered, "data/filtered.parquet", FILTERED)
    write_json(report, "metrics/data/filter.json")
    for line in dropped_lines(report):
        say(line, error=True)


if __name__ == "__main__":
    run(main)
