"""Which column of a file of predictions is what, and what its cells mean."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqatune.errors import DataError
from vqatune.evaluation.columns import Columns
from vqatune.evaluation.files import read_predictions


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("question,answer,prediction", ("prediction", ("answer",))),
        ("answer,predicted_answer", ("predicted_answer", ("answer",))),
        ("Answer,answer_pred,reference", ("answer_pred", ("reference",))),
        ("prediction,output,label", ("prediction", ("label",))),
        ("hypothesis,answer_2,answer_10,answer_1", ("hypothesis", ("answer_1", "answer_2", "answer_10"))),
        ("pred,reference1,reference2,answer", ("pred", ("reference1", "reference2"))),
        (" Generated Answer ,GROUND-TRUTH", (" Generated Answer ", ("GROUND-TRUTH",))),
    ],
)
def test_common_names_are_known(write, header, taken):
    row = ",".join("x" for _ in header.split(","))
    read = read_predictions(write("a.csv", f"{header}\n{row}\n"))
    assert (*read.taken["prediction"], read.taken["references"]) == taken


def test_an_image_id_is_taken_before_a_path_and_a_file(write):
    read = read_predictions(write("a.csv", "file,image_path,image_id,pred,gt\nf,p,i,red,red\n"))
    assert list(read.frame["image_id"]) == ["i"] and list(read.frame["file"]) == ["f"]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "id,answer",
            r"no column known to be the prediction: .*--prediction NAME \(its columns: id, answer\)",
        ),
        ("id,pred", r"no column known to be the references: .*--reference NAME \(its columns: id, pred\)"),
        ("pred,output,gt", "'pred' and 'output' may each be the prediction: choose with --prediction NAME"),
        ("pred,gt,label", "'gt' and 'label' may each be the references: choose with --reference NAME"),
        ("pred,gt,gt_2,gt_3", "'gt' and 'gt_2', 'gt_3' may each be the references"),
        ("pred,gt,Level,level", "'Level' and 'level' may each be the difficulty: choose with --difficulty"),
        ("pred,gt,gt", "has the column 'gt' more than once"),
    ],
)
def test_columns_that_are_not_plain_are_asked_for(write, header, message):
    row = ",".join("x" for _ in header.split(","))
    with pytest.raises(DataError, match=message):
        read_predictions(write("a.csv", f"{header}\n{row}\n"))


def test_given_columns_are_taken_whatever_they_are_called(write):
    path = write(
        "a.csv", "answer,truth,other,prediction,prediction_text,n,where\nred,blue,green,old,it,3,i1\n"
    )
    read = read_predictions(path, Columns("answer", ("truth", "other"), "n", "where"))
    row = read.frame.iloc[0]
    assert row["prediction"] == "red" and row["references"] == ["blue", "green"]
    assert (
        row["difficulty"] == 3
        and row["image_id"] == "i1"
        and row["prediction_text"] == "it"
        and row["prediction_text_text"] == "old"
    )
    assert read.summary == "prediction: answer, references: truth + other, difficulty: n, image_id: where"
    assert read.notes == [
        "column 'prediction' was not taken for the prediction: it is called 'prediction_text_text' here"
    ]


def test_a_given_column_is_not_guessed_for_anything_else(write):
    read = read_predictions(write("a.csv", "answer,gt\nred,blue\n"), Columns(prediction="answer"))
    assert read.taken == {"prediction": ("answer",), "references": ("gt",)}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            Columns(prediction="Pred answer"),
            "no column 'Pred answer' .--prediction.; did you mean 'pred_answer'",
        ),
        (Columns(references=("zzz",)), "no column 'zzz' .--reference.; its columns: pred_answer, gt, n"),
        (Columns(prediction="gt", references=("gt",)), "'gt' is given as --prediction and as --reference"),
        (Columns(references=("gt", "gt")), "'gt' is given as --reference and as --reference"),
    ],
)
def test_given_columns_that_cannot_be_are_an_error(write, columns, message):
    with pytest.raises(DataError, match=message):
        read_predictions(write("a.csv", "pred_answer,gt,n\na,b,1\n"), columns)


def test_an_empty_name_does_without_difficulty_and_image(write):
    path = write("a.csv", "pred,gt,difficulty,image\nred,red,hard,\n")
    read = read_predictions(path, Columns(difficulty="", image_id=""))
    assert list(read.taken) == ["prediction", "references"]
    assert "difficulty" not in read.frame and "image_id" not in read.frame
    assert list(read.frame["difficulty_text"]) == ["hard"]


@pytest.mark.parametrize(
    ("cell", "references"),
    [
        ('["red", "dark red"]', ["red", "dark red"]),
        ("[1, 2.50, true]", ["1", "2.50", "true"]),
        ('[{"answer": "red", "answer_id": 1}, {"answer": ""}]', ["red", ""]),
        ('["red", null]', ['["red", null]']),
        ('[["red"]]', ['[["red"]]']),
        ("[sic] red", ["[sic] red"]),
        ("[" * 50_000, ["[" * 50_000]),
        ("[NaN]", ["[NaN]"]),
        ('{"answer": "red"}', ['{"answer": "red"}']),
    ],
)
def test_a_json_list_of_texts_in_a_cell_is_several_references(write, cell, references):
    quoted = cell.replace('"', '""')
    frame = read_predictions(write("a.csv", f'pred,gt\nred,"{quoted}"\n')).frame
    assert list(frame["references"]) == [references]


def test_lists_of_json_and_parquet_are_several_references(write, tmp_path):
    path = write(
        "a.jsonl", '{"pred": "a", "answers": ["b", 3]}\n{"pred": "a", "answers": [{"answer": "c"}, "d"]}'
    )
    assert list(read_predictions(path).frame["references"]) == [["b", "3"], ["c", "d"]]
    pq.write_table(pa.table({"pred": ["a"], "answers": [["b", "c"]]}), tmp_path / "a.parquet")
    assert list(read_predictions(tmp_path / "a.parquet").frame["references"]) == [["b", "c"]]
    pq.write_table(pa.table({"pred": ["a"], "answers": [[{"answer": "b"}]]}), tmp_path / "a.parquet")
    assert list(read_predictions(tmp_path / "a.parquet").frame["references"]) == [["b"]]


def test_lists_as_python_writes_them_are_pointed_out(write):
    read = read_predictions(write("a.csv", "pred,gt\nred,\"['red', 'blue']\"\nred,red\n"))
    assert list(read.frame["references"]) == [["['red', 'blue']"], ["red"]]
    assert read.notes == ["1 references look like Python lists and count as one text each: write JSON"]
