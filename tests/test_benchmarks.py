"""The benchmarks run, on little; what they measure is not looked at."""

import json
import subprocess
import sys

import pytest

FIGURES = {
    "training": {"ours", "reference", "encoder", "growth", "largest_difference_of_losses"},
    "prediction": {"cases", "growth"},
    "ablation": {"seconds"},
    "loading": {"taken", "loaded"},
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_benchmark_runs_and_writes_its_figures(name, repository, tmp_path):
    command = [sys.executable, f"benchmarks/{name}.py", "--small", "--threads", "1", "--repeats", "1"]
    done = subprocess.run(
        [*command, "--device", "cpu", "--json", tmp_path / "figures.json"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["benchmark"] == name and figures["machine"]["torch"]
    assert FIGURES[name] <= figures.keys()


def test_the_benchmark_of_the_metrics_runs_and_writes_its_figures(repository, tmp_path):
    pairs = [
        {
            "question": f"What colour is part {number % 7}?",
            "answer": ["red", "dark red", "blue", ""][number % 4],
        }
        for number in range(40)
    ]
    recorded = tmp_path / "recorded.jsonl"
    recorded.write_text(json.dumps({"image_id": "a", "qa_pairs": pairs}) + "\n")
    command = [sys.executable, "benchmarks/metrics.py", recorded, "--pairs", "60", "--versions", "2"]
    done = subprocess.run(
        [*command, "--sample", "2", "--json", tmp_path / "figures.json"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [stage["version"] for stage in figures["stages"]] == ["base", "v1"]
    assert {"exact_match", "bertscore", "sbert_cosine"} <= {row["metric"] for row in figures["metrics"]}
    assert all(row["ratio"] > 0 for row in figures["metrics"]) and figures["one_more_version"] > 0
