import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from plain_picks import plain_split

from vqatune.dataset.split import describe_split, split_pairs, split_table
from vqatune.errors import DataError
from vqatune.params import SplitParams
from vqatune.tables import PAIRS, groups, write_table


def make_params(**changes) -> SplitParams:
    return SplitParams(**{"by": "listing", "test_fraction": 0.2, "minimum_images": 20, **changes})


def make_pairs(listings: list[tuple[str, str, int]], questions: int = 2) -> pd.DataFrame:
    """Listings as (item_id, product_type, images)."""
    rows = []
    for item_id, product_type, images in listings:
        for _ in range(images):
            image_id = f"image {len(rows):05d}"
            rows += [
                (f"{image_id} q{number:02d}", image_id, item_id, product_type) for number in range(questions)
            ]
    return pd.DataFrame(rows, columns=["qa_id", "image_id", "item_id", "product_type"])


def test_a_type_gives_a_fifth_of_its_images_to_test_a_tenth_to_validation_and_a_small_one_none():
    listings = [(f"A{number}", "A", 1) for number in range(40)] + [
        (f"B{number}", "B", 1) for number in range(20)
    ]
    sets = split_pairs(make_pairs(listings), make_params(), seed=3)
    assert describe_split(sets) == {
        "train": {"types": 2, "listings": 48, "images": 48, "pairs": 96},
        "validation": {"types": 1, "listings": 4, "images": 4, "pairs": 8},
        "test": {"types": 1, "listings": 8, "images": 8, "pairs": 16},
    }


def test_the_test_set_does_not_depend_on_the_validation_set():
    pairs = make_pairs([(f"A{number}", "A", number % 3 + 1) for number in range(60)])
    without = split_pairs(pairs, make_params(validation_fraction=0.0), seed=1)
    assert without.validation.empty
    for fraction in (0.1, 0.5):
        sets = split_pairs(pairs, make_params(validation_fraction=fraction), seed=1)
        pd.testing.assert_frame_equal(sets.test, without.test)
        assert len(sets.validation) and set(sets.validation["qa_id"]) < set(without.train["qa_id"])


def test_a_listing_that_does_not_fit_is_passed_over_for_smaller_ones():
    listings = [("LARGE", "A", 70)] + [(f"A{number}", "A", 3) for number in range(10)]
    for seed in range(10):
        train, _, test = split_pairs(make_pairs(listings), make_params(), seed)
        assert "LARGE" in set(train["item_id"])
        assert test["image_id"].nunique() == 18  # 6 listings of 3 images within round(0.2·100) = 20


def test_a_listing_under_two_types_stays_on_one_side():
    listings = [(f"A{number}", kind, 2) for number in range(30) for kind in ("SHOES", "BOOT")]
    train, validation, test = split_pairs(make_pairs(listings), make_params(), seed=1)
    assert set(test["product_type"]) == set(validation["product_type"]) == {"SHOES", "BOOT"}
    sides = [set(side["item_id"]) for side in (train, validation, test)]
    assert len(set.union(*sides)) == sum(map(len, sides))


def test_by_image_the_views_of_a_listing_may_part():
    pairs = make_pairs([("ONLY", "A", 50)])
    train, _, test = split_pairs(pairs, make_params(by="image"), seed=1)
    assert test["image_id"].nunique() == 10 and set(train["item_id"]) == set(test["item_id"])
    with pytest.raises(DataError, match="the test set is empty"):
        split_pairs(pairs, make_params(), seed=1)


def test_an_empty_test_set_says_which_parameters_to_change():
    with pytest.raises(DataError, match="split.minimum_images or raise split.test_fraction"):
        split_pairs(make_pairs([("A", "A", 5)]), make_params(), seed=1)


def test_an_image_under_two_listings_is_named():
    pairs = make_pairs([("A", "A", 30)])
    with pytest.raises(DataError, match="image 00000"):
        split_pairs(pd.concat([pairs, pairs[:1].assign(item_id="B")]), make_params(), seed=1)


def test_another_seed_tests_on_other_images():
    pairs = make_pairs([(f"A{number}", "A", 1) for number in range(100)])
    tested = [set(split_pairs(pairs, make_params(), seed).test["item_id"]) for seed in (1, 2)]
    assert tested[0] != tested[1]


@pytest.mark.parametrize("questions", [3, 18])
def test_a_table_is_split_a_few_rows_at_a_time_into_the_same_bytes(tmp_path, monkeypatch, questions):
    # Pairs of an image lie in two groups, or fill some.
    monkeypatch.setattr(groups, "_ROWS", 7)
    pairs = make_pairs([(f"A{number}", "AB"[number % 2], number % 4 + 1) for number in range(20)], questions)
    others = {name: "same" for name in PAIRS.names if name not in pairs}
    difficulty = pd.array([None, 2, 3] * (len(pairs) // 3), "Int8")
    pairs = pairs.assign(**others | {"difficulty": difficulty})
    write_table(pairs, tmp_path / "qa.parquet", PAIRS)
    for params in (make_params(), make_params(by="image", validation_fraction=0.0)):
        sets = split_pairs(pairs, params, seed=2)
        assert split_table(tmp_path / "qa.parquet", tmp_path, params, seed=2) == describe_split(sets)
        for name, side in sets._asdict().items():
            write_table(side, tmp_path / "whole.parquet", PAIRS)
            assert (tmp_path / f"{name}.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    write_table(pairs[::-1], tmp_path / "qa.parquet", PAIRS)
    with pytest.raises(DataError, match="qa.parquet is not sorted by image_id and qa_id"):
        split_table(tmp_path / "qa.parquet", tmp_path, make_params(), seed=2)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    listings=st.lists(
        st.tuples(st.integers(0, 30).map("item {}".format), st.sampled_from("ABC"), st.integers(1, 9)),
        min_size=1,
    ),
    by=st.sampled_from(["listing", "image"]),
    fractions=st.tuples(st.sampled_from([0.05, 0.2, 0.5, 1.0]), st.sampled_from([0.0, 0.1, 0.5, 1.0])),
    minimum=st.integers(0, 12),
    seed=st.integers(0, 3),
)
def test_every_split_is_disjoint_within_its_shares_and_the_same_in_any_order(
    listings, by, fractions, minimum, seed
):
    pairs = make_pairs(listings)
    shares = dict(zip(("test_fraction", "validation_fraction"), fractions, strict=True))
    params = make_params(by=by, minimum_images=minimum, **shares)
    try:
        sets = split_pairs(pairs, params, seed)
    except DataError:
        assume(False)
    shuffled = split_pairs(pairs.sample(frac=1, random_state=seed), params, seed)
    for side, other in zip(sets, shuffled, strict=True):
        pd.testing.assert_frame_equal(side, other)

    expected = plain_split(pairs, params, seed)
    assert {
        name: side["image_id"].drop_duplicates().tolist() for name, side in sets._asdict().items()
    } == expected
    assert sorted(pd.concat(sets)["qa_id"]) == sorted(pairs["qa_id"])
    for unit in ["image_id", "item_id"][: 1 + (by == "listing")]:
        sides = [set(side[unit]) for side in sets]
        assert len(set.union(*sides)) == sum(map(len, sides))
    assert set(sets.train["product_type"]) == set(pairs["product_type"])
    images = pairs.groupby("product_type")["image_id"].nunique()
    taken = dict.fromkeys(images.index, 0)
    for side, fraction in zip((sets.test, sets.validation), fractions, strict=True):
        chosen = side.groupby("product_type")["image_id"].nunique()
        for product_type, count in images.items():
            most = min(round(fraction * count), count - 1 - taken[product_type]) if count > minimum else 0
            found = chosen.get(product_type, 0)
            assert found == most if by == "image" else found <= most
            taken[product_type] += found
