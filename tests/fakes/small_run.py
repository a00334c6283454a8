"""A finished run of some forty listings in a folder: real data and scores, made-up answers of three versions.

The blind guess beside them is a real one.
"""

from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
from whole_tables import extract, filter_images

from vqatune.catalogue.raw import prepare_raw
from vqatune.catalogue.sample import sample_images
from vqatune.dataset.master_batches import make_master_batches
from vqatune.dataset.split import SplitPairs, describe_split, split_pairs
from vqatune.evaluation.scoring.blind import blind_predictions
from vqatune.evaluation.scoring.evaluation_set import read_evaluation_set
from vqatune.evaluation.scoring.knowing import knowing_curves
from vqatune.evaluation.scoring.tasks import headline, read_answered, score_tasks
from vqatune.evaluation.scoring.version import score_version
from vqatune.generation.generate import generate
from vqatune.params import Params
from vqatune.report.history import score_history
from vqatune.tables import (
    BATCH,
    CHECKED,
    FILTERED,
    IMAGES,
    LISTINGS,
    PAIRS,
    PREDICTIONS,
    SAMPLED,
    TASKS,
    read_table,
    write_csv,
    write_json,
    write_table,
    writing_table,
)
from vqatune.tables.hash_ranks import unit
from vqatune.tasks.inputs import TaskInputs
from vqatune.tasks.make import make_tasks

VERSIONS = ["base", "v1", "v2"]
EVALUATED = ["blind", *VERSIONS]
SHARES = {"base": 0.1, "v1": 0.6, "v2": 0.7}
"""Of right answers, by version."""
VALIDATED = {"blind": 0.9, "base": 0.2, "v1": 0.75, "v2": 0.5}
"""Exact match on the validation set: it chooses v1, though v2 is better on the test set."""
_VALIDATED = {"pairs": 40, "images": 8}
CHANGES = {
    "raw.showroom_listings": 80,
    "sample.small_type_minimum": 0,
    "split.minimum_images": 3,
    "split.test_fraction": 0.4,
    "eval.resamples": 50,
}
METRICS = [
    *("exact_match", "bleu1", "token_overlap", "lcs_ratio", "fuzzy"),
    *("average_mark", "grounding", "vccs", "jaccard_clean", "skill", "yes_no_f1", "yes_share"),
]
OF_MODELS = ("grounding", "vccs")
"""Metrics that the blind guess does not have."""
HOSTILE = "</script><script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\"> \u2028 &amp;"
"""What a catalogue or a model may say."""


def make_run(root: Path, params: Params) -> None:
    """Make what `dvc repro` would leave there, but for the models and the report."""
    root.mkdir()
    with chdir(root):
        _make_data(params)
        test_set = read_evaluation_set(Path())
        guesses = blind_predictions(test_set.training, test_set.pairs)
        for version in EVALUATED:
            predictions = guesses if version == "blind" else _predictions(version, test_set.pairs)
            write_table(predictions, f"data/predictions/{version}.parquet", PREDICTIONS)
            scored = score_version(
                pd.read_parquet(f"data/predictions/{version}.parquet"),
                test_set,
                params,
                metrics=[name for name in METRICS if version != "blind" or name not in OF_MODELS],
            )
            write_json(scored.values, f"metrics/{version}.json")
            write_json(_VALIDATED | {"exact_match": VALIDATED[version]}, f"metrics/validation/{version}.json")
            _score_tasks(version, test_set.training, params)
            write_csv(scored.intervals(), f"metrics/intervals/{version}.csv")
            write_csv(scored.by(), f"metrics/by/{version}.csv")
            write_csv(scored.confusion(), f"metrics/confusion/{version}.csv")
        for version in VERSIONS[1:]:
            write_csv(_log(), f"models/{version}/log.csv")
        write_csv(score_history(Path("metrics"), EVALUATED, "exact_match"), "metrics/history.csv")


def _make_data(params: Params) -> None:
    prepare_raw(params.raw, params.seed, Path("data/raw"))
    extracted = extract(Path("data/raw"), params.extract.max_bad_lines)
    write_table(extracted.listings, "data/extracted/listings.parquet", LISTINGS)
    write_table(extracted.images, "data/extracted/images.parquet", IMAGES)
    write_json(extracted.report, "metrics/data/extract.json")
    filtered, report = filter_images(extracted.listings, extracted.images, params.filter)
    write_table(filtered, "data/filtered.parquet", FILTERED)
    write_json(report, "metrics/data/filter.json")
    sampled, types = sample_images(filtered, params.sample, params.seed)
    write_table(sampled, "data/sampled.parquet", SAMPLED)
    write_csv(types, "metrics/data/sample.csv")
    with (
        writing_table("data/qa.parquet", PAIRS) as keep,
        writing_table("data/dropped.parquet", CHECKED) as drop,
    ):
        generated = generate(sampled, params.generate, params.compute, params.seed, keep, drop)
    write_json(generated.report, "metrics/data/generate.json")
    write_csv(generated.rates, "metrics/data/checks.csv")
    sets = split_pairs(pd.read_parquet("data/qa.parquet"), params.split, params.seed)
    train, test = sets.train, sets.test
    test.loc[test.index[0], "question"] = HOSTILE
    write_table(train, "data/train.parquet", PAIRS)
    write_table(sets.validation, "data/validation.parquet", PAIRS)
    write_table(test, "data/test.parquet", PAIRS)
    write_json(describe_split(sets), "metrics/data/split.json")
    _make_tasks(sets, filtered, extracted.listings, params)
    batches, table = make_master_batches(
        train, sampled[["image_id", "repeats"]], params.batch, len(VERSIONS) - 1, params.seed
    )
    for number, batch in enumerate(batches, start=1):
        write_table(batch, f"data/batches/{number:02d}.parquet", BATCH)
    write_csv(table, "metrics/data/batches.csv")


def _make_tasks(sets: SplitPairs, filtered: pd.DataFrame, listings: pd.DataFrame, params: Params) -> None:
    inputs = TaskInputs(sets.test, sets.train, sets.validation, filtered, listings, params.tasks, params.seed)
    pairs, report = make_tasks(inputs)
    write_table(pairs, "data/tasks.parquet", TASKS)
    write_json(report, "metrics/data/tasks.json")


def _score_tasks(version: str, training: pd.DataFrame, params: Params) -> None:
    tasks = read_table("data/tasks.parquet", TASKS)
    answers = blind_predictions(training, tasks) if version == "blind" else _predictions(version, tasks)
    write_table(answers, f"data/predictions/tasks/{version}.parquet", PREDICTIONS)
    answered = read_answered(Path(), version)
    scores = score_tasks(answered, params)
    write_json(headline(scores), f"metrics/tasks/{version}.json")
    write_csv(scores, f"metrics/tasks/{version}.csv")
    write_csv(knowing_curves(answered.general), f"metrics/tasks/curves/{version}.csv")


def _predictions(version: str, test: pd.DataFrame) -> pd.DataFrame:
    answers = sorted(test["answer"].unique())
    right = [unit(5, version, key) < SHARES[version] for key in test["qa_id"]]
    others = [answers[int(unit(6, version, key) * len(answers))] for key in test["qa_id"]]
    table = test[["qa_id"]].assign(
        prediction=np.where(right, test["answer"], others),
        log_probability=[np.log(max(0.01, unit(7, version, key))) for key in test["qa_id"]],
        grounding=[unit(8, version, key) for key in test["qa_id"]],
    )
    table.loc[table.index[0], "prediction"] = HOSTILE
    return table


def _log() -> pd.DataFrame:
    loss = [2.0, 1.4, 1.3, 1.1]
    return pd.DataFrame(
        {
            "step": range(1, 5),
            "loss": loss,
            "smoothed_loss": [2.0, 1.7, 1.5, 1.3],
            "learning_rate": 0.002,
            "gradient_norm": 1.0,
            "padding": 0.1,
            "pairs_seen": [10, 20, 30, 40],
            "images_skipped": 0,
        }
    )
