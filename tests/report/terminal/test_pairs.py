import json
from io import StringIO

import pandas as pd
import pytest
from rich.console import Console

from vqatune.errors import DataError
from vqatune.generation.checks.tally import CheckTally
from vqatune.report.terminal.pairs import show_pairs
from vqatune.tables import write_csv, write_json


@pytest.fixture
def folder(tmp_path):
    """What generate writes about five pairs, one of them dropped."""
    rows = [
        ("a", "What color is it?", "red", 0, "color", "CHAIR", None),
        ("a", "How many legs?", "4", 1, "count", "CHAIR", None),
        ("a", "How many [b]legs?", "", 1, "count", "CHAIR", "empty_answer"),
        ("b", "Is it round?", "yes", 2, "shape", "MUG", None),
        ("b", "What is it?", "mug", 0, "object", "MUG", None),
    ]
    columns = ["image_id", "question", "answer", "difficulty", "question_type", "product_type", "check"]
    tally = CheckTally()
    tally.add(pd.DataFrame(rows, columns=columns).assign(generator="gemini-[x]", prompt="varied-v1"))
    counts = {
        "images": 3,
        "images_with_pairs": 2,
        "replies": {"as_asked": 2, "safety": 1},
        "repairs": {"csv": 1},
    }
    write_json(tally.report() | counts, tmp_path / "generate.json")
    write_csv(tally.rates(), tmp_path / "checks.csv")
    return tmp_path


def printed(folder):
    console = Console(width=120, file=StringIO())
    show_pairs(folder, console)
    return " ".join(console.file.getvalue().replace("│", " ").split())


def test_it_says_what_was_dropped_by_which_check_and_from_whom(folder):
    said = printed(folder)
    assert "5 pairs for 2 of 3 images; 4 kept, 25.0% of them answered by yes or no" in said
    assert "empty_answer 1 20.00%" in said
    assert "gemini-[x] 5 1 20.00%" in said and "varied-v1 5 1 20.00%" in said
    assert "CHAIR 3 1 33.33%" in said and "MUG 2" not in said


def test_it_says_how_the_kept_pairs_are_spread(folder):
    said = printed(folder)
    assert "color 1 25.00%" in said and "count 1 25.00%" in said
    assert "yes 1 25.00%" in said and "4 distinct answers" in said
    assert "safety 1 33.33%" in said and "csv 1 33.33%" in said


def test_where_the_stage_has_not_run_one_line_says_what_to_do(folder, tmp_path):
    (folder / "checks.csv").unlink()
    with pytest.raises(DataError, match="checks.csv does not exist: run `dvc repro generate`"):
        show_pairs(folder)
    (folder / "generate.json").write_text(json.dumps({"pairs": 1}))
    write_csv(pd.DataFrame({"by": []}), folder / "checks.csv")
    with pytest.raises(DataError, match="another kind: run `dvc repro generate`"):
        show_pairs(folder)
