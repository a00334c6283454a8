"""raw: what of the catalogue is drawn, downloaded or unpacked, into data/raw/ (raw.source).

Run by `dvc repro raw`.
"""

from pathlib import Path

from common import run

from vqatune.catalogue.raw import prepare_raw
from vqatune.params import Params


def main(params: Params) -> None:
    prepare_raw(params.raw, params.seed, Path("data/raw"))


if __name__ == "__main__":
    run(main)
