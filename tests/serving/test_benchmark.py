import os
import shlex
import subprocess

import pytest
from warm import EXECUTABLE, RUN, VQATUNE

from vqatune.runtime.warm_start import SOCKET
from vqatune.tables import IMAGES, PAIRS, write_table


@pytest.mark.slow
def test_the_benchmark_of_serving_runs_and_finds_every_answer_right(
    repository, tmp_path, models, pairs, places, warm_server
):
    (tmp_path / "models").symlink_to(models)
    write_table(pairs, tmp_path / "data/test.parquet", PAIRS)
    write_table(
        places.assign(path="", height=48, width=48), tmp_path / "data/extracted/images.parquet", IMAGES
    )
    little = ["--version", "v1", "--requests", "20", "--clients", "5", "--repeats", "1"]
    # The server that it starts, by `python -c CODE`, starts warm, too.
    warm = tmp_path / "python"
    warm.write_text(f'#!/bin/sh\nshift 2\n{SOCKET}=$WARM_AGAIN exec {shlex.join(VQATUNE)} "$@"\n')
    warm.chmod(0o755)
    children = {EXECUTABLE: str(warm), "WARM_AGAIN": warm_server.variables[SOCKET]}
    done = subprocess.run(
        [*RUN, str(repository / "benchmarks" / "serving.py"), *little],
        cwd=tmp_path,
        env=os.environ | warm_server.variables | children,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "pictures: 20 requests about 12 pictures" in done.stdout
    assert done.stdout.endswith("every answer equals that of `vqatune ask`; the server ended with 0\n")
