"""Delimiters, the shapes of JSON, and workbooks."""

import json
import subprocess
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqatune.errors import DataError, MissingExtraError
from vqatune.evaluation.prediction_files.reading import read_predictions
from vqatune.text_files.formats import read_cells


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "\x1f"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_any_delimiter_is_found_out(write, delimiter, name):
    lines = ["question", "pred", "gt"], ["what, is; it?", "red", "red"]
    text = "".join(delimiter.join(f'"{cell}"' for cell in line) + "\r\n" for line in lines)
    frame = read_predictions(write(name, text)).frame
    assert frame[["prediction", "references", "question"]].to_numpy().tolist() == [
        ["red", ["red"], "what, is; it?"]
    ]


@pytest.mark.parametrize("delimiter", [";", ",", "$"])
def test_a_first_line_may_name_the_delimiter(write, delimiter):
    text = f"sep={delimiter}\r\npred{delimiter}gt\r\nred{delimiter}red\r\nblue\r\n"
    with pytest.raises(DataError, match="line 4 has 1 cells"):
        read_cells(write("a.csv", text))
    table = read_cells(write("b.csv", "\ufeff" + text.removesuffix("blue\r\n")))
    assert dict(table.columns) == {"pred": ("red",), "gt": ("red",)} and list(table.numbers) == [3]


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ({"1": {"pred": "a"}, "2": {"pred": "b", "gt": 3}}, {"id": ["1", "2"], "pred": ["a", "b"], "gt": [None, "3"]}),
        ({"1": {"id": "x", "pred": "a"}}, {"key": ["1"], "id": ["x"], "pred": ["a"]}),
        ({"1": "a", "2": ["b"]}, {"id": ["1", "2"], "answer": ["a", ["b"]]}),
        ({"info": {}, "annotations": [{"a": "1"}], "license": {}}, {"a": ["1"]}),
        ({"args": {}, "logs": [{"target": "1"}]}, {"target": ["1"]}),
    ],
)  # fmt: skip
def test_objects_of_json_are_rows_by_id_or_hold_the_list_of_rows(write, content, columns):
    table = read_cells(write("a.json", json.dumps(content)))
    assert dict(table.columns) == columns and table.at(0).endswith("a.json, row 1")


def test_a_workbook_is_read_by_its_first_sheet(tmp_path):
    pytest.importorskip("openpyxl", reason="workbooks are read with the extra xlsx")
    rows = {
        "index": [1, 2],
        "answer": ["['red', 'navy']", "5"],
        "prediction": ["red", 5],
        "split": ["a", None],
    }
    with pd.ExcelWriter(tmp_path / "a.xlsx") as writer:
        pd.DataFrame(rows).to_excel(writer, sheet_name="answers", index=False)
        pd.DataFrame({"x": [1]}).to_excel(writer, sheet_name="more", index=False)
    read = read_predictions(tmp_path / "a.xlsx")
    assert list(read.frame["prediction"]) == ["red", "5"]
    assert list(read.frame["references"]) == [["red", "navy"], ["5"]]
    assert list(read.frame["split"]) == ["a", ""]
    assert "only the first of its 2 sheets, 'answers', is read" in read.notes[0]
    (tmp_path / "a.xlsx").write_text("x")
    with pytest.raises(DataError, match="is not a readable workbook"):
        read_predictions(tmp_path / "a.xlsx")


def test_a_workbook_without_what_reads_it_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(MissingExtraError, match=r"pip install 'vqatune\[xlsx\]'"):
        read_cells(tmp_path / "a.xlsx")


def test_reading_parquet_leaves_no_thread_behind(tmp_path):
    pq.write_table(pa.table({"pred": ["red"] * 1000, "gt": ["blue"] * 1000}), tmp_path / "a.parquet")
    # In a process of its own: other tests use Arrow's threads.
    script = (
        "import os, sys; from pathlib import Path; from vqatune.text_files.formats import read_cells;"
        "before = len(os.listdir('/proc/self/task')); read_cells(Path(sys.argv[1]));"
        "print(len(os.listdir('/proc/self/task')) - before)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "a.parquet")]
    if not sys.platform.startswith("linux"):
        pytest.skip("a process's threads are counted in /proc")
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "0"


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl", "a.parquet"])
def test_more_columns_than_a_table_has_are_refused_at_once(tmp_path, name):
    path = tmp_path / name
    row = {f"c{number}": "1" for number in range(100_000)}
    if name == "a.csv":
        path.write_text(f"{','.join(row)}\n{','.join(row.values())}\n")
    elif name == "a.parquet":
        pq.write_table(pa.table({column: [cell] for column, cell in list(row.items())[:20_000]}), path)
    else:
        path.write_text(json.dumps(row if name == "a.jsonl" else [row]))
    with pytest.raises(DataError, match=r"has (100|20),000 columns, more than 16,384: keep those"):
        read_cells(path)


def test_rows_of_names_of_their_own_do_not_become_more_cells_than_the_file_has(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"c{number % 9000}": 1}}\n' for number in range(20_000)))
    with pytest.raises(DataError, match=r"its 20,000 rows have 9,000 names"):
        read_cells(path)
