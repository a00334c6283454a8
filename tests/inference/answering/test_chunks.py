import pytest

from vqatune.inference.answering.answer import Answer
from vqatune.inference.answering.chunks import Chunk, read_saved


def test_a_chunk_is_saved_once_every_row_has_a_result(tmp_path):
    chunk = Chunk("some.parquet", [2, 3], ["the image does not open", None])
    with pytest.raises(ValueError, match="line 3 is not answered yet"):
        chunk.save(tmp_path)
    assert not chunk.is_saved(tmp_path)
    chunk.results[1] = Answer("What colour is it?", "red", 0.5, -0.693)
    chunk.save(tmp_path)
    assert chunk.is_saved(tmp_path)
    assert read_saved(tmp_path / chunk.name) == [
        ("", None, None, "the image does not open"),
        ("red", -0.693, None, None),
    ]
