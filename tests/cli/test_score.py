"""`vqatune score` and `vqatune compare`, as their users run them."""

import json
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from vqatune.evaluation.metrics import METRICS

COMMAND = [sys.executable, "-c", "from vqatune.cli import main; main()"]
EXACT = ("--metric", "exact_match")
NO_IMAGES = "no image column: every pair counts as an image of its own in the intervals; name it with --image"


def _totals(done) -> dict[str, float]:
    return {row["metric"]: row["value"] for row in done.json["metrics"]}


def test_a_file_is_scored_outside_of_any_repository_and_nothing_is_written(process, file, tmp_path):
    done = process("score", "answers.csv", *EXACT, "--metric", "fuzzy")
    assert (done.status, done.err) == (0, "")
    assert "prediction: prediction, references: answer, difficulty: difficulty, image_id: image\n" in done.out
    assert "answers.csv: 5 pairs" in done.out
    [line] = [line for line in done.out.splitlines() if "exact_match" in line]
    assert "0.4000" in line and "0.0000 … 0.5000" in line and "vqa_accuracy" not in done.out
    assert list(tmp_path.rglob("*")) == [file]


@pytest.mark.slow
def test_all_metrics_come_with_intervals_and_what_is_absent_with_the_reason(vqatune, file):
    found = vqatune("score", "answers.csv", "--json").json
    assert found["pairs"] == 5 and found["columns"]["references"] == ["answer"]
    assert found["notes"] == ["intervals from 3 images say little"]
    assert found["counts"] == {"pairs": 5, "images": 3, "empty_predictions": 0, "empty_references": 0}
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


def test_predictions_are_scored_against_the_references_in_another_file(vqatune, tmp_path):
    annotations = [
        {"question_id": number, "image_id": 5, "answer_type": "other", "answers": [{"answer": text}] * 10}
        for number, text in ((2, "mug"), (1, "red"), (3, "two"))
    ]
    (tmp_path / "annotations.json").write_text(json.dumps({"annotations": annotations}))
    results = [{"question_id": 1, "answer": "red"}, {"question_id": 2, "answer": "cup"}]
    (tmp_path / "results.json").write_text(json.dumps(results))
    command = ("score", "results.json", "--references", "annotations.json", "--metric", "vqa_accuracy")
    found = vqatune(*command, "--json").json
    assert [row["value"] for row in found["metrics"]] == [0.5] and found["counts"]["images"] == 1
    done = vqatune(*command, "--on", "question_id", "--by", "answer_type")
    assert "0 of 2 predictions and 1 of 3 references (the first: '3') have no partner" in done.out
    assert "by answer_type" in done.out
    alone = vqatune("score", "results.json").error
    assert "no column known to be the prediction" in alone and "--references FILE" in alone


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


def test_what_the_intervals_are_made_from_is_said_where_it_is_little(vqatune, tmp_path):
    rows = "".join(f"red,red,i{number}\n" for number in range(10))
    (tmp_path / "a.csv").write_text(f"pred,gt,where\n{rows}")
    assert vqatune("score", "a.csv", *EXACT, "--image", "where", "--json").json["notes"] == []
    assert vqatune("score", "a.csv", *EXACT, "--image", "", "--json").json["notes"] == []
    assert vqatune("score", "a.csv", *EXACT, "--json").json["notes"] == [NO_IMAGES]
    assert NO_IMAGES in vqatune("score", "a.csv", *EXACT).out
    (tmp_path / "b.csv").write_text(f"pred,gt,img\n{rows.replace('i9', 'i8')}")
    assert "intervals from 9 images say little\n" in vqatune("score", "b.csv", *EXACT).out


def test_empty_texts_are_counted(vqatune, tmp_path):
    (tmp_path / "a.csv").write_text("pred,gt,img\n,red,i\nred,,i\nred,  ,j\n")
    done = vqatune("score", "a.csv", *EXACT)
    assert "1 empty prediction, 2 empty references\n" in done.out
    assert vqatune("score", "a.csv", *EXACT, "--json").json["counts"] == {
        "pairs": 3,
        "images": 2,
        "empty_predictions": 1,
        "empty_references": 2,
    }


def test_a_difficulty_in_words_is_left_out_and_still_breaks_the_scores_down(vqatune, tmp_path):
    (tmp_path / "a.csv").write_text("pred,gt,difficulty,img\nred,red,easy,i\nblue,red,hard,\n")
    found = vqatune("score", "a.csv", *EXACT, "--by", "difficulty", "--json").json
    assert [(row["value"], row["exact_match"]) for row in found["by"]] == [("easy", 1.0), ("hard", 0.0)]
    assert "column 'difficulty' is not used as the difficulty" in found["notes"][0]
    assert "column 'img' is not used as the image_id" in found["notes"][1] and NO_IMAGES in found["notes"]


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
        "column 'grounding' is not used: it holds 'no idea', which is no number from 0 to 1",
        NO_IMAGES,
        "intervals from 1 image say little",
    ]


def test_a_grounding_that_was_measured_elsewhere_is_used(vqatune, tmp_path):
    (tmp_path / "a.csv").write_text("pred,gt,grounding\nred,red,0.75\nblue,red,1\nblue,red,\n")
    found = vqatune("score", "a.csv", "--metric", "grounding", "--metric", "vccs", "--json")
    assert _totals(found) == {"vccs": 0.375, "grounding": 0.875}
    assert found.json["notes"] == [NO_IMAGES, "intervals from 3 images say little"]
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
        ("pred,gt\nx,[]\n", (), "line 2 has no reference in column 'gt'"),
        (
            "pred,gt,level\nx,y,hard\n",
            ("--difficulty", "level"),
            "line 2: the difficulty in column 'level' is 'hard'",
        ),
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
