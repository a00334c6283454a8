"""`vqatune compare` with files of predictions, as its users run it."""

import json
import re

import pandas as pd
import pytest

EXACT = ("--metric", "exact_match")


def _write(folder, name: str, wrong, rows: int = 40) -> None:
    frame = pd.DataFrame({"question_id": range(rows), "image": [number // 2 for number in range(rows)]})
    frame["question"] = "What color?"
    frame["answer"] = "red"
    frame["prediction"] = ["blue" if number in wrong else "red" for number in range(rows)]
    frame["kind"] = ["LAMP" if number < 20 else "SOFA" for number in range(rows)]
    frame.to_csv(folder / name, index=False)


@pytest.fixture
def both(tmp_path):
    """The first is right about the lamps, the second wrong about two of them; it has no answer to the last ten."""
    _write(tmp_path, "a.csv", range(20, 40))
    _write(tmp_path, "b.csv", range(2), rows=30)
    return tmp_path


def test_two_files_are_compared_on_the_pairs_that_both_have(vqatune, both):
    done = vqatune("compare", "a.csv", "b.csv", *EXACT)
    assert (done.status, done.err) == (0, "")
    assert "pairs are found by question_id: 30 are in all files\n" in done.out
    assert "a.csv: 10 of 40 pairs left out: 10 not in b.csv\n" in done.out
    assert "b.csv − a.csv" in done.out
    [line] = [line for line in done.out.splitlines() if "exact_match" in line]
    assert "0.6667" in line and "0.9333" in line and "+0.2667" in line
    assert "10 questions that a.csv got wrong b.csv got right; 2 the other way round" in done.out


def test_the_difference_has_the_interval_of_the_paired_bootstrap(vqatune, both):
    [row] = vqatune("compare", "a.csv", "b.csv", *EXACT, "--json").json["metrics"]
    assert row["difference"] == pytest.approx(8 / 30) and row["pairs"] == 30
    assert 0 <= row["low"] < row["difference"] < row["high"]
    # The other way round the draws are the same.
    [back] = vqatune("compare", "b.csv", "a.csv", *EXACT, "--json").json["metrics"]
    assert back["high"] == pytest.approx(-row["low"], abs=1e-6)


def test_slices_are_those_of_the_named_column(vqatune, both):
    done = vqatune("compare", "a.csv", "b.csv", *EXACT, "--by", "kind")
    assert "exact match by kind" in done.out and "LAMP" in done.out and "SOFA" in done.out
    found = vqatune("compare", "a.csv", "b.csv", *EXACT, "--by", "kind", "--json").json
    assert {row["value"]: row["difference"] for row in found["slices"]} == {
        "LAMP": pytest.approx(-0.1),
        "SOFA": pytest.approx(1.0),
    }
    assert found["changed"][0]["kind"] == "LAMP" and found["notes"]
    markdown = vqatune("compare", "a.csv", "b.csv", *EXACT, "--by", "kind", "--markdown").out
    assert "Exact match by kind:" in markdown and "| kind | SOFA | 10 | **+1.000** |" in markdown
    assert "- a.csv: 10 of 40 pairs left out: 10 not in b.csv" in markdown
    by_reference = vqatune("compare", "a.csv", "b.csv", *EXACT, "--by", "references", "--json").json
    assert [row["value"] for row in by_reference["slices"]] == ["red"]


def test_the_pairs_that_changed_are_written(vqatune, both):
    assert vqatune("compare", "a.csv", "b.csv", *EXACT, "--changed", "changed.csv").status == 0
    changed = pd.read_csv(both / "changed.csv")
    assert list(changed["question_id"]) == [0, 1, *range(20, 30)]
    assert {"change", "image_id", "question", "references", "first", "second"} <= set(changed.columns)


def test_answers_that_a_spreadsheet_would_run_are_text_in_what_is_written(vqatune, both):
    for path in (both / "a.csv", both / "b.csv"):
        path.write_text(re.sub(r"\bred\b", "=1+1", path.read_text()))
    assert vqatune("compare", "a.csv", "b.csv", *EXACT, "--changed", "changed.csv").status == 0
    assert ",'=1+1" in (both / "changed.csv").read_text()
    options = ("--changed", "changed.csv", "--no-quote-formulas")
    assert vqatune("compare", "a.csv", "b.csv", *EXACT, *options).status == 0
    assert (
        ",'=1+1" not in (both / "changed.csv").read_text() and ",=1+1" in (both / "changed.csv").read_text()
    )


def test_several_files_are_a_table_of_their_scores(vqatune, both):
    _write(both, "c.csv", ())
    done = vqatune("compare", "a.csv", "b.csv", "c.csv", *EXACT)
    assert "all files; the best in bold" in done.out and "0.667 ±" in done.out
    found = vqatune("compare", "a.csv", "b.csv", "c.csv", *EXACT, "--json").json
    assert {name: rows[0]["value"] for name, rows in found["files"].items()} == {
        "a.csv": pytest.approx(20 / 30),
        "b.csv": pytest.approx(28 / 30),
        "c.csv": 1.0,
    }
    assert len(found["notes"]) == 3 + 3
    assert (
        "| exact_match | 0.6667 | 0.9333 | **1.0000** |"
        in vqatune("compare", "a.csv", "b.csv", "c.csv", *EXACT, "--markdown").out
    )


def test_files_whose_references_are_elsewhere_are_compared(vqatune, tmp_path):
    annotations = [{"question_id": number, "answers": [{"answer": "red"}] * 10} for number in range(4)]
    (tmp_path / "ann.json").write_text(json.dumps({"annotations": annotations}))
    for name, said in (("a/p.json", "red red x x"), ("b/p.json", "red x red red")):
        (tmp_path / name).parent.mkdir()
        rows = [{"question_id": number, "answer": text} for number, text in enumerate(said.split())]
        (tmp_path / name).write_text(json.dumps(rows))
    found = vqatune(
        "compare", "a/p.json", "b/p.json", "--references", "ann.json", "--metric", "vqa_accuracy", "--json"
    ).json
    assert (found["first"], found["second"]) == ("a/p.json", "b/p.json")
    assert [row["difference"] for row in found["metrics"]] == [0.25]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.csv",), "or two files of predictions or more"),
        (
            ("a.csv", "a.csv"),
            "are the same file twice: name two files, such as `vqatune compare a.csv b.csv`",
        ),
        (("a.csv", "v7"), "a.csv is a file of predictions and v7 names a version: compare one kind"),
        (("a.csv", "no.csv"), "no.csv does not exist"),
        (("a.csv", "b.csv", "--by", "shop"), "a.csv has no column 'shop': --by takes prediction, references"),
        (("a.csv", "b.csv", "--on", "shop"), "a.csv has no column 'shop' (--on)"),
        (("a.csv", "b.csv", "--metric", "grounding"), "a.csv: grounding cannot be computed"),
        (("v1", "v2", "--on", "id"), "--on goes with files of predictions, and v1 names a version"),
        (
            ("v1", "v2", "--by", "shop"),
            "'shop' is no slice of versions: --by takes difficulty, question_type",
        ),
        (("v1", "v2", "v3", "--by", "tier"), "--by goes with two versions; these are 3"),
    ],
)
def test_what_cannot_be_compared_is_one_line(vqatune, both, arguments, said):
    assert said in vqatune("compare", *arguments).error
