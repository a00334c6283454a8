"""A pipeline whose tables are in parts: the same models, scores and page as with one part, and jobs of an array."""

import subprocess
import sys

import pandas as pd
import pytest

from vqatune.tables import PREDICTIONS, read_table

pytestmark = pytest.mark.slow

TABLES = (
    "listings",
    "images",
    "filtered",
    "digests",
    "sampled",
    "qa",
    "dropped",
    "train",
    "validation",
    "test",
)
PARTS = 3


def apart_from_tables(outputs: dict[str, bytes]) -> dict[str, bytes]:
    """Return outputs without tables of parts."""
    return {
        name: content
        for name, content in outputs.items()
        if not any(f"/{table}.parquet" in name for table in TABLES)
    }


def same_rows(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return one.sort_values("qa_id", ignore_index=True).equals(other.sort_values("qa_id", ignore_index=True))


def test_a_pipeline_in_parts_ends_with_the_same_models_and_scores(checkout, finished):
    checkout.set_params({"tables.parts": PARTS})
    checkout.run("dvc", "repro")
    outputs = checkout.outputs()
    for table in TABLES:
        parts = [name for name in outputs if f"/{table}.parquet/part-" in name]
        assert len(parts) == PARTS, table
    expected = apart_from_tables(finished.outputs())
    found = apart_from_tables(outputs)
    different = [name for name in expected if found.get(name) != expected[name]]
    # The page names the parameters that are not at their defaults; blind guesses are in the order of the tables.
    blind = ["data/predictions/blind.parquet", "data/predictions/validation/blind.parquet"]
    assert different == [*blind, "metrics/report.html"] and found.keys() == expected.keys()
    for name in blind:
        guesses, as_before = (read_table(root / name, PREDICTIONS) for root in (checkout.root, finished.root))
        assert same_rows(guesses, as_before)
    assert "up to date" in checkout.run("dvc", "status", "dvc.yaml").stdout


def test_jobs_of_an_array_do_the_parts_and_dvc_writes_the_tables(checkout, finished):
    checkout.set_params({"tables.parts": PARTS})
    for stage in ("extract", "filter"):
        for _ in range(9):
            ends = [
                subprocess.run(
                    [sys.executable, f"stages/{stage}.py", "--part", f"{job}/2"],
                    cwd=checkout.root,
                    env=checkout.environment,
                    check=False,
                ).returncode
                for job in (1, 2)
            ]
            assert set(ends) <= {0, 75}
            if ends == [0, 0]:
                break
        assert ends == [0, 0]
        checkout.run("dvc", "repro", stage)
    assert checkout.outputs()["metrics/data/filter.json"] == finished.outputs()["metrics/data/filter.json"]
