"""generate: checked question-answer pairs for every sampled image.

Run by `dvc repro generate`.
"""

from common import run

from vqatune.generation.checks.checks import DECIDED_BY
from vqatune.generation.generate import generate, languages_line
from vqatune.params import Params
from vqatune.runtime.dropped import dropped_line
from vqatune.runtime.output import say
from vqatune.tables import CHECKED, PAIRS, SAMPLED, read_table, write_csv, write_json, writing_table


def main(params: Params) -> None:
    sampled = read_table("data/sampled.parquet", SAMPLED)
    with (
        writing_table("data/qa.parquet", PAIRS) as keep,
        writing_table("data/dropped.parquet", CHECKED) as drop,
    ):
        generated = generate(sampled, params.generate, params.compute, params.seed, keep, drop)
    write_json(generated.report, "metrics/data/generate.json")
    write_csv(generated.rates, "metrics/data/checks.csv")
    write_json(generated.summary, "metrics/generation.json")
    pairs, dropped = generated.report["pairs"], generated.report["dropped"]
    if line := dropped_line("pairs", pairs, dropped, DECIDED_BY, "; all are in data/dropped.parquet"):
        say(line, error=True)
    if line := languages_line(generated.report):
        say(line, error=True)
    if reviews := generated.report.get("reviews"):
        say(
            f"of {reviews['pairs']:,} reviewed pairs {reviews['found']:,} are here: {reviews['dropped']:,} dropped, "
            f"{reviews['replaced']:,} replaced",
            error=True,
        )


if __name__ == "__main__":
    run(main)
