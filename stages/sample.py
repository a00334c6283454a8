"""sample: sample images per product type, proportionally fewer of large types; oversample small types.

Run by `dvc repro sample`.
"""

from common import run

from vqatune.catalogue.distribution import draw_distribution
from vqatune.catalogue.sample import sample_table
from vqatune.params import Params
from vqatune.tables import write_csv


def main(params: Params) -> None:
    types = sample_table("data/filtered.parquet", "data/sampled.parquet", params.sample, params.seed)
    write_csv(types, "metrics/data/sample.csv")
    draw_distribution(types, "metrics/data/distribution.png")


if __name__ == "__main__":
    run(main)
