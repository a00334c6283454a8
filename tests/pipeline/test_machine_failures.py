"""Stages and commands of each kind where files may not grow: one line, nothing half-written, nothing left behind.

`make gauntlet` tries every stage, and the other commands, on a full disk, on a read-only one and with too little memory.
"""

import re
import shutil
import subprocess
from pathlib import Path

import limited
import pandas as pd
import pytest
from PIL import Image
from warm import RUN, VQATUNE

LIMITED = [*RUN, limited.__file__, "300"]
STAGES = ["extract", "generate", "train@v2", "eval@blind"]
COMMANDS = {
    "export-qa": "export-qa --format parquet pairs.parquet",
    "publish": "publish v2 --repo someone/something --folder published",
    "answer": "answer questions.csv --images pictures --version v2 --out answers.csv",
    # Not in the gauntlet.
    "profile": "profile abo",
}
SCORE = "score data/predictions/v2.parquet --references data/test.parquet --on qa_id --metric exact_match"


@pytest.fixture(scope="module")
def run_limited(finished, tmp_path_factory):
    """Run a command in a copy of the finished run, of which nothing may change; return its last line."""
    root = tmp_path_factory.mktemp("limited") / "vqatune"
    shutil.copytree(finished.root, root, symlinks=True)
    pd.DataFrame({"image": ["a.png"] * 9, "question": "what color is it?"}).to_csv(
        root / "questions.csv", index=False
    )
    (root / "pictures").mkdir()
    Image.new("RGB", (32, 32), "red").save(root / "pictures/a.png")
    shutil.rmtree(root / ".work/scores")
    before = state(root)

    def run(*command: str, fails: bool = True) -> str:
        # Pipes, as what is said into a file may not grow either.
        done = subprocess.run(
            [*LIMITED, *command],
            cwd=root,
            env=finished.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails and "Traceback" not in done.stderr, done.stderr
        assert state(root) == before
        return (done.stderr.splitlines() or [""])[-1]

    return run


def state(root: Path) -> dict[str, bytes]:
    """Return path → content of everything but work in progress and what git and DVC keep."""
    kept = {".git", ".dvc", ".work", "__pycache__"}
    paths = [path for path in root.rglob("*") if path.is_file() and not kept & set(path.parts)]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_whose_files_may_not_grow(run_limited, finished, name):
    said = run_limited(*finished.stages()[name]["cmd"].removeprefix("python ").split())
    assert re.fullmatch(
        rf"error in {name}: .*(may be here: raise `ulimit -f`|see whether it is damaged).*", said
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_whose_files_may_not_grow(run_limited, name):
    said = run_limited(VQATUNE[-1], *COMMANDS[name].split())
    assert re.fullmatch(r"error: .*(may be here: raise `ulimit -f`|cannot be (kept|written)).*", said)


def test_a_command_that_only_keeps_scores_goes_on_without(run_limited):
    said = run_limited(VQATUNE[-1], *SCORE.split(), fails=False)
    assert "what is computed now is computed again the next time" in said
