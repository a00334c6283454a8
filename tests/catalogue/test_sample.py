from math import floor, log10

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_picks import plain_sample

from vqatune.catalogue.sample import sample_images, sample_table, target_of
from vqatune.errors import DataError
from vqatune.params import SampleParams
from vqatune.tables import FILTERED, SAMPLED, groups, write_table

TIERS = [
    {"at_least": 100_000, "ratio": 0.05},
    {"at_least": 10_000, "ratio": 0.20},
    {"at_least": 1_000, "ratio": 0.50},
    {"at_least": 0, "ratio": 1.0},
]
SMALL_TIERS = [{"at_least": 40, "ratio": 0.05}, {"at_least": 10, "ratio": 0.5}, {"at_least": 0, "ratio": 1.0}]


def make_params(**changes) -> SampleParams:
    defaults = {
        "strategy": "tiered",
        "tiers": TIERS,
        "cap": 15_000,
        "minimum": 1,
        "small_type_minimum": 100,
        "log_scale": None,
    }
    return SampleParams(**{**defaults, **changes})


def make_filtered(counts: dict[str, int]) -> pd.DataFrame:
    types = np.repeat(list(counts), list(counts.values()))
    frame = pd.DataFrame({"image_id": [f"{place:06x}" for place in range(len(types))], "product_type": types})
    constants = {"item_id": "B0", "language": "en_US", "metadata": "{}", "path": "p", "archive": "a"}
    return frame.assign(**constants, offset=0, length=1)


@pytest.mark.parametrize(
    ("images", "target"),
    [
        (1, 1),
        (999, 999),
        (1_000, 500),
        (1_001, 500),
        (9_999, 4_999),
        (10_000, 2_000),
        (99_999, 15_000),
        (100_000, 5_000),
        (100_020, 5_001),
        (281_796, 14_089),
        (398_212, 15_000),
    ],
)
def test_targets_at_the_published_ratios(images, target):
    assert target_of(images, make_params()) == target


@pytest.mark.parametrize(
    ("ratio", "images", "target"), [(0.29, 100, 29), (0.57, 100, 57), (0.07, 100, 7), (0.05, 20, 1)]
)
def test_a_share_that_is_a_whole_number_is_not_rounded_below_it(ratio, images, target):
    params = make_params(tiers=[{"at_least": 0, "ratio": ratio}])
    assert target_of(images, params) == target


def test_the_log_scale_adds_its_share_of_the_logarithm():
    params = make_params(log_scale=0.02, cap=1_000_000)
    assert target_of(10_000, params) == 2_800  # (4·0.02 + 0.20)·10,000
    assert target_of(123_456, params) == floor((log10(123_456) * 0.02 + 0.05) * 123_456)
    assert target_of(500, params) == 500


def test_minimum_and_cap_bound_the_target():
    params = make_params(tiers=[{"at_least": 0, "ratio": 0.01}], minimum=7, cap=50)
    assert [target_of(images, params) for images in (3, 30, 1_000, 100_000)] == [3, 7, 10, 50]


def test_images_of_a_small_type_are_repeated_to_reach_the_minimum():
    sampled, table = sample_images(make_filtered({"SMALL": 7, "ENOUGH": 120}), make_params(), seed=1)
    small = sampled[sampled["product_type"] == "SMALL"]["repeats"]
    assert small.sum() == 100
    assert set(small) == {14, 15}
    assert (sampled[sampled["product_type"] == "ENOUGH"]["repeats"] == 1).all()
    assert table.to_dict("records") == [
        {
            "product_type": "ENOUGH",
            "images": 120,
            "tier": 0,
            "target": 120,
            "sampled": 120,
            "repeats_total": 120,
        },
        {"product_type": "SMALL", "images": 7, "tier": 0, "target": 7, "sampled": 7, "repeats_total": 100},
    ]


def test_only_the_lowest_tier_repeats_and_zero_turns_it_off():
    filtered = make_filtered({"A": 12, "B": 5})
    sampled, _ = sample_images(filtered, make_params(tiers=SMALL_TIERS), seed=1)
    assert sampled.groupby("product_type")["repeats"].sum().to_dict() == {"A": 6, "B": 100}
    sampled, _ = sample_images(filtered, make_params(small_type_minimum=0), seed=1)
    assert set(sampled["repeats"]) == {1}


def test_random_draws_as_many_images_as_tiered_and_all_takes_every_one():
    filtered = make_filtered({"A": 300, "B": 45, "C": 12, "D": 3})
    tiered, _ = sample_images(filtered, make_params(tiers=SMALL_TIERS), seed=5)
    drawn, table = sample_images(filtered, make_params(tiers=SMALL_TIERS, strategy="random"), seed=5)
    assert len(drawn) == len(tiered) == 15 + 2 + 6 + 3
    assert set(drawn["repeats"]) == {1}
    assert (table["sampled"] <= table["images"]).all() and table["sampled"].sum() == len(drawn)
    # A type's share of a random sample is its share of the catalogue, so the largest dominates.
    assert table["sampled"][0] > tiered["product_type"].value_counts()["A"]
    everything, _ = sample_images(filtered, make_params(tiers=SMALL_TIERS, strategy="all", cap=2), seed=5)
    assert sorted(everything["image_id"]) == sorted(filtered["image_id"])
    assert set(everything["repeats"]) == {1}


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    counts=st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(1, 70), min_size=1),
    strategy=st.sampled_from(["tiered", "random", "all"]),
    cap=st.integers(1, 30),
    minimum=st.integers(0, 10),
    small=st.integers(0, 25),
    log_scale=st.sampled_from([None, 0.1]),
    seed=st.integers(0, 5),
)
def test_every_sample_keeps_the_bounds_and_does_not_depend_on_the_order_of_rows(
    counts, strategy, cap, minimum, small, log_scale, seed
):
    filtered = make_filtered(counts)
    params = make_params(
        strategy=strategy,
        tiers=SMALL_TIERS,
        cap=cap,
        minimum=minimum,
        small_type_minimum=small,
        log_scale=log_scale,
    )
    sampled, table = sample_images(filtered, params, seed)
    expected = plain_sample(filtered, params, seed)[SAMPLED.names]
    pd.testing.assert_frame_equal(sampled, expected, check_dtype=False)
    shuffled = filtered.sample(frac=1, random_state=seed)
    sampled_again, table_again = sample_images(shuffled, params, seed)
    pd.testing.assert_frame_equal(sampled, sampled_again)
    pd.testing.assert_frame_equal(table, table_again)

    assert sampled["image_id"].is_unique and set(sampled["image_id"]) <= set(filtered["image_id"])
    assert sampled["image_id"].is_monotonic_increasing
    assert table["images"].is_monotonic_decreasing and table["images"].sum() == len(filtered)
    for row in table.itertuples():
        repeats = sampled[sampled["product_type"] == row.product_type]["repeats"]
        assert len(repeats) == row.sampled and repeats.sum() == row.repeats_total
        assert min(minimum, cap, row.images) <= row.target <= min(cap, row.images)
        if strategy != "tiered":
            continue
        assert row.sampled == row.target
        if row.sampled:
            assert 1 <= repeats.min() and repeats.max() - repeats.min() <= 1
            wanted = small if row.tier == 0 and row.images < small else 0
            assert row.repeats_total == max(row.sampled, wanted)


def test_another_seed_draws_other_images():
    filtered = make_filtered({"A": 4_000})
    first, second = (set(sample_images(filtered, make_params(), seed)[0]["image_id"]) for seed in (1, 2))
    assert 0.4 < len(first & second) / 2_000 < 0.6


def test_the_sample_fits_its_table(tmp_path):
    sampled, _ = sample_images(make_filtered({"A": 3}), make_params(), seed=1)
    write_table(sampled, tmp_path / "sampled.parquet", SAMPLED)


def test_a_table_is_sampled_a_few_rows_at_a_time_into_the_same_bytes(tmp_path, monkeypatch):
    # Several groups, of which one has no sampled image.
    monkeypatch.setattr(groups, "_ROWS", 7)
    filtered = make_filtered({"A": 60, "B": 41, "C": 3})
    write_table(filtered, tmp_path / "filtered.parquet", FILTERED)
    for strategy in ("tiered", "random", "all"):
        params = make_params(tiers=SMALL_TIERS, strategy=strategy, small_type_minimum=5)
        sampled, types = sample_images(filtered, params, seed=2)
        write_table(sampled, tmp_path / "whole.parquet", SAMPLED)
        found = sample_table(tmp_path / "filtered.parquet", tmp_path / "sampled.parquet", params, seed=2)
        assert (tmp_path / "sampled.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
        pd.testing.assert_frame_equal(found, types)


def test_a_table_that_is_not_sorted_is_no_sample(tmp_path):
    filtered = make_filtered({"A": 6})
    for wrong in (filtered[::-1], filtered.iloc[[0, 1, 1]]):
        write_table(wrong, tmp_path / "filtered.parquet", FILTERED)
        with pytest.raises(
            DataError, match=r"filtered.parquet is not sorted by image_id, or has \('00000.',\) twice"
        ):
            sample_table(tmp_path / "filtered.parquet", tmp_path / "sampled.parquet", make_params(), seed=1)
        assert [path.name for path in tmp_path.iterdir()] == ["filtered.parquet"]


def test_unusable_images_are_named():
    filtered = make_filtered({"A": 3})
    with pytest.raises(DataError, match="no image to sample"):
        sample_images(filtered[:0], make_params(), seed=1)
    with pytest.raises(DataError, match="image 000001 comes more than once"):
        sample_images(pd.concat([filtered, filtered[1:2]]), make_params(), seed=1)
    with pytest.raises(DataError, match="image 000002 has no product type"):
        sample_images(filtered.assign(product_type=["A", "A", None]), make_params(), seed=1)
