"""`vqatune compare`, as its users run it."""

import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml

from vqatune import tables
from vqatune.cli.compare import _score_versions, _shared
from vqatune.errors import DataError, Stopped
from vqatune.params import load_params
from vqatune.tables import read_csv

EXACT = ("--metric", "exact_match")


def _write_params(folder: Path, values: dict, **changes) -> None:
    without = {"bertscore": {"model": None}, "sbert": {"model": None}, "bartscore": {"model": None}}
    evaluation = values["eval"] | without | {"resamples": 50} | changes
    (folder / "params.yaml").write_text(yaml.safe_dump(values | {"eval": evaluation}))


@pytest.fixture
def checkout(tmp_path, parameter_values) -> Path:
    """A folder with the parameters, a test set of 40 pairs about 20 images, and predictions of three versions."""
    _write_params(tmp_path, parameter_values)
    pairs = [
        {
            "qa_id": f"q{number:02}",
            "image_id": f"i{number // 2:02}",
            "item_id": "item",
            "product_type": "LAMP" if number < 20 else "SOFA",
            "question": "What [color] is it?",
            "answer": "red",
            "difficulty": number % 4,
            "question_type": "color",
            "attribute": "color",
            "language": "en_US",
            "task": "general",
            "generator": "template",
        }
        for number in range(40)
    ]
    pairs = pd.DataFrame(pairs).astype({"difficulty": "Int8"})
    for name in ("test", "train"):
        tables.write_table(pairs, tmp_path / f"data/{name}.parquet", tables.PAIRS)
    sampled = pd.DataFrame({"product_type": ["LAMP", "SOFA"], "tier": [0, 100]})
    tables.write_table(
        sampled.reindex(columns=tables.SAMPLED.names), tmp_path / "data/sampled.parquet", tables.SAMPLED
    )
    # v1 gets the lamps right, v2 all but two lamps.
    for version, wrong in {"base": range(40), "v1": range(20, 40), "v2": range(2)}.items():
        said = ["blue" if number in wrong else "red" for number in range(40)]
        _predict(tmp_path, version, pairs["qa_id"], said)
    return tmp_path


def _predict(folder: Path, version: str, names, said: list[str]) -> None:
    frame = pd.DataFrame({"qa_id": names, "prediction": said})
    frame = frame.assign(log_probability=-1.0, grounding=float("nan"))
    tables.write_table(frame, folder / f"data/predictions/{version}.parquet", tables.PREDICTIONS)


def test_the_blind_guess_is_compared_like_a_version(vqatune, checkout):
    assert (
        "data/predictions/blind.parquet does not exist: run `dvc repro blind`"
        in vqatune("compare", "blind", "v2").error
    )
    names = [f"q{number:02}" for number in range(40)]
    _predict(checkout, "blind", names, ["red"] * 20 + ["blue"] * 20)
    found = vqatune("compare", "blind", "v2", "--json").json
    assert found["first"] == "blind"
    exact = next(row for row in found["metrics"] if row["metric"] == "exact_match")
    assert (exact["first"], exact["second"]) == (0.5, 0.95)


def test_two_versions_are_compared(vqatune, checkout):
    done = vqatune("compare", "v1", "v2")
    assert done.status == 0 and done.err == "" and "v2 − v1" in done.out
    [line] = [line for line in done.out.splitlines() if re.match("│ ?exact_match", line)]
    assert "0.5000" in line and "0.9500" in line and "+0.4500" in line
    assert "20 questions that v1 got wrong v2 got right; 2 the other way round" in done.out
    assert "LAMP" in done.out and "-0.100" in done.out
    assert "7 of the 22 that changed" in done.out and "What [color] is it?" in done.out
    assert "set eval.sbert.model" in done.out


def test_a_comparison_as_json_holds_differences_slices_and_changed_pairs(vqatune, checkout):
    found = vqatune("compare", "v1", "v2", "--json").json
    assert (found["first"], found["second"]) == ("v1", "v2")
    metrics = {row["metric"]: row for row in found["metrics"]}
    exact = metrics["exact_match"]
    assert exact["difference"] == pytest.approx(0.45) and exact["pairs"] == 40
    assert 0 < exact["low"] < 0.45 < exact["high"] < 1
    assert {"rouge_l", "average_mark"} <= set(metrics) and "sbert_cosine" in found["absent"]
    assert [row["change"] for row in found["changed"]] == ["lost"] * 2 + ["gained"] * 20
    assert found["changed"][0]["product_type"] == "LAMP" and found["changed"][0]["tier"] == 0
    lamp = next(row for row in found["slices"] if row["value"] == "LAMP")
    assert (lamp["pairs"], lamp["images"], lamp["difference"]) == (20, 10, pytest.approx(-0.1))


def test_the_pairs_that_changed_are_written_to_a_csv(vqatune, checkout):
    done = vqatune("compare", "v1", "v2", *EXACT, "--changed", "made/changed.csv")
    assert done.status == 0
    changed = read_csv(checkout / "made/changed.csv")
    assert list(changed["change"]) == ["lost"] * 2 + ["gained"] * 20
    assert list(changed["second"]) == ["blue"] * 2 + ["red"] * 20
    assert {"difficulty", "question_type", "product_type", "tier", "answer_length"} <= set(changed.columns)


def test_only_the_chosen_metric_is_compared(vqatune, checkout):
    found = vqatune("compare", "v1", "v2", "--metric", "fuzzy", "--json").json
    assert [row["metric"] for row in found["metrics"]] == ["fuzzy"] and len(found["changed"]) == 22
    several = vqatune("compare", "base", "v1", "v2", "--metric", "fuzzy", "--json").json
    assert {name: [row["metric"] for row in rows] for name, rows in several.items()} == {
        "base": ["fuzzy"],
        "v1": ["fuzzy"],
        "v2": ["fuzzy"],
    }


def test_three_versions_are_a_table_of_all_scores(vqatune, checkout):
    done = vqatune("compare", "base", "v1", "v2")
    [line] = [line for line in done.out.splitlines() if re.match("│ ?exact_match", line)]
    assert re.search(r"│0\.000 *│0\.500 ±\.\d{3}│0\.950 ±\.\d{3}│", line)
    # Of equal metrics there is one row; a line names the others.
    assert not any(re.match("│ ?rouge_l", line) for line in done.out.splitlines())
    [equal] = [line for line in done.out.splitlines() if line.startswith("Equal to exact_match here: ")]
    assert "rouge_l" in equal and "fuzzy" not in equal
    assert "bertscore_f1 are absent: no model is configured" in done.out
    found = vqatune("compare", "base", "v1", "v2", "--json").json
    assert list(found) == ["base", "v1", "v2"]
    rows = {row["metric"]: row for row in found["v2"]}
    assert rows["exact_match"]["low"] < 0.95 < rows["exact_match"]["high"] <= 1
    assert rows["sbert_cosine"]["value"] is None and "eval.sbert.model" in rows["sbert_cosine"]["absent"]


def test_two_versions_as_markdown_are_tables_of_differences_and_losses(vqatune, checkout):
    done = vqatune("compare", "v1", "v2", "--metric", "exact_match", "--markdown")
    assert done.status == 0 and done.err == ""
    blocks = done.out.split("\n\n")
    assert blocks[0] == "### v2 compared with v1"
    header, rule, *rows = blocks[1].splitlines()
    assert header == "| metric | v1 | v2 | difference | 95 % interval |"
    assert rule == "| --- | ---: | ---: | ---: | ---: |"
    [row] = rows
    assert row.startswith(r"| exact_match | 0.5000 | 0.9500 | **+0.4500** | +0.")
    assert blocks[2] == "Largest losses of exact match, of slices with 20 pairs or more:"
    assert "| slice | value | pairs | difference | 95 % interval |" in blocks[3]
    assert any(line.startswith("| product type | LAMP | 20 | -0.100 | ") for line in blocks[3].splitlines())
    assert blocks[4] == "20 questions are answered rightly only by v2, 2 only by v1."
    assert (
        blocks[5].startswith("One training of each: ") and "do not cover the noise of training" in blocks[5]
    )
    assert "absent" not in done.out
    assert (
        r"- sbert_cosine is absent: no model is configured"
        in vqatune("compare", "v1", "v2", "--markdown").out
    )


def test_several_versions_as_markdown_are_one_table_with_the_best_in_bold(vqatune, checkout):
    done = vqatune("compare", "base", "v1", "v2", "--markdown")
    lines = done.out.splitlines()
    assert lines[0] == "| metric | base | v1 | v2 |"
    assert r"| exact_match | 0.0000 | 0.5000 | **0.9500** |" in lines
    assert not any(line.startswith(r"| rouge_l") for line in lines)
    assert any(line.startswith(r"Equal to exact_match here: ") and r"rouge_l" in line for line in lines)


def test_the_slices_may_be_those_of_one_column(vqatune, checkout):
    done = vqatune("compare", "v1", "v2", *EXACT, "--by", "product_type")
    assert (
        "exact match by product type" in done.out and "SOFA" in done.out and "question type" not in done.out
    )
    found = vqatune("compare", "v1", "v2", *EXACT, "--by", "product_type", "--json").json
    assert [row["value"] for row in found["slices"]] == ["LAMP", "SOFA"]


@pytest.mark.parametrize("width", ["20", "60"])
def test_a_comparison_fits_a_narrow_terminal(vqatune, checkout, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    assert vqatune("compare", "v1", "v2").status == vqatune("compare", "base", "v1", "v2").status == 0


def test_a_second_comparison_scores_nothing_again(vqatune, checkout):
    first = vqatune("compare", "v1", "v2", "--json")
    kept = {path: path.read_bytes() for path in (checkout / ".work/scores").iterdir()}
    assert kept and vqatune("compare", "v1", "v2", "--json") == first
    assert {path: path.read_bytes() for path in (checkout / ".work/scores").iterdir()} == kept


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("v1",), "compare takes two versions or more"),
        (("v1", "v1"), "v1 and v1 are the same version twice: name two versions"),
        (("v1", "v1", "v1"), "are the same version 3 times"),
        (
            ("v1", "v3"),
            "data/predictions/v3.parquet does not exist: run `dvc repro predict@v3` or `dvc pull`",
        ),
        (("v1", "w2"), "'w2' names no version"),
        (("v1", "HEAD:v2"), "'HEAD' is no revision or experiment"),
        (("v1", "v2", "--metric", "blue"), "'blue' is not a metric"),
        (
            ("v1", "v2", "--metric", "grounding"),
            "v1: grounding cannot be computed: no prediction has a grounding",
        ),
        (("base", "v1", "v2", "--changed", "a.csv"), "--changed goes with two versions; these are 3"),
        (("v1", "v2", "--changed", "data"), "data cannot be written"),
        (("v1", "v2", "--json", "--markdown"), "--json and --markdown exclude each other"),
    ],
)
def test_what_cannot_be_compared_is_one_line(vqatune, checkout, arguments, said):
    assert said in vqatune("compare", *arguments).error


def test_predictions_for_other_pairs_are_one_line_that_names_the_version(vqatune, checkout):
    _predict(checkout, "v2", [f"p{number:02}" for number in range(40)], ["red"] * 40)
    for versions in (("v1", "v2"), ("base", "v1", "v2")):
        said = vqatune("compare", *versions).error
        assert said.startswith("v2: the predictions do not belong to this test set (40 × test pairs without")
        assert "run predict again" in said


@pytest.mark.parametrize("error", [DataError("no pairs"), Stopped("no pairs", 143)])
def test_a_version_is_named_in_every_kind_of_error(vqatune, checkout, monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr("vqatune.cli.compare.score_version", fail)
    with pytest.raises(type(error), match="^v1: no pairs$") as raised:
        list(_score_versions(["v1", "v2"], load_params(), None, _shared(["v1", "v2"], "test"), "test"))
    assert getattr(raised.value, "status", 143) == 143


def _commit(checkout: Path) -> None:
    """Commit a checkout, data and all, so that it can be compared with itself as it was."""
    person = [f"-c user.{name}=tester@example.com" for name in ("name", "email")]
    (checkout / ".dvc").mkdir()
    (checkout / ".dvc/config").write_text("[core]\n    analytics = false\n")
    for command in ("init --quiet", "add --all", f"{' '.join(person)} commit --quiet --message one"):
        subprocess.run(["git", *command.split()], cwd=checkout, check=True)


@pytest.mark.parametrize("versions", [("v1", "HEAD:v1"), ("v1", "v2", "HEAD:v1")])
def test_versions_of_test_sets_that_share_no_question_are_one_line(vqatune, checkout, versions):
    _commit(checkout)
    test = tables.read_table("data/test.parquet", tables.PAIRS)
    tables.write_table(test.assign(question="What is it?"), "data/test.parquet", tables.PAIRS)
    said = vqatune("compare", *versions).error
    assert said.startswith(
        "this checkout and HEAD were measured on different test sets (of 40 and 40 pairs, none is the same)"
    )


def test_versions_of_different_test_sets_are_compared_on_the_questions_that_both_have(vqatune, checkout):
    _commit(checkout)
    # Here the test set has the last 30 questions alone: of these v1 had ten right, and has five more now.
    test = tables.read_table("data/test.parquet", tables.PAIRS).iloc[10:]
    tables.write_table(test, "data/test.parquet", tables.PAIRS)
    said = ["red" if number < 25 else "blue" for number in range(10, 40)]
    _predict(checkout, "v1", test["qa_id"], said)
    line = "measured on different test sets: compared on the 30 questions that all have (40 of HEAD, 30 of this checkout)"
    found = vqatune("compare", "HEAD:v1", "v1", *EXACT, "--json").json
    assert found["notes"] == [line]
    row = found["metrics"][0]
    assert (row["pairs"], row["first"], row["second"]) == (30, 10 / 30, 15 / 30)
    assert line in vqatune("compare", "HEAD:v1", "v1", *EXACT).out
    assert line in vqatune("compare", "HEAD:v1", "v1", *EXACT, "--markdown").out
    several = vqatune("compare", "HEAD:v1", "HEAD:v2", "v1", *EXACT, "--json").json
    assert several["notes"] == [line] and list(several["versions"]) == ["HEAD:v1", "HEAD:v2", "v1"]


def test_versions_are_compared_on_the_validation_set_to_choose_by(vqatune, checkout):
    test = tables.read_table("data/test.parquet", tables.PAIRS)
    tables.write_table(test.head(10), "data/validation.parquet", tables.PAIRS)
    (checkout / "data/predictions/validation").mkdir()
    for version, right in (("v1", 4), ("v2", 9)):
        said = ["red" if number < right else "blue" for number in range(10)]
        table = test.head(10)[["qa_id"]].assign(prediction=said, log_probability=-1.0, grounding=float("nan"))
        path = f"data/predictions/validation/{version}.parquet"
        tables.write_table(table, path, tables.PREDICTIONS)
    row = vqatune("compare", "v1", "v2", "--validation", *EXACT, "--json").json["metrics"][0]
    assert (row["pairs"], row["first"], row["second"]) == (10, 0.4, 0.9)
    (checkout / "a.csv").write_text("prediction,reference\nred,red\n")
    said = vqatune("compare", "a.csv", "b.csv", "--validation").error
    assert said.startswith("--validation goes with versions, and a.csv is a file of predictions")


def test_compare_is_for_the_root_of_the_repository(vqatune):
    assert "params.yaml does not exist: run this from the root" in vqatune("compare", "v1", "v2").error
