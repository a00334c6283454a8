"""Batches of a table that is read, and dealt, a few rows at a time."""

import pandas as pd
import pytest
from plain_picks import training_pairs

from vqatune.dataset import dealing
from vqatune.dataset.dealing import deal_table
from vqatune.dataset.master_batches import make_master_batches
from vqatune.errors import DataError
from vqatune.params import BatchParams
from vqatune.tables import BATCH, PAIRS, SAMPLED, groups, write_table

STRATIFIED = BatchParams(strategy="stratified")


@pytest.fixture
def tables(tmp_path):
    """Write the pairs of 36 images and of them, with others, the repeats."""
    train, repeats = training_pairs({"A": 16, "B": 10, "C": 10})
    train = train.sort_values(["image_id", "qa_id"], ignore_index=True)
    repeats["repeats"] = [number % 3 + 1 for number in range(len(repeats))]
    others = {name: 0 if name in ("offset", "length", "tier") else "same" for name in SAMPLED.names}
    more = pd.DataFrame({"image_id": [f"A{n:03d}x" for n in range(16)], "repeats": 1})
    sampled = (
        pd.concat([repeats, more])
        .sort_values("image_id")
        .assign(**{name: value for name, value in others.items() if name not in repeats})
    )
    write_table(train, tmp_path / "train.parquet", PAIRS)
    write_table(sampled, tmp_path / "sampled.parquet", SAMPLED)
    return train, repeats


@pytest.mark.parametrize("in_memory", [10**6, 20], ids=["in memory", "in files"])
@pytest.mark.parametrize("strategy", ["stratified", "rotation"])
def test_the_bytes_are_those_of_whole_tables(tables, tmp_path, monkeypatch, in_memory, strategy):
    # Of an image with three pairs a group in the middle has one alone.
    monkeypatch.setattr(groups, "_ROWS", 1)
    monkeypatch.setattr(dealing, "_PILE", 11)
    monkeypatch.setattr(dealing, "_IN_MEMORY", in_memory)
    params = BatchParams(strategy=strategy)
    made = tmp_path / "data/batches"
    found = deal_table(tmp_path / "train.parquet", tmp_path / "sampled.parquet", made, params, 4, seed=3)
    batches, table = make_master_batches(*tables, params, 4, seed=3)
    pd.testing.assert_frame_equal(found, table, check_exact=True)
    for number, batch in enumerate(batches, start=1):
        write_table(batch, tmp_path / "whole.parquet", BATCH)
        assert (made / f"{number:02d}.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert [path.name for path in made.parent.iterdir()] == ["batches"]


def test_what_a_killed_process_left_goes(tables, tmp_path):
    (tmp_path / "data/.batches.0123abcd").mkdir(parents=True)
    deal_table(
        tmp_path / "train.parquet", tmp_path / "sampled.parquet", tmp_path / "data/batches", STRATIFIED, 2, 1
    )
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["batches"]


@pytest.mark.parametrize("missing", ["A000", "A007", "C009"])
def test_an_image_that_was_not_sampled_is_named(tables, tmp_path, missing, monkeypatch):
    monkeypatch.setattr(groups, "_ROWS", 7)
    sampled = pd.read_parquet(tmp_path / "sampled.parquet")
    write_table(sampled[sampled["image_id"] != missing], tmp_path / "sampled.parquet", SAMPLED)
    with pytest.raises(DataError, match=f"training image {missing} is not among the sampled"):
        deal_table(
            tmp_path / "train.parquet", tmp_path / "sampled.parquet", tmp_path / "batches", STRATIFIED, 2, 1
        )
    assert not (tmp_path / "batches").exists()
