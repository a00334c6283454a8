"""The benchmarks of the model run, on a tiny one; what they measure is not looked at."""

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
