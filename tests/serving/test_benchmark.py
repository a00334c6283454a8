import subprocess
import sys

import pytest

from vqatune.tables import IMAGES, PAIRS, write_table


@pytest.mark.slow
def test_the_benchmark_of_serving_runs_and_finds_every_answer_right(
    repository, tmp_path, models, pairs, places
):
    (tmp_path / "models").symlink_to(models)
    write_table(pairs, tmp_path / "data/test.parquet", PAIRS)
    write_table(
        places.assign(path="", height=48, width=48), tmp_path / "data/extracted/images.parquet", IMAGES
    )
    little = ["--version", "v1", "--requests", "20", "--clients", "5", "--repeats", "1"]
    done = subprocess.run(
        [sys.executable, repository / "benchmarks" / "serving.py", *little],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "pictures: 20 requests about 12 pictures" in done.stdout
    assert done.stdout.endswith("every answer equals that of `vqatune ask`; the server ended with 0\n")
