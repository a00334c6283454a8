"""A user's own files under DVC: watched, used in place, and never changed."""

import hashlib
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from vqatune.showroom.drawing import draw, random_view
from vqatune.showroom.products import random_product

USE = [
    sys.executable,
    "-c",
    "import sys; sys.path.insert(0, 'src'); from vqatune.cli import main; main()",
    "use",
]


@pytest.fixture
def photos(tmp_path):
    """Thirty photographs, and a CSV of a question about each."""
    (tmp_path / "photos").mkdir()
    lines = ["image,question,answer"]
    for number in range(30):
        color = random_product(2, number).color
        draw(random_product(2, number), random_view(2, number), 32).save(
            tmp_path / f"photos/{number:02d}.png"
        )
        lines.append(f"{number:02d}.png,What color is it?,{color}")
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "photos"


def digests(folder):
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def changed(checkout) -> dict[str, set[str]]:
    """Return the stages that have run and would run again → the user's files that have changed."""
    status = json.loads(checkout.run("dvc", "status", "--json").stdout)
    ours = {"photos", "pairs.csv"}
    found: dict[str, set[str]] = {}
    for stage in ("raw", "extract", "filter", "sample", "generate"):
        entries = [
            entry.get("changed deps", {}) for entry in status.get(stage, []) if isinstance(entry, dict)
        ]
        found[stage] = {Path(path).name for entry in entries for path in entry} & ours
    return {stage: paths for stage, paths in found.items() if paths}


@pytest.mark.slow
def test_a_changed_picture_or_table_runs_what_reads_it_again(start, tmp_path, clone, photos):
    checkout = clone(start)
    before = digests(photos)
    checkout.run(*USE, "../pairs.csv", "--yes")
    outcome = checkout.run("dvc", "repro", "generate")
    assert outcome.ran == ["raw", "extract", "filter", "sample", "generate"]
    assert digests(photos) == before and changed(checkout) == {}
    Image.new("RGB", (32, 32), (200, 20, 20)).save(photos / "00.png")
    table = tmp_path / "pairs.csv"
    table.write_text(table.read_text() + "01.png,Is it a cup?,no\n")
    assert changed(checkout) == {
        "raw": {"photos", "pairs.csv"},
        "extract": {"photos", "pairs.csv"},
        "filter": {"photos"},
        "generate": {"photos", "pairs.csv"},
    }
