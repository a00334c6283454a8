"""`python -m vqatune.cli.after_repro`: the end of `make repro`: the table of scores, where the page is, what to try next."""

import sys
from pathlib import Path

import pandas as pd

from vqatune.errors import VqatuneError
from vqatune.loading.archive import read_spans
from vqatune.params import BASE, BLIND, Params, load_params
from vqatune.report.history import best_version
from vqatune.report.terminal.history import show_history
from vqatune.runtime.output import say
from vqatune.tables import IMAGES, PAIRS, PREDICTIONS, read_csv, read_table, replacing

HISTORY = Path("metrics/history.csv")
PAGE = Path("metrics/report.html")
PICTURE = Path(".work/picture")
"""A picture of the test set to try `vqatune ask` with, but for its suffix."""


def main() -> None:
    """Print the scores of all versions, the best one, the address of the page, and three commands.

    Raises DataError where a table of the run is missing or damaged, ArchiveError where the picture's archive is.
    """
    params = load_params()
    show_history(HISTORY)
    history = read_csv(HISTORY, "version")
    best = best_version(history)
    leading = params.version_names[-1] if best is None else best.version
    say("")
    say(f"Best version: {describe(history, leading)}")
    say(f"The page:     {PAGE.resolve().as_uri()}")
    say("")
    say("Try next, after `source .venv/bin/activate`:")
    for command, meaning in next_commands(params, leading):
        say(f"  {command}\n      {meaning}")


def describe(history: pd.DataFrame, version: str) -> str:
    """Return the share of questions that a version answers right, beside base and the blind guess."""
    shares = history.set_index("version")["exact_match"]
    others = {BASE: "the base", BLIND: "a blind guess"}
    beside = ", ".join(
        f"{said} {shares[name]:.1%}"
        for name, said in others.items()
        if name in shares.index and name != version
    )
    count = history["pairs"].iloc[0]
    return f"{version} answers {shares[version]:.1%} of the {count:,} test questions right ({beside})"


def next_commands(params: Params, version: str) -> list[tuple[str, str]]:
    """Return three commands to try after a run, and what each is about; a picture of the test set is written for one."""
    pair, picture = _write_picture(version)
    first = next(iter(params.versions), BASE)
    rank = 2 * params.lora.r
    return [
        (
            f'vqatune ask {picture} "{pair["question"]}" --version {version}',
            f'a picture of the test set, and a question about it, whose reference is "{pair["answer"]}"',
        ),
        (
            f"dvc exp run -n rank{rank} -S lora.r={rank} eval@{first}",
            f"{first} with another rank; `dvc metrics diff` has the differences, `git restore . && dvc checkout` goes back",
        ),
        (
            "vqatune use questions.csv",
            "your own pictures, by a table of questions about them: docs/own-pictures.md",
        ),
    ]


def _write_picture(version: str) -> tuple[pd.Series, Path]:
    """Write a picture of the test set, and return a pair about it: one about color, if there is one, and answered right."""
    test = read_table("data/test.parquet", PAIRS)
    answers = read_table(f"data/predictions/{version}.parquet", PREDICTIONS).set_index("qa_id")["prediction"]
    # As a shell takes it, between double quotes.
    plain = ~test["question"].str.contains(r'["$`\\!]|[^\x20-\x7e]') & ~test["answer"].str.contains('"')
    right = test["qa_id"].map(answers).eq(test["answer"])
    order = pd.DataFrame({"plain": plain, "right": right, "color": test["question_type"].eq("color")})
    pair = test.loc[order.sort_values(["plain", "right", "color"], ascending=False, kind="stable").index[0]]
    images = read_table("data/extracted/images.parquet", IMAGES)
    place = images.loc[images["image_id"].eq(pair["image_id"])].iloc[0]
    (content,) = read_spans(place["archive"], [(int(place["offset"]), int(place["length"]))])
    path = PICTURE.with_suffix(Path(place["path"]).suffix.lower())
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return pair, path


if __name__ == "__main__":
    try:
        main()
    except VqatuneError as error:
        sys.exit(f"error: {error}")
