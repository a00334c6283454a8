"""`vqatune score` and `vqatune compare`, as their users run them."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from vqatune import tables
from vqatune.cli import main
from vqatune.evaluation.metrics import METRICS
from vqatune.tables import read_csv

COMMAND = [sys.executable, "-c", "from vqatune.cli import main; main()"]
EXACT = ("--metric", "exact_match")
FILE = """\
id,answer,prediction,difficulty,image,kind,year
1,red,red,0,i1,color,10
2,blue,dark blue,1,i1,color,9
3,None,None,2,i2,other,
4,NA,n/a,,i2,other,100
5,sofa,couch,5,i3,[bold]x,9
"""


@dataclass(frozen=True)
class Done:
    """What a command ended with."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        def refuse(constant: str) -> None:
            raise ValueError(f"{constant} is no JSON")

        assert self.status == 0, self.err
        return json.loads(self.out, parse_constant=refuse)

    @property
    def error(self) -> str:
        """The one line that a failure says."""
        assert self.status == 1 and self.out == ""
        assert self.err.startswith("error: ") and self.err.count("\n") == 1, self.err
        return self.err.removeprefix("error: ").rstrip("\n")


@pytest.fixture
def vqatune(tmp_path, monkeypatch, capsys):
    """Run a command in tmp_path, in this process: an error that is not caught fails the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        status = 0
        try:
            main(list(map(str, arguments)))
        except SystemExit as left:
            status = left.code
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture
def process(tmp_path, repository):
    """Run a command in tmp_path as a process of its own."""

    def run(*arguments: str, **variables: str) -> Done:
        environment = os.environ | {"PYTHONPATH": str(repository / "src"), "COLUMNS": "100"} | variables
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def file(tmp_path) -> Path:
    (tmp_path / "answers.csv").write_text(FILE)
    return tmp_path / "answers.csv"


def _totals(done: Done) -> dict[str, float]:
    return {row["metric"]: row["value"] for row in done.json["metrics"]}


def test_a_file_is_scored_outside_of_any_repository_and_nothing_is_written(process, file, tmp_path):
    done = process("score", "answers.csv", *EXACT, "--metric", "fuzzy")
    assert (done.status, done.err) == (0, "")
    assert "prediction: prediction, references: answer, difficulty: difficulty, image_id: image\n" in done.out
    assert "answers.csv: 5 pairs" in done.out
    [line] = [line for line in done.out.splitlines() if "exact_match" in line]
    assert "0.4000" in line and "0.0000 … 0.5000" in line and "vqa_accuracy" not in done.out
    assert list(tmp_path.rglob("*")) == [file]


def test_all_metrics_come_with_intervals_and_what_is_absent_with_the_reason(process, file):
    found = process("score", "answers.csv", "--json").json
    assert found["pairs"] == 5 and found["columns"]["references"] == ["answer"] and found["notes"] == []
    metrics = {row["metric"]: row for row in found["metrics"]}
    assert {"exact_match", "bertscore_f1", "sbert_cosine", "average_mark"} <= set(metrics)
    assert all(row["low"] <= row["value"] <= row["high"] for row in metrics.values())
    assert metrics["average_mark"]["pairs"] == 4 and metrics["average_mark"]["value"] == 5 / 27
    assert set(metrics) | set(found["absent"]) == set(METRICS)
    assert "eval.bartscore.model" in found["absent"]["bartscore"]


def test_the_answers_none_and_na_are_text(vqatune, tmp_path):
    rows = [("None", "None"), ("NA", "NA"), ("nan", "nan"), ("null", "")]
    (tmp_path / "a.csv").write_text("pred,gt\n" + "".join(f"{one},{other}\n" for one, other in rows))
    assert _totals(vqatune("score", "a.csv", *EXACT, "--json")) == {"exact_match": 0.75}


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet", "a.csv.gz"])
def test_every_format_gives_the_same_scores(vqatune, tmp_path, name):
    frame = pd.DataFrame({"output": ["red", "None", "two"], "label": ["red", "None", "2"]})
    match name.removesuffix(".gz").split(".")[1]:
        case "csv":
            frame.to_csv(name_of := tmp_path / name, index=False)
        case "tsv":
            frame.to_csv(name_of := tmp_path / name, index=False, sep="\t")
        case "parquet":
            pq.write_table(pa.Table.from_pandas(frame), name_of := tmp_path / name)
        case kind:
            frame.to_json(name_of := tmp_path / name, orient="records", lines=kind == "jsonl")
    found = vqatune("score", name_of, *EXACT, "--metric", "vqa_accuracy", "--json")
    assert _totals(found) == {"exact_match": 2 / 3, "vqa_accuracy": 1.0}


def test_columns_may_be_given(vqatune, file):
    chosen = (
        "--prediction",
        "answer",
        "--reference",
        "prediction",
        "--difficulty",
        "year",
        "--image",
        "kind",
    )
    found = vqatune("score", file, *EXACT, *chosen, "--json").json
    assert found["columns"] == {
        "prediction": ["answer"],
        "references": ["prediction"],
        "difficulty": ["year"],
        "image_id": ["kind"],
    }
    without = vqatune("score", file, *EXACT, "--difficulty", "", "--image", "", "--json").json
    assert list(without["columns"]) == ["prediction", "references"]
    assert (
        "average_mark cannot be computed"
        in vqatune("score", file, "--metric", "average_mark", "--difficulty", "").error
    )


def test_several_references_are_a_json_list_or_several_columns(vqatune, tmp_path):
    (tmp_path / "list.csv").write_text('pred,answers\nred,"[""blue"", ""red""]"\none,"[""two"", ""2""]"\n')
    (tmp_path / "columns.csv").write_text("pred,a,b\nred,blue,red\none,two,2\n")
    several = vqatune("score", "list.csv", *EXACT, "--json")
    columns = vqatune("score", "columns.csv", "--reference", "a", "--reference", "b", *EXACT, "--json")
    assert _totals(several) == _totals(columns) == {"exact_match": 0.5}
    assert columns.json["columns"]["references"] == ["a", "b"]


def test_by_column_gives_the_scores_of_every_value_with_counts(vqatune, file):
    found = vqatune("score", file, *EXACT, "--by", "kind", "--json").json["by"]
    assert [(row["value"], row["pairs"], row["images"], row["exact_match"]) for row in found] == [
        ("[bold]x", 1, 1, 0.0),
        ("color", 2, 1, 0.5),
        ("other", 2, 1, 0.5),
    ]
    assert {row["slice"] for row in found} == {"kind"}
    shown = vqatune("score", file, *EXACT, "--by", "kind").out
    assert "by kind" in shown and "[bold]x" in shown and "pairs" in shown


def test_by_numbers_go_as_numbers_do_and_what_is_empty_is_last(vqatune, file):
    for column, values in {"year": ["9", "10", "100", ""], "difficulty": ["0", "1", "2", "5", ""]}.items():
        found = vqatune("score", file, *EXACT, "--by", column, "--json").json["by"]
        assert [row["value"] for row in found] == values
        assert sum(row["pairs"] for row in found) == 5
    assert "(empty)" in vqatune("score", file, *EXACT, "--by", "year").out


@pytest.mark.parametrize("column", ["references", "prediction", "answer", "exact_match", "pairs", "_by"])
def test_by_any_column_works_whatever_it_is_called(vqatune, tmp_path, column):
    (tmp_path / "a.csv").write_text("pred,answer,exact_match,pairs,_by\nred,red,x,x,x\nred,blue,y,y,y\n")
    found = vqatune("score", "a.csv", *EXACT, "--by", column, "--json").json["by"]
    assert sum(row["pairs"] for row in found) == 2 and {row["slice"] for row in found} == {column}
    assert column == "prediction" or [row["exact_match"] for row in found] in ([1.0, 0.0], [0.0, 1.0])


def test_as_published_two_metrics_differ(vqatune, tmp_path):
    (tmp_path / "a.csv").write_text("pred,gt\n2,two\ndark red,red\n")
    chosen = ("--metric", "vqa_accuracy", "--metric", "lcs_ratio", "--json")
    assert _totals(vqatune("score", "a.csv", *chosen)) == {"vqa_accuracy": 0.5, "lcs_ratio": 0.5}
    published = vqatune("score", "a.csv", *chosen, "--published")
    assert _totals(published) == {"vqa_accuracy": 0.0, "lcs_ratio": 0.25} and published.json["published"]
    assert "as published" in vqatune("score", "a.csv", "--metric", "lcs_ratio", "--published").out


def test_a_column_called_like_a_metric_does_no_harm(vqatune, tmp_path):
    (tmp_path / "a.csv").write_text("pred,gt,exact_match,grounding,bleu\nred,red,9,no idea,x\n")
    found = vqatune("score", "a.csv", *EXACT, "--json")
    assert _totals(found) == {"exact_match": 1.0}
    assert found.json["notes"] == [
        "column 'grounding' is not used: it holds 'no idea', which is no number from 0 to 1"
    ]


def test_a_grounding_that_was_measured_elsewhere_is_used(vqatune, tmp_path):
    (tmp_path / "a.csv").write_text("pred,gt,grounding\nred,red,0.75\nblue,red,1\nblue,red,\n")
    found = vqatune("score", "a.csv", "--metric", "grounding", "--metric", "vccs", "--json")
    assert _totals(found) == {"vccs": 0.375, "grounding": 0.875} and found.json["notes"] == []
    assert [row["pairs"] for row in found.json["metrics"]] == [2, 2]


def test_a_grounding_beyond_its_range_is_not_used(vqatune, tmp_path):
    (tmp_path / "a.csv").write_text("pred,gt,grounding\nred,red,0.75\nblue,red,1.5\n")
    assert "grounding cannot be computed" in vqatune("score", "a.csv", "--metric", "grounding").error
    assert "it holds '1.5'" in vqatune("score", "a.csv", *EXACT).out


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("id,gt\n1,red\n", (), "a.csv has no column known to be the prediction: say which with --prediction"),
        (
            "id,pred\n1,red\n",
            (),
            "a.csv has no column known to be the references: say which with --reference",
        ),
        ("pred,gt\nx,y\n", ("--prediction", "other"), "a.csv has no column 'other' (--prediction)"),
        ("pred,gt\nx,y\n", ("--by", "other"), "a.csv has no column 'other': --by takes "),
        ('pred,gt\nx,"[""a"",""b""]"\nx,"[""a""]"\n', (), "unequal numbers of references"),
        ("pred,gt,level\nx,y,hard\n", (), "line 2: the difficulty in column 'level' is 'hard'"),
        ("pred,gt,level\nx,y,4\n", ("--metric", "average_mark"), "only the difficulties 0, 1, 2, 3, 5"),
        (
            "pred,gt\nx,y\n",
            ("--metric", "blue"),
            "'blue' is not a metric: choose from exact_match, vqa_accuracy",
        ),
        ("pred,gt\nx,y\n", ("--metric", "bartscore"), "bartscore cannot be computed: no model is configured"),
        ("pred,gt\n", (), "a.csv has no rows"),
        ("", (), "a.csv is empty"),
    ],
)
def test_what_cannot_be_scored_is_one_line(vqatune, tmp_path, content, arguments, said):
    (tmp_path / "a.csv").write_text(content)
    assert said in vqatune("score", "a.csv", *arguments).error


def test_a_file_that_cannot_be_read_is_one_line(vqatune, tmp_path):
    (tmp_path / "a.parquet").write_text("pred,gt\n")
    assert "a.parquet is not a readable Parquet file" in vqatune("score", "a.parquet").error
    assert "b.csv does not exist" in vqatune("score", "b.csv").error
    assert "is a folder" in vqatune("score", ".").error


@pytest.mark.parametrize("width", ["20", "40", "60", "80", "200"])
def test_no_terminal_is_too_narrow_and_no_number_is_cut(vqatune, file, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    done = vqatune("score", file, *EXACT, "--metric", "token_overlap", "--by", "kind")
    assert done.status == 0 and "exact_match" in done.out
    tables_ = [line for line in done.out.splitlines() if line[:1] in "┏┃┡│└"]
    assert max(map(len, tables_)) <= max(int(width), 21)
    assert "…" not in "".join(tables_).replace(" … ", "")


def test_names_with_brackets_are_shown_as_they_are(vqatune, tmp_path):
    (tmp_path / "x[bold]y.csv").write_text("pred,gt,[/b]\nred,red,[/i]\n")
    shown = vqatune("score", "x[bold]y.csv", *EXACT, "--by", "[/b]").out
    assert "x[bold]y.csv: 1 pairs" in shown and "by [/b]" in shown and "[/i]" in shown


def test_a_terminal_without_the_characters_gets_others_and_json_escapes(process, tmp_path):
    (tmp_path / "a.csv").write_text("pred,gt,kind\nrot,rot,grün\n")
    assert process("score", "a.csv", *EXACT, "--by", "kind", PYTHONIOENCODING="ascii").status == 0
    ascii_only = process("score", "a.csv", *EXACT, "--by", "kind", "--json", PYTHONIOENCODING="ascii")
    assert ascii_only.json["by"][0]["value"] == "grün" and ascii_only.out.isascii()


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_reader_that_has_seen_enough_is_no_error(tmp_path, repository, options):
    rows = "".join(f"red,red,{number}\n" for number in range(3000))
    (tmp_path / "a.csv").write_text(f"pred,gt,kind\n{rows}")
    process = subprocess.Popen(
        [*COMMAND, "score", "a.csv", *EXACT, "--by", "kind", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(repository / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 1


def test_an_interrupt_is_one_line(tmp_path, repository):
    os.mkfifo(tmp_path / "a.csv")
    process = subprocess.Popen(
        [*COMMAND, "score", "a.csv", *EXACT],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(repository / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # This waits until the other side reads the file, and then it waits for content.
    with (tmp_path / "a.csv").open("wb"):
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)
    assert said == ("", "stopped\n") and process.returncode == 130


def test_the_params_of_another_project_are_not_read(vqatune, file, tmp_path):
    (tmp_path / "params.yaml").write_text("lr: 0.1\n")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    assert _totals(vqatune("score", file, *EXACT, "--json")) == {"exact_match": 0.4}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.csv", "dvc.yaml", "params.yaml"]


def _write_params(folder: Path, values: dict, **changes) -> None:
    without = {"bertscore": {"model": None}, "sbert": {"model": None}, "bartscore": {"model": None}}
    evaluation = values["eval"] | without | {"resamples": 50} | changes
    (folder / "params.yaml").write_text(yaml.safe_dump(values | {"eval": evaluation}))


def test_in_the_repository_its_parameters_hold_and_scores_are_kept(vqatune, file, tmp_path, parameter_values):
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/eval.py").touch()
    _write_params(tmp_path, parameter_values)
    found = vqatune("score", file, "--json")
    assert "set eval.sbert.model" in found.json["absent"]["sbert_cosine"]
    assert any((tmp_path / ".work/scores").glob("text-*.sqlite"))
    assert vqatune("score", file, "--json") == found
    _write_params(tmp_path, parameter_values, resamples=0)
    assert "eval.resamples" in vqatune("score", file).error


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


def test_two_versions_are_compared(vqatune, checkout):
    done = vqatune("compare", "v1", "v2")
    assert done.status == 0 and done.err == "" and "v2 − v1" in done.out
    [line] = [line for line in done.out.splitlines() if "exact_match" in line]
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
    [line] = [line for line in done.out.splitlines() if "exact_match" in line]
    assert [part.strip() for part in line.split("│")[2:5]] == ["0.000", "0.500", "0.950"]
    assert "rouge_l" in done.out and "bertscore_f1 are absent: no model is configured" in done.out
    found = vqatune("compare", "base", "v1", "v2", "--json").json
    assert list(found) == ["base", "v1", "v2"]
    rows = {row["metric"]: row for row in found["v2"]}
    assert rows["exact_match"]["low"] < 0.95 < rows["exact_match"]["high"] <= 1
    assert rows["sbert_cosine"]["value"] is None and "eval.sbert.model" in rows["sbert_cosine"]["absent"]


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
        (("v1", "v1"), "compare takes two versions or more"),
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


@pytest.mark.parametrize("versions", [("v1", "HEAD:v1"), ("v1", "v2", "HEAD:v1")])
def test_versions_of_different_test_sets_are_one_line(vqatune, checkout, versions):
    person = [f"-c user.{name}=tester@example.com" for name in ("name", "email")]
    (checkout / ".dvc").mkdir()
    (checkout / ".dvc/config").write_text("[core]\n    analytics = false\n")
    for command in ("init --quiet", "add --all", f"{' '.join(person)} commit --quiet --message one"):
        subprocess.run(["git", *command.split()], cwd=checkout, check=True)
    test = tables.read_table("data/test.parquet", tables.PAIRS)
    tables.write_table(test.assign(question="What is it?"), "data/test.parquet", tables.PAIRS)
    said = vqatune("compare", *versions).error
    assert said.startswith(
        "v1 and HEAD:v1 were measured on different test sets (of 40 and 40 pairs, 0 are the same)"
    )


def test_compare_is_for_the_root_of_the_repository(vqatune):
    assert "params.yaml does not exist: run this from the root" in vqatune("compare", "v1", "v2").error
