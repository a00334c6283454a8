"""The answers that a version chooses from."""

import pytest

from vqatune.errors import DataError
from vqatune.inference.prediction.candidates import read_candidates
from vqatune.tables import PAIRS, write_table


def test_the_closed_list_is_the_training_answers_the_frequent_first_or_a_file(tiny_with, pairs, tmp_path):
    write_table(pairs, tmp_path / "train.parquet", PAIRS)
    params = tiny_with({"predict.mode": "rank"}).predict
    assert read_candidates(params, tmp_path / "train.parquet") == ["red", "3", "yes"]
    assert read_candidates(tiny_with({}).predict, tmp_path / "train.parquet") is None
    (tmp_path / "answers.txt").write_text("blue\n\n red \nblue\n")
    own = params.model_copy(update={"candidates": str(tmp_path / "answers.txt")})
    assert read_candidates(own, tmp_path / "train.parquet") == ["blue", "red"]
    (tmp_path / "answers.txt").write_text("\n")
    with pytest.raises(DataError, match="holds no answer; write one a line"):
        read_candidates(own, tmp_path / "train.parquet")
    with pytest.raises(DataError, match="cannot be read"):
        read_candidates(own.model_copy(update={"candidates": "nowhere.txt"}), tmp_path / "train.parquet")
