"""raw: the two archives of the catalogue into data/raw/, drawn, downloaded or copied (raw.source).

Run by `dvc repro raw`.
"""

from pathlib import Path

from common import run

from vqatune.catalogue.raw import prepare_archives
from vqatune.params import Params


def main(params: Params) -> None:
    prepare_archives(params.raw, params.seed, Path("data/raw"))


if __name__ == "__main__":
    run(main)
