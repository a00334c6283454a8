import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.errors import DataError
from vqatune.tables.buckets import read_bucket, writing_buckets

SCHEMA = pa.schema({"text": pa.string(), "number": pa.int64()})


def write(path, pieces, count):
    with writing_buckets(path, SCHEMA, count) as add:
        for piece in pieces:
            texts = pd.Series([text for text, _ in piece], dtype="str")
            numbers = np.array([number for _, number in piece], dtype=np.int64)
            add(pd.DataFrame({"text": texts, "number": numbers}), numbers % count)


rows = st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), st.integers(0, 50)))


@given(st.lists(st.lists(rows, max_size=3), min_size=1, max_size=3), st.integers(1, 6))
def test_a_bucket_has_its_rows_in_the_order_in_which_they_were_written(tmp_path_factory, files, count):
    folder = tmp_path_factory.mktemp("buckets")
    paths = [folder / str(number) for number in range(len(files))]
    for path, pieces in zip(paths, files, strict=True):
        write(path, pieces, count)
    everything = [row for pieces in files for piece in pieces for row in piece]
    for bucket in range(count):
        found = read_bucket(paths, SCHEMA, bucket, count)
        expected = [row for row in everything if row[1] % count == bucket]
        assert list(found.itertuples(index=False, name=None)) == expected


def test_a_damaged_file_is_an_error_that_names_it(tmp_path):
    write(tmp_path / "buckets", [[("a", 1)]], 2)
    content = (tmp_path / "buckets").read_bytes()
    (tmp_path / "buckets").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="buckets is damaged .*: delete it and run its stage again"):
        read_bucket([tmp_path / "buckets"], SCHEMA, 0, 2)
