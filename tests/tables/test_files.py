import os
import subprocess
import sys
import threading
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from vqatune.errors import DataError
from vqatune.tables import (
    CHECKED,
    PAIRS,
    PREDICTIONS,
    read_csv,
    read_json,
    read_table,
    replacing,
    replacing_folder,
    write_csv,
    write_json,
    write_table,
    writing_table,
)
from vqatune.tables import files as tables

ROW = {name: "x" for name in PAIRS.names} | {"difficulty": 3}


def test_what_is_written_is_read_back_missing_values_and_the_text_none_included(tmp_path):
    frame = pd.DataFrame([ROW | {"answer": "None"}, ROW | {"answer": "NA", "difficulty": None}])
    write_table(frame, tmp_path / "pairs.parquet", PAIRS)
    read = read_table(tmp_path / "pairs.parquet", PAIRS)
    assert read["answer"].tolist() == ["None", "NA"]
    assert read["difficulty"].isna().tolist() == [False, True]
    assert read["difficulty"].dtype == "Int8"


@given(st.lists(st.tuples(st.text(), st.floats(allow_nan=False)), max_size=20))
def test_the_same_rows_give_the_same_bytes_whatever_pandas_knows_of_them(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("tables")
    rows = [(text.encode("utf-8", "replace").decode(), number) for text, number in rows]
    frame = pd.DataFrame(rows, columns=["prediction", "log_probability"]).assign(qa_id="a", grounding=0.5)
    frame = frame.astype({"prediction": "str", "log_probability": "float64", "qa_id": "str"})
    write_table(frame, folder / "a.parquet", PREDICTIONS)
    shifted = frame.set_axis(frame.index + 7)[["grounding", "qa_id", "log_probability", "prediction"]]
    write_table(shifted, folder / "b.parquet", PREDICTIONS)
    assert (folder / "a.parquet").read_bytes() == (folder / "b.parquet").read_bytes()


def numbered(start: int, stop: int) -> pd.DataFrame:
    rows = [
        ROW
        | {
            "qa_id": str(number),
            "difficulty": number % 3 or None,
            "check": "language" if number % 2 else None,
        }
        for number in range(start, stop)
    ]
    return pd.DataFrame(rows, columns=CHECKED.names)


@given(sizes=st.lists(st.integers(0, 9), max_size=8), row_group=st.integers(1, 12))
def test_a_table_has_the_same_bytes_however_its_rows_were_cut_into_parts(tmp_path_factory, sizes, row_group):
    folder = tmp_path_factory.mktemp("tables")
    ends = [sum(sizes[:place]) for place in range(len(sizes) + 1)]
    whole = numbered(0, ends[-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_ROW_GROUP", row_group)
        write_table(whole, folder / "whole.parquet", CHECKED)
        with writing_table(folder / "parted.parquet", CHECKED) as write:
            for start, stop in pairwise(ends):
                write(whole.iloc[start:stop])
    assert (folder / "parted.parquet").read_bytes() == (folder / "whole.parquet").read_bytes()
    held = pq.ParquetFile(folder / "whole.parquet").metadata
    groups = [held.row_group(place).num_rows for place in range(held.num_row_groups)]
    assert sum(groups) == len(whole) and all(rows == row_group for rows in groups[:-1])
    read = read_table(folder / "parted.parquet", CHECKED)
    assert read["qa_id"].tolist() == whole["qa_id"].tolist()
    assert read["difficulty"].isna().tolist() == whole["difficulty"].isna().tolist()
    assert read["check"].isna().tolist() == whole["check"].isna().tolist()


def test_a_large_table_has_the_same_bytes_however_its_rows_were_cut_into_parts(tmp_path, monkeypatch):
    # Parquet ends a page after so many bytes, of which a few rows have too few.
    monkeypatch.setattr(tables, "_ROW_GROUP", 40_000)
    whole = numbered(0, 50_000).assign(question=[f"{number:050d}?" for number in range(50_000)])
    write_table(whole, tmp_path / "whole.parquet", CHECKED)
    for rows in (777, 15_000):
        with writing_table(tmp_path / "parted.parquet", CHECKED) as write:
            for start in range(0, len(whole), rows):
                write(whole.iloc[start : start + rows])
        assert (tmp_path / "parted.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_a_part_without_a_missing_value_is_like_one_with(tmp_path):
    # Of columns that are all missing, or never, pandas thinks differently.
    rows = [numbered(0, 3), numbered(1, 2), numbered(2, 3), numbered(0, 0), numbered(3, 4)]
    with writing_table(tmp_path / "parted.parquet", CHECKED) as write:
        for part in rows:
            write(part)
    write_table(pd.concat(rows[:3] + rows[4:]), tmp_path / "whole.parquet", CHECKED)
    assert (tmp_path / "parted.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_a_table_that_is_given_no_rows_is_an_empty_one(tmp_path):
    with writing_table(tmp_path / "none.parquet", CHECKED):
        pass
    write_table(numbered(0, 0), tmp_path / "empty.parquet", CHECKED)
    assert (tmp_path / "none.parquet").read_bytes() == (tmp_path / "empty.parquet").read_bytes()
    read = read_table(tmp_path / "none.parquet", CHECKED)
    assert read.empty and list(read.columns) == CHECKED.names


@pytest.mark.parametrize("there", [False, True])
def test_a_table_whose_writing_fails_is_not_there_or_as_it_was(tmp_path, monkeypatch, there):
    monkeypatch.setattr(tables, "_ROW_GROUP", 2)
    path = tmp_path / "pairs.parquet"
    if there:
        write_table(numbered(0, 1), path, CHECKED)
    before = [path.read_bytes()] if there else []
    with pytest.raises(KeyboardInterrupt), writing_table(path, CHECKED) as write:
        write(numbered(0, 5))
        raise KeyboardInterrupt
    lacks = pytest.raises(DataError, match=r"pairs\.parquet.*lacks the column.*check")
    with lacks, writing_table(path, CHECKED) as write:
        write(numbered(0, 5))
        write(numbered(5, 6).drop(columns="check"))
    wrong = pytest.raises(DataError, match=r"pairs\.parquet.*wrong type")
    with wrong, writing_table(path, CHECKED) as write:
        write(numbered(0, 5).assign(difficulty="hard"))
    assert [found.read_bytes() for found in tmp_path.iterdir()] == before


def test_a_table_appears_only_when_it_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_ROW_GROUP", 2)
    path = tmp_path / "pairs.parquet"
    with writing_table(path, CHECKED) as write:
        write(numbered(0, 5))
        assert not path.exists()
    assert len(read_table(path, CHECKED)) == 5 and list(tmp_path.iterdir()) == [path]


def test_a_folder_of_parts_reads_like_one_file(tmp_path):
    for part in ("00", "01"):
        write_table(pd.DataFrame([ROW | {"qa_id": part}]), tmp_path / f"pairs/{part}.parquet", PAIRS)
    assert read_table(tmp_path / "pairs", PAIRS, ["qa_id"])["qa_id"].tolist() == ["00", "01"]


def test_a_missing_column_or_a_wrong_type_is_named_and_nothing_is_written(tmp_path):
    path = tmp_path / "pairs.parquet"
    with pytest.raises(DataError, match="lacks the column"):
        write_table(pd.DataFrame([{"qa_id": "a"}]), path, PAIRS)
    with pytest.raises(DataError, match="wrong type"):
        write_table(pd.DataFrame([ROW | {"difficulty": "hard"}]), path, PAIRS)
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_is_missing_damaged_or_another_is_an_error_that_says_so(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_table(tmp_path / "none.parquet", PAIRS)
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match="not a readable Parquet table"):
        read_table(tmp_path / "damaged.parquet", PAIRS)
    write_table(
        pd.DataFrame({"qa_id": ["a"], "prediction": ["b"], "log_probability": [0.0], "grounding": [None]}),
        tmp_path / "other.parquet",
        PREDICTIONS,
    )
    with pytest.raises(DataError, match="lacks the column"):
        read_table(tmp_path / "other.parquet", PAIRS)


def test_an_interrupted_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_folder_leaves_what_was_there(tmp_path):
    path = tmp_path / "folder"
    for content in ("before", "after"):
        with replacing_folder(path) as unfinished:
            (unfinished / "file").write_text(content)
        assert (path / "file").read_text() == content
    with pytest.raises(KeyboardInterrupt), replacing_folder(path) as unfinished:
        (unfinished / "file").write_text("half")
        raise KeyboardInterrupt
    assert (path / "file").read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_csv_keeps_the_text_none_and_json_refuses_what_json_has_no_word_for(tmp_path):
    write_csv(pd.DataFrame({"answer": ["None", None], "n": [1, 2]}), tmp_path / "a.csv")
    assert read_csv(tmp_path / "a.csv")["answer"].isna().tolist() == [False, True]
    with pytest.raises(ValueError):
        write_json({"score": float("nan")}, tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


_LEFT = """
import os, signal, sys
from vqatune.tables import replacing, replacing_folder
with (replacing if sys.argv[1] == "file" else replacing_folder)(sys.argv[2]) as unfinished:
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no locks there")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_behind_is_removed_by_the_next_and_what_another_writes_is_not(
    tmp_path, kind
):
    path = tmp_path / "v[1]"
    subprocess.run([sys.executable, "-c", _LEFT, kind, path], check=False)
    assert len(list(tmp_path.iterdir())) == 1 and not path.exists()
    write = replacing if kind == "file" else replacing_folder
    with write(path) as first, write(path) as second:
        assert len(list(tmp_path.iterdir())) == 2 and first.exists() and second.exists()
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_replaced_is_there_at_every_moment(tmp_path):
    gone, ended = [], threading.Event()

    def watch() -> None:
        while not ended.is_set():
            try:
                os.stat(tmp_path / "v1")
            except FileNotFoundError:
                gone.append(1)

    (tmp_path / "v1").mkdir()
    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(200):
        with replacing_folder(tmp_path / "v1") as unfinished:
            (unfinished / "number").write_text(str(number))
    ended.set()
    watcher.join()
    assert gone == [] and (tmp_path / "v1/number").read_text() == "199"


def test_the_umask_is_respected(tmp_path):
    before = os.umask(0o027)
    try:
        write_json({}, tmp_path / "a.json")
        with replacing_folder(tmp_path / "v1") as unfinished:
            save_file({"a": np.zeros(1)}, unfinished / "a.safetensors")
    finally:
        os.umask(before)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*")}
    assert modes == {"a.json": "0o640", "v1": "0o750", "a.safetensors": "0o640"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\x00", b"[" * 200_000])
def test_damaged_json_is_one_line_that_says_what_to_do(tmp_path, content):
    (tmp_path / "v1.json").write_bytes(content)
    with pytest.raises(DataError, match=r"v1\.json is damaged .*run the stage that writes it again"):
        read_json(tmp_path / "v1.json")


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"a,b\n1,2,3\n", b"a\n"])
def test_a_damaged_csv_is_one_line_that_says_what_to_do(tmp_path, content):
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"log\.csv is damaged .*run the stage that writes it again"):
        read_csv(tmp_path / "log.csv", "loss")
