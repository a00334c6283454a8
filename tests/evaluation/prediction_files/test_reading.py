"""Reading any file of predictions."""

import csv
import gzip
import json
import math
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vqatune.errors import DataError
from vqatune.evaluation.prediction_files.reading import read_predictions

_TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    [
        "None",
        "NA",
        "nan",
        "null",
        "",
        "3.0",
        "007",
        'a "b", c',
        "x\r\ny",
        "\r",
        "x\ny",
        " red ",
        "🪑",
        "سرير",
        "\u2028",
    ]
)


def _is_list(text: str) -> bool:
    try:
        return text.startswith("[") and isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


_ROWS = st.lists(
    st.tuples(_TEXT, _TEXT.filter(lambda text: not _is_list(text)), _TEXT), min_size=1, max_size=8
)


def _write_csv(path: Path, rows: list[tuple], delimiter: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([("prediction", "reference", "group"), *rows])


def _write_json_lines(path: Path, rows: list[tuple]) -> None:
    objects = [dict(zip(("prediction", "reference", "group"), row, strict=True)) for row in rows]
    lines = [json.dumps(row, ensure_ascii=place % 2 == 0) for place, row in enumerate(objects)]
    path.write_text("\n".join(lines), encoding="utf-8", newline="")


def _write_parquet(path: Path, rows: list[tuple]) -> None:
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    pq.write_table(pa.table(columns, ["prediction", "reference", "group"]), path)


@pytest.mark.parametrize(
    ("suffix", "written"),
    [
        (".csv", lambda path, rows: _write_csv(path, rows, ",")),
        (".tsv", lambda path, rows: _write_csv(path, rows, "\t")),
        (".jsonl", _write_json_lines),
        (".parquet", _write_parquet),
    ],
)
def test_any_text_is_read_as_it_was_written(suffix, written, tmp_path_factory):
    path = tmp_path_factory.mktemp("any") / f"predictions{suffix}"

    @settings(max_examples=80, deadline=None, derandomize=True, database=None)
    @given(_ROWS)
    @example([("None", "NA", "nan"), ("", "", ""), ("null", "'", '"'), ("\x00", "\r\n", "🪑\u2028\x85")])
    def read_back(rows):
        written(path, rows)
        frame = read_predictions(path).frame
        texts = [texts for texts in frame["references"]]
        assert list(frame["prediction"]) == [row[0] for row in rows]
        assert texts == [[row[1]] for row in rows]
        assert list(frame["group"]) == [row[2] for row in rows]

    read_back()


def test_a_csv_is_read_with_all_that_it_holds(write):
    path = write(
        "answers.csv",
        "Image ID,question,Model Answer,Ground_Truth,Level,product-type\r\n"
        'i2,"what,\r\nis it?",None,NA,2,SOFA\r\n'
        "\r\n"
        'i1,color?,"dark ""red""",red,,CHAIR\r\n',
    )
    read = read_predictions(path)
    assert list(read.frame["prediction"]) == ["None", 'dark "red"']
    assert list(read.frame["references"]) == [["NA"], ["red"]]
    assert list(read.frame["difficulty"].isna()) == [False, True] and read.frame["difficulty"][0] == 2
    assert read.frame["difficulty"].dtype == pd.Int64Dtype()
    assert list(read.frame["image_id"]) == ["i2", "i1"]
    assert list(read.frame["question"]) == ["what,\r\nis it?", "color?"]
    assert list(read.frame["product-type"]) == ["SOFA", "CHAIR"]
    assert list(read.frame["Level"]) == ["2", ""]
    assert read.summary == (
        "prediction: Model Answer, references: Ground_Truth, difficulty: Level, image_id: Image ID"
    )
    assert read.notes == []


def test_a_byte_order_mark_is_no_part_of_the_first_name(write):
    read = read_predictions(write("a.csv", b"\xef\xbb\xbfpred,gt\nred,blue\n"))
    assert read.taken == {"prediction": ("pred",), "references": ("gt",)}
    assert list(read.frame.columns) == ["prediction", "references", "pred", "gt"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.CSV.GZ", "pred,gt\nred,blue\n"),
        ("a.tsv.gz", "pred\tgt\nred\tblue\n"),
        ("a.jsonl.gz", '{"pred": "red", "gt": "blue"}'),
        ("a.ndjson.gz", '\n{"pred": "red", "gt": "blue"}\r\n \n'),
        ("a.json.gz", '[{"pred": "red", "gt": "blue"}]'),
    ],
)
def test_a_compressed_file_is_read_like_the_file_in_it(write, name, content):
    frame = read_predictions(write(name, gzip.compress(content.encode(), mtime=0))).frame
    assert frame[["prediction", "references"]].to_numpy().tolist() == [["red", ["blue"]]]


def test_numbers_of_json_are_the_text_in_the_file(write):
    path = write(
        "a.json",
        '[{"prediction": 42, "answer": 3.10, "n": 1e5, "x": [1, "a"]},'
        ' {"prediction": true, "answer": false, "n": 12345678901234567890, "x": {"b": null}}]',
    )
    frame = read_predictions(path).frame
    assert list(frame["prediction"]) == ["42", "true"]
    assert list(frame["references"]) == [["3.10"], ["false"]]
    assert list(frame["n"]) == ["1e5", "12345678901234567890"]
    assert json.loads(frame["x"][1]) == {"b": None}


def test_numbers_of_parquet_are_the_text_python_writes(tmp_path):
    columns = {
        "prediction": pa.array([42, None]),
        "answer": pa.array([3.0, 0.1], pa.float32()),
        "difficulty": pa.array([2.0, math.nan]),
        "image": pa.array([7, 8]),
        "sure": pa.array([True, None]),
        "product": pa.array(["SOFA", "None"]).dictionary_encode(),
        "pixels": pa.array([b"\xff", b"\xfe"]),
        "picture": pa.array([{"bytes": b"\xff", "path": "p"}] * 2),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    read = read_predictions(tmp_path / "a.parquet")
    assert list(read.frame["prediction"]) == ["42", ""]
    assert list(read.frame["references"]) == [["3.0"], ["0.1"]]
    assert read.frame["difficulty"].tolist() == [2, pd.NA]
    assert list(read.frame["image_id"]) == ["7", "8"]
    assert list(read.frame["sure"]) == ["true", ""]
    assert list(read.frame["product"]) == ["SOFA", "None"]
    assert not {"pixels", "picture"} & set(read.frame.columns)


def test_missing_predictions_are_empty_answers_and_counted(write):
    path = write("a.jsonl", '{"pred": null, "gt": "a"}\n{"gt": "b"}\n{"pred": "", "gt": "c"}\n')
    read = read_predictions(path)
    assert list(read.frame["prediction"]) == ["", "", ""]
    assert read.notes == ["2 missing predictions count as empty answers"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "pred,gt1,gt2\nx,a,b\nx,,\n", "line 3 has no reference in the columns 'gt1', 'gt2'"),
        ("a.json", '[{"pred": "x", "gt1": "a", "gt2": [null]}]', "row 1 has a reference that is no text"),
        ("a.csv", "pred,gt\nx,a\nx,[]\n", "line 3 has no reference in column 'gt'"),
        ("a.jsonl", '{"pred": "x", "gt": "a"}\n\n{"pred": "x", "gt": null}\n', "line 3 has no reference"),
        ("a.json", '[{"pred": "x", "gt": "a"}, {"pred": "x"}]', "row 2 has no reference in column 'gt'"),
        ("a.jsonl", '{"pred": "x", "gt": ["a", null]}', "line 1 has a reference that is no text"),
        ("a.jsonl", '{"pred": ["x", "y"], "gt": "a"}', "line 1 has a list in column 'pred'"),
        ("a.jsonl", '{"pred": [], "gt": "a"}', "line 1 has a list in column 'pred'"),
        ("a.csv", 'pred,gt\n"x\ny",a\nz\n', "line 4 has 1 cells, and the line of column names 2"),
        ("a.csv", "pred,gt\nx,a\nz,dark, red\n", "line 3 has 3 cells"),
        ("a.csv", 'pred,gt\nx,a\nx,"a\nx,a\nx,a\n', "line 3: unexpected end of data"),
        ("a.csv", 'pred,gt\nx,"a"b\n', "line 2: .*quotes in it are doubled"),
        ("a.csv", b"pred,gt\nx,a\ncaf\xe9,a\n", "line 3 is not UTF-8 .byte 0xe9 at position 15"),
        ("a.csv", b"\xef\xbb\xbfpred,gt\ncaf\xe9,a\n", "line 2 is not UTF-8 .byte 0xe9 at position 14"),
        ("a.jsonl", "pred,gt\nx,a\n".encode("utf-16"), "line 1 is not UTF-8"),
        ("a.csv", "pred,gt\n", "has no rows"),
        ("a.csv", "", "is empty"),
        ("a.jsonl", "", "has no rows"),
        ("a.json", "[]", "has no rows"),
        (
            "a.jsonl",
            '{"pred": "x", "gt": "a"}\n{"pred": \n',
            "line 2 is not JSON .Expecting value at character 10",
        ),
        ("a.jsonl", '{"pred": "x", "gt": "a"}\n["x", "a"]\n', "line 2 is not an object"),
        (
            "a.jsonl",
            '{"pred": "x", "gt": "a"}\n{"pred": "\\ud83e", "gt": "a"}\n',
            "line 2 holds half a character",
        ),
        ("a.jsonl", "[" * 50_000, "line 1 holds lists in too many lists"),
        (
            "a.json",
            '{"1": {"pred": "x"}, "2": "x"}',
            "is not a list of objects.* nor an object with one by each id",
        ),
        ("a.json", '"x"', "is not a list of objects"),
        ("a.json", '{"questions": [], "annotations": []}', r"several lists \(annotations, questions\)"),
        ("a.json", '{"pred": "x"}\n{"pred": "x"}\n', "line 2 is not JSON .*an object a line is .jsonl"),
        ("a.parquet", "pred,gt\nx,a\n", "is not a readable Parquet file"),
        ("a.csv.gz", "pred,gt\nx,a\n", "is damaged or no gzip file"),
        ("a.csv.gz", gzip.compress(b"pred,gt\nx,a\n", mtime=0)[:-9], "is damaged or no gzip file"),
        ("a.xls", "x", r"name it \.csv, \.tsv, \.jsonl, \.ndjson, \.json .*, \.parquet or \.xlsx"),
        ("predictions", "x", r"name it \.csv"),
    ],
)
def test_bad_input_is_one_line_that_says_where(write, name, content, message):
    path = write(name, content)
    with pytest.raises(DataError, match=message) as raised:
        read_predictions(path)
    assert str(raised.value).startswith(str(path)) and "\n" not in str(raised.value)


def test_a_file_without_rows_or_file_is_an_error(tmp_path):
    pq.write_table(
        pa.table({"pred": pa.array([], pa.string()), "gt": pa.array([], pa.string())}), tmp_path / "a.parquet"
    )
    with pytest.raises(DataError, match="has no rows"):
        read_predictions(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="missing does not exist"):
        read_predictions(tmp_path / "missing")
    with pytest.raises(DataError, match="is a folder"):
        read_predictions(tmp_path)


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: b"PAR1" + b"\xff" * 40 + data[44:]])
def test_damaged_parquet_is_an_error(tmp_path, damage):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"pred": ["red"] * 1000, "gt": ["blue"] * 1000}), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="is not a readable Parquet file") as raised:
        read_predictions(path)
    assert "\n" not in str(raised.value)


def test_columns_without_a_name_are_left_out(write):
    frame = read_predictions(write("a.csv", ",pred,gt,,\n0,red,red,,\n1,red,blue,,\n")).frame
    assert list(frame.columns) == ["prediction", "references", "pred", "gt"]


def test_a_cell_may_be_as_long_as_a_picture(write):
    # Other libraries may have set it for this process, as scipy does.
    picture, before = "x" * 300_000, csv.field_size_limit()
    frame = read_predictions(write("a.tsv", f"pred\tgt\tpicture\nred\tred\t{picture}\n")).frame
    assert frame["picture"][0] == picture
    assert csv.field_size_limit() == before


def test_a_file_is_read_without_torch(write):
    path = write("a.csv", "pred,gt\nred,blue\n")
    script = (
        "import sys; from vqatune.evaluation.prediction_files.reading import read_predictions;"
        "print(read_predictions(sys.argv[1]).summary, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "prediction: pred, references: gt False"
