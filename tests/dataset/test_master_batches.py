from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_picks import training_pairs

from vqatune.dataset.master_batches import make_master_batches
from vqatune.errors import DataError
from vqatune.params import BatchParams
from vqatune.tables import BATCH, write_table


def instances(batch: pd.DataFrame) -> pd.DataFrame:
    return batch[["image_id", "copy", "product_type"]].drop_duplicates()


def test_an_image_brings_all_its_pairs_once_for_each_repeat():
    train, repeats = training_pairs({"A": 30}, repeats=2)
    batches, _ = make_master_batches(train, repeats, BatchParams(strategy="stratified"), 4, seed=1)
    everything = pd.concat(batches)
    assert Counter(everything["qa_id"]) == Counter(dict.fromkeys(train["qa_id"], 2))
    assert set(everything["copy"]) == {0, 1}
    for batch in batches:
        runs = (batch[["image_id", "copy"]] != batch[["image_id", "copy"]].shift()).any(axis=1).sum()
        assert runs == len(instances(batch))
        for _, pairs in batch.groupby(["image_id", "copy"]):
            assert pairs["qa_id"].is_monotonic_increasing


def test_rotation_takes_one_image_of_each_type_in_turn_until_small_types_run_out():
    train, repeats = training_pairs({"A": 7, "B": 2, "C": 1})
    batches, table = make_master_batches(train, repeats, BatchParams(strategy="rotation"), 4, seed=1)
    # In turn: ABC AB A A A A A.
    assert ["".join(sorted(instances(batch)["product_type"])) for batch in batches] == [
        "ABC",
        "AAB",
        "AA",
        "AA",
    ]
    assert table["types"].tolist() == [3, 2, 1, 1]
    assert table["total_variation"].tolist() == pytest.approx([11 / 30, 2 / 15, 0.3, 0.3])


def test_stratified_batches_are_nearer_to_the_whole_than_rotated_ones():
    train, repeats = training_pairs({"A": 100, "B": 30, "C": 12, "D": 5})
    distance = {
        strategy: make_master_batches(train, repeats, BatchParams(strategy=strategy), 5, seed=1)[1][
            "total_variation"
        ]
        for strategy in ("stratified", "rotation")
    }
    assert distance["stratified"].max() < 0.04
    assert distance["rotation"].max() > 0.2


def test_the_images_of_a_batch_are_not_in_the_order_of_their_types():
    train, repeats = training_pairs({"A": 50, "B": 50})
    batches, _ = make_master_batches(train, repeats, BatchParams(strategy="stratified"), 2, seed=1)
    types = instances(batches[0])["product_type"]
    assert (types != types.shift()).sum() > 10


def test_batches_fit_their_table(tmp_path):
    train, repeats = training_pairs({"A": 4})
    batches, _ = make_master_batches(train, repeats, BatchParams(strategy="stratified"), 2, seed=1)
    write_table(batches[0], tmp_path / "01.parquet", BATCH)


def test_fewer_images_than_batches_is_an_error_with_both_numbers():
    train, repeats = training_pairs({"A": 12}, repeats=9)
    with pytest.raises(
        DataError, match="12 training images are too few for 13 batches: cut the list versions"
    ):
        make_master_batches(train, repeats, BatchParams(strategy="stratified"), 13, seed=1)


def test_an_image_that_was_not_sampled_is_named():
    train, repeats = training_pairs({"A": 12})
    with pytest.raises(DataError, match="training image A003 is not among the sampled"):
        make_master_batches(train, repeats.drop(index=3), BatchParams(strategy="stratified"), 3, seed=1)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    counts=st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(1, 12), min_size=1),
    times=st.lists(st.integers(1, 7), min_size=1, max_size=5),
    count=st.integers(1, 13),
    strategy=st.sampled_from(["stratified", "rotation"]),
    seed=st.integers(0, 3),
)
def test_every_deal_is_complete_even_and_the_same_in_any_order(counts, times, count, strategy, seed):
    train, repeats = training_pairs(counts)
    repeats["repeats"] = [times[place % len(times)] for place in range(len(repeats))]
    params, count = BatchParams(strategy=strategy), min(count, len(repeats))
    batches, table = make_master_batches(train, repeats, params, count, seed)
    again, table_again = make_master_batches(
        train.sample(frac=1, random_state=seed),
        repeats.sample(frac=1, random_state=seed),
        params,
        count,
        seed,
    )
    assert [len(batch) for batch in batches] == [len(batch) for batch in again]
    pd.testing.assert_frame_equal(pd.concat(batches), pd.concat(again))
    pd.testing.assert_frame_equal(table, table_again)

    dealt = [instances(batch) for batch in batches]
    everything = pd.concat(dealt)
    assert not everything.duplicated().any()
    assert everything["image_id"].value_counts().to_dict() == dict(repeats.itertuples(index=False, name=None))
    sizes = [len(batch) for batch in dealt]
    assert max(sizes) - min(sizes) <= 1
    assert table["images"].tolist() == sizes and table["batch"].tolist() == list(range(1, len(sizes) + 1))
    assert table["pairs"].tolist() == [len(batch) for batch in batches]
    assert table["total_variation"].between(0, 1).all()
    if strategy == "stratified":
        for column in ("product_type", "image_id"):
            counts = [Counter(batch[column]) for batch in dealt]
            for value in everything[column].unique():
                spread = [batch[value] for batch in counts]
                assert max(spread) - min(spread) <= 1
