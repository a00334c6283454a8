"""generate: checked question-answer pairs for every sampled image.

Run by `dvc repro generate`.
"""

from common import run

from vqatune.params import Params
from vqatune.questions.generate import generate_pairs
from vqatune.tables import PAIRS, SAMPLED, read_table, write_json, write_table


def main(params: Params) -> None:
    sampled = read_table("data/sampled.parquet", SAMPLED)
    pairs, report = generate_pairs(sampled, params.generate, params.seed)
    write_table(pairs, "data/qa.parquet", PAIRS)
    write_json(report, "metrics/data/generate.json")


if __name__ == "__main__":
    run(main)
