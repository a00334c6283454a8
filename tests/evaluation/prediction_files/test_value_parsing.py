"""What the cells of predictions and references mean: texts, and lists in all the ways that they are written."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqatune.evaluation.prediction_files.columns import Columns
from vqatune.evaluation.prediction_files.reading import read_predictions


@pytest.mark.parametrize(
    ("cell", "references"),
    [
        ('["red", "dark red"]', ["red", "dark red"]),
        ("[1, 2.50, true]", ["1", "2.50", "true"]),
        ('[{"answer": "red", "answer_id": 1}, {"answer": ""}]', ["red", ""]),
        ('["red", null]', ['["red", null]']),
        ('[["red"]]', ['[["red"]]']),
        ("[sic] red", ["[sic] red"]),
        (r'["\ud83e"]', [r'["\ud83e"]']),
        ("[" * 50_000, ["[" * 50_000]),
        ("[NaN]", ["[NaN]"]),
        ('{"answer": "red"}', ["red"]),
        ('{"answer": ["red", "blue"], "answer_id": [1, 2]}', ["red", "blue"]),
        ('{"answer": null}', ['{"answer": null}']),
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


@pytest.mark.parametrize(
    "lists",
    [
        [["red", "blue"], ["it's", "x"], ["it's", "that's"], ['a "b"', "it's \\ 'x' \"y\"\n"]],
        [["سرير", "🪑"], ["a', 'b", "[]"], ["None", ""], ["\u2028", "\x00"]],
    ],
)
def test_lists_as_pandas_writes_them_are_several_references(tmp_path, lists):
    frame = pd.DataFrame({"pred": "red", "gt": lists})
    frame.to_csv(tmp_path / "a.csv", index=False)
    read = read_predictions(tmp_path / "a.csv")
    assert list(read.frame["references"]) == lists
    [note] = read.notes
    assert note.endswith("Python lists in column 'gt' are read as lists of references")


def test_lists_as_python_and_as_json_writes_them_may_stand_together(write):
    cells = ["['red', 'blue']", '["red", "dark red"]', "['red', 'blue']", "['a','b']"]
    read = read_predictions(
        write("a.jsonl", "\n".join(json.dumps({"pred": "x", "gt": cell}) for cell in cells))
    )
    assert list(read.frame["references"]) == [
        ["red", "blue"],
        ["red", "dark red"],
        ["red", "blue"],
        ["a", "b"],
    ]
    assert read.notes == ["3 Python lists in column 'gt' are read as lists of references"]


_ANSWERS = [{"answer": "red", "answer_id": 1}, {"answer": "it's", "answer_id": 2}]


@pytest.mark.parametrize(
    "cell",
    [
        ["red", "it's"],
        ("red", "it's"),
        _ANSWERS,
        np.array(["red", "it's"]),
        np.array(["red", "it's"], dtype=object),
        np.array(_ANSWERS, dtype=object),
        [np.str_("red"), np.str_("it's")],
        {"answer": np.array(["red", "it's"], dtype=object), "answer_id": np.array([1, 2])},
        repr(np.array(["red", "it's"], dtype=object)),
    ],
)
def test_a_cell_holds_references_as_pandas_writes_any_list(tmp_path, cell):
    pd.DataFrame({"pred": ["red", "red"], "gt": [cell, "blue"]}).to_csv(tmp_path / "a.csv", index=False)
    read = read_predictions(tmp_path / "a.csv")
    assert list(read.frame["references"]) == [["red", "it's"], ["blue"]]
    assert read.notes == ["1 Python lists in column 'gt' are read as lists of references"]


def test_lists_that_datasets_writes_are_several_references(tmp_path):
    datasets = pytest.importorskip("datasets")
    lists = {"texts": [["red"] * 30, ["it's"]], "objects": [_ANSWERS, _ANSWERS[:1]]}
    written = datasets.Dataset.from_dict({"pred": ["red", "blue"], **lists})
    datasets.disable_progress_bars()
    written.to_csv(tmp_path / "a.csv")
    texts = read_predictions(tmp_path / "a.csv", Columns(references=("texts",))).frame["references"]
    objects = read_predictions(tmp_path / "a.csv", Columns(references=("objects",))).frame["references"]
    assert list(texts) == lists["texts"] and list(objects) == [["red", "it's"], ["red"]]


@pytest.mark.parametrize(
    "unread",
    [
        "['red' ... 'blue']",
        "['red', nan]",
        "[['red']]",
        "['red'",
        r"['\d']",
        r"['\ud83e']",
        r"['\N{no such character}']",
        "['a''b']",
        "['a\nb']",
        "['red', __import__('os')]",
        "[" * 50_000,
        "array(" * 50_000 + "['a']",
        "['red', {'answer': 3, 'a'}]",
        "[laughs]",
        '["red", null]',
    ],
)
def test_a_cell_that_looks_like_a_list_and_is_none_is_one_text_and_its_place_is_said(write, unread):
    cells = ["['red', \"it's\"]", "plain", "[sic] red", unread]
    path = write("a.jsonl", "\n".join(json.dumps({"pred": "x", "gt": cell}) for cell in cells))
    read = read_predictions(path)
    assert list(read.frame["references"]) == [["red", "it's"], ["plain"], ["[sic] red"], [unread]]
    assert read.notes[1].startswith(
        "lists in column 'gt' that cannot be read as lists of texts count as one text each: "
        f"1 ({path}, line 4: "
    )


def test_reading_python_lists_says_nothing_but_its_notes(write, recwarn):
    read_predictions(write("a.csv", "pred,gt\nred,['\\d']\n"))
    assert not recwarn.list


def test_rows_may_have_different_numbers_of_references(write):
    rows = [["red", "dark red"], ["mug"], "cup", [{"answer": "a"}] * 10]
    path = write("a.jsonl", "\n".join(json.dumps({"pred": "x", "gt": row}) for row in rows))
    assert list(map(len, read_predictions(path).frame["references"])) == [2, 1, 1, 10]


def test_lists_in_several_columns_are_references_beside_the_others(write):
    read = read_predictions(write("a.csv", "pred,gt1,gt2\nx,['red'],blue\ny,,green\n"))
    assert list(read.frame["references"]) == [["red", "blue"], ["green"]]
    assert read.summary == "prediction: pred, references: gt1 + gt2"


@pytest.mark.parametrize("cell", [["red"], [["red"]]])
def test_a_list_of_one_prediction_is_that_prediction(write, cell):
    path = write("samples.jsonl", json.dumps({"doc_id": 0, "target": "red", "filtered_resps": cell}))
    read = read_predictions(path)
    assert list(read.frame["prediction"]) == ["red"] and list(read.frame["references"]) == [["red"]]


def test_predictions_that_are_all_written_as_lists_of_one_text_are_these_texts(write):
    read = read_predictions(write("a.csv", "pred,gt\n['red'],red\n['it''s'],its\n".replace("''", "")))
    assert list(read.frame["prediction"]) == ["red", "its"]
    assert read.notes == ["lists of one text in column 'pred' are read as that text"]
    path = write("b.csv", "pred,gt\n['red'],red\nblue,blue\n")
    read = read_predictions(path)
    assert list(read.frame["prediction"]) == ["['red']", "blue"]
    assert read.notes == [
        f"what looks like a list in column 'pred' counts as text: 1 ({path}, line 2: ['red'])"
    ]
