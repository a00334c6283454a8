"""Which column of a file of predictions is what."""

import pytest

from vqatune.errors import DataError
from vqatune.evaluation.prediction_files.columns import Columns
from vqatune.evaluation.prediction_files.reading import read_predictions


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


@pytest.mark.parametrize("columns", [Columns(), Columns(references=("gt1", "gt2", "gt3"))])
def test_a_reference_column_that_is_empty_everywhere_is_left_out_and_said_to_be(write, columns):
    read = read_predictions(write("a.csv", "pred,gt1,gt2,gt3\nx,a,,b\ny,c,,d\n"), columns)
    assert list(read.frame["references"]) == [["a", "b"], ["c", "d"]]
    assert read.summary == "prediction: pred, references: gt1 + gt3"
    assert read.notes == ["column 'gt2' is empty in every row: it gives no references"]


@pytest.mark.parametrize(
    ("header", "cells", "role", "fault"),
    [
        (
            "level",
            ["1", "", "hard"],
            "difficulty",
            "line 4: the difficulty in column 'level' is 'hard', not a",
        ),
        (
            "difficulty",
            ["1.5", "1", "1"],
            "difficulty",
            "line 2: the difficulty in column 'difficulty' is '1.5'",
        ),
        ("image", ["i", "", "j"], "image_id", "line 3 has no image in column 'image'"),
    ],
)
def test_an_optional_column_that_is_none_is_an_error_where_it_was_named_and_a_note_where_guessed(
    write, header, cells, role, fault
):
    path = write("a.csv", f"pred,gt,{header}\n" + "".join(f"x,a,{cell}\n" for cell in cells))
    read = read_predictions(path)
    assert list(read.taken) == ["prediction", "references"] and role not in read.frame
    assert read.notes[0].startswith(f"column {header!r} is not used as the {role}: {path}")
    assert fault in read.notes[0]
    kept = "difficulty_text" if header == "difficulty" else header
    assert list(read.frame[kept]) == cells
    with pytest.raises(DataError, match=fault):
        read_predictions(path, Columns(**{role: header}))


def test_a_guessed_image_column_of_objects_is_not_used(write):
    read = read_predictions(write("a.jsonl", '{"pred": "x", "gt": "x", "image": {"path": "p"}}'))
    assert "image_id" not in read.frame and "an object in column 'image'" in read.notes[0]


@pytest.mark.parametrize("name", ["img", "image_url", "Img ID", "img_path", "photo", "picture", "image_file"])
def test_common_names_of_the_image_are_known(write, name):
    read = read_predictions(write("a.csv", f"pred,gt,{name}\nred,red,i1\n"))
    assert read.taken["image_id"] == (name,) and list(read.frame["image_id"]) == ["i1"]
