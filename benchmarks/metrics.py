"""Time to score all versions, compared with a loop over the pairs with the same libraries.

    python benchmarks/metrics.py recorded-qa.jsonl.gz

makes predictions of 14 versions for 482,036 test questions: the answers are drawn from a file of recorded pairs, and a
wrong prediction is another image's answer to the same question (or to one that begins alike). They are scored
by the eval stage, a process a version, as `dvc repro` runs it, from an empty store. The loop is run on a sample.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from measuring import machine
from plain_metrics import plain_metrics, set_threads
from vqatune.evaluation import score as score_frame
from vqatune.evaluation.metrics import METRICS, wordnet
from vqatune.evaluation.metrics.text import plain
from vqatune.evaluation.scoring.scorers import Scorer, make_scorer
from vqatune.params import Params, load_params
from vqatune.tables import PAIRS, PREDICTIONS, SAMPLED, TASKS, write_json, write_table

ROOT = Path(__file__).resolve().parent.parent
SEED = 13
QUESTIONS_AN_IMAGE = 11
ACCURACY = (0.1, *np.linspace(0.33, 0.56, 13))
"""The share of right answers of the base and of v1 to v13, as the showroom has it."""
_CLOSE = 0.02
"""bert-score lets similarities fall below 0 where nothing is padded; everything else agrees to the last digits."""
TARGET_SECONDS, TARGET_MORE, TARGET_MB, TARGET_RATIO = 300, 45, 3072, 30


def main() -> None:
    """Measure and show."""
    chosen = _arguments()
    recorded = pd.DataFrame(_read(chosen.recorded), columns=["question", "answer"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        predictions = write_versions(recorded, chosen.pairs, chosen.versions, folder)
        stages = list(run_stages(folder, list(predictions)))
    test = predictions.pop("reference")
    total = chosen.pairs * chosen.versions
    distinct = sorted({pair for answers in predictions.values() for pair in zip(answers, test, strict=True)})
    rows = compare(distinct, predictions, test, chosen.sample, total)
    figures = {
        "benchmark": "metrics",
        "machine": machine("cpu"),
        "pairs": chosen.pairs,
        "versions": chosen.versions,
        "distinct_pairs": len(distinct),
        "stages": stages,
        "seconds": sum(stage["seconds"] for stage in stages),
        "one_more_version": stages[-1]["seconds"],
        "peak_mb": max(stage["peak_mb"] for stage in stages),
        "metrics": rows,
    }
    plain_seconds = sum(row["loop_microseconds"] for row in rows) * total / 1e6
    figures["ratio"] = plain_seconds / figures["seconds"]
    show(figures)
    if chosen.json:
        write_json(figures, chosen.json)


def write_versions(recorded: pd.DataFrame, pairs: int, versions: int, folder: Path) -> dict[str, list[str]]:
    """Write the tables that the eval stage reads; return the predictions by version, and the references."""
    questions, answers = recorded["question"].tolist(), recorded["answer"].tolist()
    alike = defaultdict(list)
    for question, answer in zip(questions, answers, strict=True):
        alike[question].append(answer)
        alike[_beginning(question)].append(answer)
    random = np.random.default_rng(SEED)
    drawn = random.integers(len(questions), size=pairs)
    right = random.random(pairs)
    test = pd.DataFrame({name: "" for name in PAIRS.names}, index=range(pairs))
    test["qa_id"] = [f"{number:07d}" for number in range(pairs)]
    test["image_id"] = [f"{number // QUESTIONS_AN_IMAGE:06d}" for number in range(pairs)]
    test["question"] = [questions[place] for place in drawn]
    test["answer"] = [answers[place] for place in drawn]
    test["difficulty"] = random.choice([0, 1, 2, 3, 5], pairs)
    test["question_type"] = [_beginning(question).split(" ")[0] for question in test["question"]]
    test["product_type"] = [f"TYPE_{number % 500}" for number in range(pairs)]
    write_table(test, folder / "data/test.parquet", PAIRS)
    # What is measured is the scoring of the test set alone.
    write_table(test.head(0), folder / "data/validation.parquet", PAIRS)
    write_table(test.head(0).assign(group="", choices=None), folder / "data/tasks.parquet", TASKS)
    write_table(test.sample(frac=0.5, random_state=SEED), folder / "data/train.parquet", PAIRS)
    types = pd.DataFrame({name: "" for name in SAMPLED.names}, index=range(500))
    types = types.assign(product_type=[f"TYPE_{number}" for number in range(500)], tier=0, repeats=1)
    write_table(types.assign(offset=0, length=0), folder / "data/sampled.parquet", SAMPLED)
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"))

    predictions = {}
    for version in range(versions):
        luck = random.random(pairs)
        said = [
            answer if draw < ACCURACY[version] else _confused(alike, question, share)
            for question, answer, draw, share in zip(
                test["question"], test["answer"], right, luck, strict=True
            )
        ]
        name = f"v{version}" if version else "base"
        table = test[["qa_id"]].assign(prediction=said, log_probability=-1.0, grounding=np.nan)
        write_table(table, folder / f"data/predictions/{name}.parquet", PREDICTIONS)
        for other in ("validation", "tasks"):
            write_table(table.head(0), folder / f"data/predictions/{other}/{name}.parquet", PREDICTIONS)
        predictions[name] = said
    return predictions | {"reference": test["answer"].tolist()}


def _confused(alike: dict[str, list[str]], question: str, share: float) -> str:
    others = alike[question]
    if len(others) < 5:
        others = alike[_beginning(question)]
    return others[int(share * len(others))]


def _beginning(question: str) -> str:
    return " ".join(question.lower().split()[:4])


def run_stages(folder: Path, names: list[str]) -> Iterator[dict]:
    """Yield what scoring each version took, as the stage itself records it: version, seconds, peak_mb.

    The first one scores all predictions that are there; those of the last version come when the others are scored.
    """
    versions = [name for name in names if name != "reference"]
    last = folder / f"data/predictions/{versions[-1]}.parquet"
    later = last.rename(folder / last.name)
    for name in versions:
        if name == versions[-1]:
            later.rename(last)
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, ROOT / "stages/eval.py", name], cwd=folder, check=True, stderr=sys.stderr
        )
        record = json.loads((folder / f".work/timings/eval@{name}.json").read_text())
        # The interpreter's start counts, too.
        yield {"version": name, "seconds": time.perf_counter() - start, "peak_mb": record["peak_mb"]}


def compare(
    distinct: list[tuple[str, str]],
    predictions: dict[str, list[str]],
    references: list[str],
    sample: int,
    total: int,
) -> list[dict]:
    """Return a row a metric: microseconds a pair by the loop (of a sample) and by ours (of all distinct pairs)."""
    params = load_params(ROOT / "params.yaml")
    set_threads(params.compute.threads)
    random = np.random.default_rng(SEED)
    versions = [predictions[name] for name in random.choice(list(predictions), sample)]
    places = random.integers(len(references), size=sample)
    drawn = [
        (plain(answers[place]), plain(references[place]))
        for answers, place in zip(versions, places, strict=True)
    ]
    drawn = [pair for pair in drawn if all(pair)]
    ours = _ours(distinct, params)
    frame = pd.DataFrame(drawn, columns=["prediction", "references"])
    agreed = score_frame(frame, params=params.eval, compute=params.compute).pairs
    rows = []
    for name, score in plain_metrics(wordnet.installed(), params.eval.bertscore.layer).items():
        # What a library loads when it is first needed is not a pair's cost.
        for pair in drawn[:20]:
            score(*pair)
        start = time.perf_counter()
        values = [score(*pair) for pair in drawn]
        loop = (time.perf_counter() - start) / len(drawn) * 1e6
        expected = agreed["bertscore_f1" if name == "bertscore" else name]
        np.testing.assert_allclose(np.array(values, dtype=float), expected, atol=_CLOSE, err_msg=name)
        mine = ours[name] / total * 1e6
        rows.append(
            {"metric": name, "loop_microseconds": loop, "our_microseconds": mine, "ratio": loop / mine}
        )
    return rows


def _ours(distinct: list[tuple[str, str]], params: Params) -> dict[str, float]:
    """Return the seconds that each metric takes for all distinct pairs, models' loading left out."""
    pairs = [(prediction, (reference,)) for prediction, reference in distinct]
    taken = {}
    for group in ("text", "wordnet", "bertscore", "sbert"):
        scorer = make_scorer(group, params.eval, params.compute)
        if not isinstance(scorer, Scorer):
            continue
        if group in ("bertscore", "sbert"):
            scorer.score([("what", ("which",))])
            start = time.perf_counter()
            for first in range(0, len(pairs), scorer.chunk):
                scorer.score(pairs[first : first + scorer.chunk])
            taken["sbert_cosine" if group == "sbert" else group] = time.perf_counter() - start
            continue
        for name in scorer.metrics:
            function = METRICS[name].pair
            function("what", ("which",))
            start = time.perf_counter()
            for pair in pairs:
                function(*pair)
            taken[name] = time.perf_counter() - start
    return taken


def show(figures: dict) -> None:
    """Print the figures and the targets."""
    console = Console()
    table = Table("metric", "loop, µs a pair", "ours, µs a pair", "ratio")
    for row in figures["metrics"]:
        table.add_row(
            row["metric"],
            f"{row['loop_microseconds']:,.1f}",
            f"{row['our_microseconds']:.2f}",
            f"{row['ratio']:,.0f} ×",
        )
    console.print(table)
    stages = Table("version", "seconds", "peak MB")
    for stage in figures["stages"]:
        stages.add_row(stage["version"], f"{stage['seconds']:.1f}", f"{stage['peak_mb']:,}")
    console.print(stages)
    console.print(
        f"{figures['pairs']:,} pairs × {figures['versions']} versions ({figures['distinct_pairs']:,} distinct): "
        f"{figures['seconds']:.0f} s (target {TARGET_SECONDS}), the last version {figures['one_more_version']:.0f} s "
        f"(target {TARGET_MORE}), {figures['peak_mb']:,} MB (target {TARGET_MB:,}), "
        f"{figures['ratio']:,.0f} × the loop (target {TARGET_RATIO})",
        highlight=False,
    )


def _read(path: Path) -> Iterator[tuple[str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            for pair in json.loads(line)["qa_pairs"]:
                yield str(pair["question"]), str(pair["answer"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "recorded", type=Path, help="JSON Lines with qa_pairs of question and answer, .gz or not"
    )
    parser.add_argument("--pairs", type=int, default=482_036)
    parser.add_argument(
        "--versions", type=int, default=14, choices=range(1, 15), metavar="N", help="at most 14"
    )
    parser.add_argument("--sample", type=int, default=300, help="pairs of the loop")
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
