"""How long DVC takes over tables of many parts, and over picture shards in a bucket that were not downloaded.

    python benchmarks/dvc_parts.py

makes a repository with the tables from extract to split, each of 1,024 parts, commits them, imports a folder of 1,600 shards
with `dvc import-url --no-download`, and prints the seconds of each command, `dvc status` three times.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vqatune.tables import part_name

TABLES = (
    "listings", "images", "filtered", "digests", "sampled", "qa", "dropped", "train", "validation", "test"
)  # fmt: skip
STAGE = """
  {name}:
    cmd: python -c pass
    outs: [data/{name}.parquet]
"""


def main() -> None:
    """Make the repository, run the commands, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=int, default=1024)
    parser.add_argument("--shards", type=int, default=1600)
    arguments = parser.parse_args()
    table = Table("command", "seconds")
    with tempfile.TemporaryDirectory() as temporary:
        repository, bucket = Path(temporary) / "repository", Path(temporary) / "bucket/shards"
        for folder in (repository, bucket):
            folder.mkdir(parents=True)
        for shard in range(arguments.shards):
            (bucket / f"{shard:05d}.tar").write_bytes(os.urandom(5000))
        for name in TABLES:
            folder = repository / f"data/{name}.parquet"
            folder.mkdir(parents=True)
            for part in range(arguments.parts):
                (folder / part_name(part, arguments.parts)).write_bytes(os.urandom(2000))
        (repository / "dvc.yaml").write_text("stages:" + "".join(STAGE.format(name=name) for name in TABLES))
        seconds(["git", "init", "--quiet"], repository)
        seconds(["dvc", "init", "--quiet"], repository)
        commands = [
            ["dvc", "commit", "--force", "--quiet"],
            ["dvc", "import-url", "--quiet", "--no-download", str(bucket), "data/shards"],
            *[["dvc", "status", "--quiet"]] * 3,
        ]
        for command in commands:
            table.add_row(" ".join(command[:2]), f"{seconds(command, repository):.1f}")
    table.caption = f"{len(TABLES)} tables of {arguments.parts:,} parts, {arguments.shards:,} shards"
    Console().print(table)


def seconds(command: list[str], folder: Path) -> float:
    """Run a command and return how long it took; `dvc status` exits with 1 where something differs."""
    start = time.perf_counter()
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
    if done.returncode and command[1] != "status":
        sys.exit(f"{' '.join(command)} failed: {done.stderr}")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
