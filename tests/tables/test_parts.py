import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.errors import DataError
from vqatune.tables import (
    PREDICTIONS,
    parts_of,
    read_table,
    replacing_parts,
    same_parts,
    sorted_groups,
    table_parts,
    write_table,
)


def predictions(ids):
    ids = pd.Series(ids, dtype="str")
    return pd.DataFrame({"qa_id": ids, "prediction": ids, "log_probability": -1.0, "grounding": 0.5})


def write_parts(path, ids, count):
    frame = predictions(sorted(ids))
    parts = parts_of(frame["qa_id"], count)
    with replacing_parts(path, count) as target:
        for part in range(count):
            write_table(frame[parts == part], target(part), PREDICTIONS)


@given(st.lists(st.text(max_size=3)), st.integers(1, 70))
def test_the_part_of_an_id_depends_on_nothing_else(ids, count):
    together = parts_of(ids, count)
    assert [int(parts_of([name], count)[0]) for name in ids] == together.tolist()
    assert ((together >= 0) & (together < count)).all()
    # Twice as many parts are halves of these.
    assert (parts_of(ids, 2 * count) // 2 == together).all()


def test_the_part_of_an_id_is_for_ever():
    # The upper 32 bits of BLAKE2b (8 bytes, big-endian) of "0", "part" and the id, times the count, divided by 2 ** 32.
    assert parts_of(["a", "b", "71TXz81cV1L", "Grüße"], 64).tolist() == [26, 24, 22, 15]


def test_parts_are_of_one_size():
    counts = np.bincount(parts_of((str(number) for number in range(20_000)), 8))
    assert len(counts) == 8
    assert abs(counts - 2500).max() < 200


def test_a_table_of_parts_is_read_as_one_and_each_part_is_sorted(tmp_path):
    ids = [f"{number:04d}" for number in range(300)]
    write_parts(tmp_path / "table.parquet", ids, 4)
    names = [path.name for path in table_parts(tmp_path / "table.parquet")]
    assert names == [f"part-{part:05d}-of-00004.parquet" for part in range(4)]
    assert sorted(read_table(tmp_path / "table.parquet", PREDICTIONS)["qa_id"]) == ids
    groups = list(sorted_groups(tmp_path / "table.parquet", PREDICTIONS, ["qa_id"]))
    assert [group["qa_id"].is_monotonic_increasing for group in groups] == [True] * 4


def test_another_number_of_parts_takes_the_place_of_the_table(tmp_path):
    path = tmp_path / "table.parquet"
    for count in (1, 3, 2, 1):
        write_parts(path, ["a", "b", "c"], count)
        assert path.is_dir() == (count > 1)
        assert len(table_parts(path)) == count
        assert sorted(read_table(path, PREDICTIONS)["qa_id"]) == ["a", "b", "c"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.parquet"]


def test_a_missing_part_is_an_error_that_names_the_table(tmp_path):
    path = tmp_path / "table.parquet"
    write_parts(path, ["a", "b", "c"], 3)
    table_parts(path)[1].unlink()
    with pytest.raises(DataError, match=r"table\.parquet has 2 files of a table of 3 parts: run the stage"):
        read_table(path, PREDICTIONS)


def test_parts_of_tables_that_differ_do_not_belong_together(tmp_path):
    write_parts(tmp_path / "one", ["a"], 2)
    write_parts(tmp_path / "other", ["a"], 3)
    with pytest.raises(
        DataError, match=r"differ in their number of parts \(.*one 2, .*other 3\): run `dvc repro`"
    ):
        same_parts(tmp_path / "one", tmp_path / "other")


def test_nothing_is_left_of_a_table_that_was_not_finished(tmp_path):
    path = tmp_path / "table.parquet"
    write_parts(path, ["a", "b"], 2)
    with pytest.raises(RuntimeError, match="stopped"), replacing_parts(path, 5) as target:
        write_table(predictions(["c"]), target(0), PREDICTIONS)
        raise RuntimeError("stopped")
    assert sorted(read_table(path, PREDICTIONS)["qa_id"]) == ["a", "b"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.parquet"]
