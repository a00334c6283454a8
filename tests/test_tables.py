import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.errors import DataError
from vqatune.tables import (
    PAIRS,
    PREDICTIONS,
    read_csv,
    read_table,
    replacing,
    replacing_folder,
    write_csv,
    write_json,
    write_table,
)

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
