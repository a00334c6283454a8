"""The benchmarks run, on little; what they measure is not looked at."""

import json
import os
import shlex
import subprocess

import pytest
from warm import CHILDREN, EXECUTABLE, RUN

from vqatune.runtime.warm_start import SOCKET

FIGURES = {
    "training": {"ours", "reference", "encoder", "growth", "largest_difference_of_losses"},
    "prediction": {"cases", "growth"},
    "ablation": {"seconds"},
    "loading": {"taken", "loaded", "read", "held"},
}


@pytest.fixture
def run(repository, tmp_path, warm_server):
    """Run a benchmark and return the figures that it wrote."""

    def run(*command: object, **variables: str) -> dict:
        done = subprocess.run(
            [*RUN, *map(str, command), "--json", tmp_path / "figures.json"],
            cwd=repository,
            env=os.environ | warm_server.variables | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads((tmp_path / "figures.json").read_text())

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_benchmark_runs_and_writes_its_figures(name, run):
    # bfloat16 is slow without the processor's own instructions for it.
    little = ["--small", "--threads", 1, "--repeats", 1, "--questions", 4, "--precision", "float32"]
    figures = run(f"benchmarks/{name}.py", *little, "--device", "cpu")
    assert figures["benchmark"] == name and figures["machine"]["torch"]
    assert FIGURES[name] <= figures.keys()


@pytest.mark.slow
def test_the_benchmark_of_the_families_runs_and_writes_its_figures(run):
    little = ["--small", "--threads", 1, "--repeats", 1, "--questions", 4, "--precision", "float32"]
    figures = run("benchmarks/families.py", "idefics3", *little, "--images", 1, "--device", "cpu")
    assert figures["benchmark"] == "families" and figures["machine"]["torch"]
    assert len(figures["training"]) == len(figures["prediction"]) == 3


@pytest.mark.slow
def test_the_benchmark_of_quantization_runs_and_writes_its_figures(run, tmp_path, warm_server):
    # The processes that measure a case each start warm, too.
    warm = tmp_path / "python"
    warm.write_text(f'#!/bin/sh\n{SOCKET}=$WARM_AGAIN exec {shlex.join(RUN)} "$@"\n')
    warm.chmod(0o755)
    children = {EXECUTABLE: str(warm), "WARM_AGAIN": warm_server.variables[SOCKET]}
    little = ["--small", "--questions", 4, "--device", "cpu"]
    figures = run("benchmarks/quantization.py", "blip", *little, **children)
    assert figures["benchmark"] == "quantization" and figures["machine"]["torch"]
    rows = figures["models"]["blip"]
    assert [row["quantization"] for row in rows] == ["none", "nf4"]
    assert rows[0]["error_of_states"] == 0 < rows[1]["error_of_states"]


@pytest.mark.slow
def test_the_benchmark_of_the_metrics_runs_and_writes_its_figures(run, tmp_path, warm_server):
    answers = ["red", "dark red", "blue", ""]
    pairs = [
        {"question": f"What colour is part {number % 7}?", "answer": answers[number % 4]}
        for number in range(40)
    ]
    recorded = tmp_path / "recorded.jsonl"
    recorded.write_text(json.dumps({"image_id": "a", "qa_pairs": pairs}) + "\n")
    # The stages that it times start warm, too.
    children = {CHILDREN: warm_server.variables[SOCKET]}
    figures = run(
        "benchmarks/metrics.py", recorded, "--pairs", 60, "--versions", 2, "--sample", 2, **children
    )
    assert [stage["version"] for stage in figures["stages"]] == ["base", "v1"]
    assert {"exact_match", "bertscore", "sbert_cosine"} <= {row["metric"] for row in figures["metrics"]}
    assert all(row["ratio"] > 0 for row in figures["metrics"]) and figures["one_more_version"] > 0


def test_the_benchmark_of_making_questions_runs_and_writes_its_figures(run):
    figures = run("benchmarks/generation.py", "--images", 300, "--plain", 100)
    assert figures["benchmark"] == "generation" and figures["replies"] >= 300
    assert figures["first"]["phases"].keys() == {"looking", "asking", "reading"}
    assert figures["again"]["phases"].keys() == {"all"} and figures["plain"]["pairs"] > 1000
    assert all(ratio > 0 for ratio in figures["ratio"].values())


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        (["--parts", 2], ["extract", "filter", "sample", "generate", "split", "batch"]),
        (["--tables"], ["sample", "split", "batch"]),
    ],
)
def test_the_benchmark_of_millions_of_images_runs_and_writes_its_figures(run, options, stages):
    figures = run("benchmarks/scale.py", "--images", 500, *options, VQATUNE_WORKERS="1")
    assert figures["benchmark"] == "scale"
    assert [row["stage"] for row in figures["stages"]] == stages
    assert all(row["megabytes"] > 50 for row in figures["stages"])
