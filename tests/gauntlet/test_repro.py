"""`dvc repro` killed with all that it has started, again and again, and repeated to its end: as if it had not been."""

import contextlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import psutil
import pytest
from kill_rounds import APART, HIDDEN, processes_in

from vqatune.errors import DataError
from vqatune.runtime.dvc_files import check_dvc_files

pytestmark = pytest.mark.slow

KILLS = 10
"""In each of the tests."""
SECONDS = (1.0, 10.0)
"""Between which a moment is drawn; the first stage begins after some three."""
GONE = 20
TORCHS_OWN = "torchinductor_"
"""Torch's cache in the temporary folder, one a user, which stays."""
WARM = (sys.executable, "-m", "vqatune.runtime.warm_start")


def unfinished(root) -> list[str]:
    """Return the hidden files and folders that a stage has not finished."""
    return [
        str(path)
        for path in root.rglob("*")
        if HIDDEN.search(path.name) and not {".git", ".dvc", *APART} & set(path.relative_to(root).parts)
    ]


@pytest.mark.parametrize("started_by", [(), WARM], ids=["dvc", "make"])
def test_killed_again_and_again_dvc_repro_ends_as_if_it_had_not_been(
    started_by, start, finished, tmp_path, counted
):
    draw, counts, number = random.Random(f"{started_by}"), Counter(), 0
    (tmp_path / "temporary").mkdir()
    while counts["killed at moment"] < KILLS:
        number += 1
        root = tmp_path / f"clone-{number}"
        start.run("git", "clone", "--quiet", start.root, root)
        clone = replace(
            start, root=root, environment=start.environment | {"TMPDIR": str(tmp_path / "temporary")}
        )
        while counts["killed at moment"] < KILLS and killed(
            clone, started_by, draw.uniform(*SECONDS), counts
        ):
            expected = finished.outputs()
            for name, content in clone.outputs().items():
                assert content == expected.get(name) or HIDDEN.search(name), f"{name} is half-written"
        without_cut_files(clone, counts)
        clone.run(*started_by, "dvc", "repro")
        assert clone.outputs() == finished.outputs() and clone.stages() == finished.stages()
        assert clone.gitignores() == finished.gitignores() and unfinished(root) == []
        assert "up to date" in clone.run("dvc", "status", "dvc.yaml").stdout
        assert not list(processes_in(root))
        counts["compared"] += 1
        shutil.rmtree(root)
    left = [path for path in (tmp_path / "temporary").iterdir() if not path.name.startswith(TORCHS_OWN)]
    assert not left, left
    counted("dvc repro", "make" if started_by else "dvc", counts)


def without_cut_files(clone, counts: Counter) -> None:
    """Remove what DVC was killed while it wrote, as `make repro` says (docs/reliability.md), and count it."""
    for name, kept in {"dvc.lock": "dvc.lock", ".dvc/tmp/rwlock": "lock of its own"}.items():
        try:
            check_dvc_files(clone.root, ["dvc.lock"])
        except DataError as error:
            if str(error).startswith(f"{name} is damaged"):
                # No commit of the clone has a dvc.lock.
                (clone.root / name).unlink()
                counts[f"DVC's {kept} was cut"] += 1


def dvc_waits_for(root) -> list[int]:
    """Return the processes, dead ones that nothing has reaped among them, that DVC would take for running ones."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        lock = json.loads((root / ".dvc/tmp/rwlock").read_text())
        users = [*lock.get("write", {}).values(), *itertools.chain(*lock.get("read", {}).values())]
        return [user["pid"] for user in users if psutil.pid_exists(user["pid"])]
    return []


def killed(clone, started_by, seconds: float, counts: Counter) -> bool:
    """Start `dvc repro` and kill its process group after so many seconds; False where it had ended before."""
    without_cut_files(clone, counts)
    process = subprocess.Popen(
        [*started_by, "dvc", "repro"],
        cwd=clone.root,
        env=clone.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said = process.communicate(timeout=seconds)[0]
        assert process.returncode == 0, said
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    said = process.communicate()[0]
    assert process.returncode == -signal.SIGKILL
    counts["killed at moment"] += 1
    counts["stages begun before a kill"] += len(re.findall(r"^Running stage", said, re.MULTILINE))
    deadline = time.monotonic() + GONE
    while running := [*processes_in(clone.root), *dvc_waits_for(clone.root)]:
        assert time.monotonic() < deadline, running
        time.sleep(0.02)
    counts["looked for processes"] += 1
    return True
