"""generate: checked question-answer pairs for every sampled image.

Run by `dvc repro generate`.
"""

from pathlib import Path

from common import run

from vqatune.generation.checks.checks import DECIDED_BY
from vqatune.generation.generate import languages_line
from vqatune.generation.generate_table import generate_table
from vqatune.params import Params
from vqatune.runtime.dropped import dropped_line
from vqatune.runtime.output import say
from vqatune.runtime.working_folder import working_folder
from vqatune.tables import write_csv, write_json

SAMPLED, QA, DROPPED = "data/sampled.parquet", "data/qa.parquet", "data/dropped.parquet"


def main(params: Params) -> None:
    given = params.generate
    settings, inputs = [given, params.seed], [path for path in (SAMPLED, given.path, given.reviews) if path]
    with working_folder(
        Path(".work/generate"), "vqatune.generation.generate_table", settings, *inputs
    ) as work:
        generated = generate_table(SAMPLED, QA, DROPPED, given, params.compute, params.seed, work)
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
    run(main, parts=True)
