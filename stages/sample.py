"""sample: sample images per product type, proportionally fewer of large types; oversample small types.

Run by `dvc repro sample`.
"""

from common import run

from vqatune.catalogue.distribution import draw_distribution
from vqatune.catalogue.sample import sample_images
from vqatune.params import Params
from vqatune.tables import FILTERED, SAMPLED, read_table, write_csv, write_table


def main(params: Params) -> None:
    filtered = read_table("data/filtered.parquet", FILTERED)
    sampled, types = sample_images(filtered, params.sample, params.seed)
    write_table(sampled, "data/sampled.parquet", SAMPLED)
    write_csv(types, "metrics/data/sample.csv")
    draw_distribution(types, "metrics/data/distribution.png")


if __name__ == "__main__":
    run(main)
