"""The scores by slice."""

import numpy as np
import pandas as pd
import pytest

from vqatune.evaluation.scoring.slices import SLICES, by_slice
from vqatune.evaluation.scoring.version import score_version
from vqatune.tables import read_csv, write_csv

_ROWS = (
    ("red", "red", 0, "color", "SOFA", "i1"),
    ("red", "blue", 5, "color", "CHAIR", "i1"),
    ("sofa", "sofa", None, "object", "SOFA", "i2"),
    ("dark wood", "wood", 5, "material", "CHAIR", "i3"),
    ("two", "2", None, "count", "CHAIR", "i3"),
)
_TRAINING = ["Dark  WOOD", "two", "two", "sofas"]
_TIERS = {"SOFA": 100, "CHAIR": 0, "LAMP": 500}


@pytest.fixture
def scored(make_version, text_params):
    return score_version(*make_version(*_ROWS, training=_TRAINING, tiers=_TIERS), text_params)


@pytest.fixture
def table(scored):
    return scored.by()


def _row(table, slice_, value):
    return table[(table["slice"] == slice_) & (table["value"] == value)].iloc[0]


def test_there_is_a_row_for_every_value_in_order_within_its_slice(table, scored):
    assert list(zip(table["slice"], table["value"], table["pairs"], table["images"], strict=True)) == [
        ("difficulty", "0", 1, 1),
        ("difficulty", "5", 2, 2),
        ("question_type", "color", 2, 1),
        ("question_type", "count", 1, 1),
        ("question_type", "material", 1, 1),
        ("question_type", "object", 1, 1),
        ("product_type", "CHAIR", 3, 2),
        ("product_type", "SOFA", 2, 2),
        ("tier", "0", 3, 2),
        ("tier", "100", 2, 2),
        ("answer_kind", "number", 1, 1),
        ("answer_kind", "other", 4, 3),
        ("answer_length", "up to 3 characters", 3, 2),
        ("answer_length", "4 to 6", 1, 1),
        ("answer_length", "7 to 9", 1, 1),
        ("answer_in_training", "seen", 2, 1),
        ("answer_in_training", "unseen", 3, 2),
        ("part_of_speech", "noun", 2, 2),
        ("part_of_speech", "adjective", 3, 2),
        ("part_of_speech", "number", 1, 1),
    ]
    metrics = scored.scores.totals["metric"].tolist()
    assert list(table.columns) == ["slice", "value", "pairs", "images", *metrics]


def test_a_slice_scores_as_its_pairs_alone(table, make_version, text_params):
    chairs = [row for row in _ROWS if row[4] == "CHAIR"]
    alone = score_version(*make_version(*chairs, training=_TRAINING), text_params)
    for slice_, value in (("product_type", "CHAIR"), ("tier", "0")):
        row = _row(table, slice_, value)
        totals = alone.scores.totals
        assert row[totals["metric"]].tolist() == pytest.approx(totals["value"].tolist(), rel=1e-12)


def test_every_pair_is_in_one_row_of_each_slice_that_it_has_a_value_for(table):
    counts = table.groupby("slice")["pairs"].sum()
    assert counts[list(SLICES)].to_dict() == dict.fromkeys(SLICES, 5) | {"difficulty": 3}


def test_a_slice_without_difficulty_has_no_average_mark(table):
    assert np.isnan(_row(table, "question_type", "object")["average_mark"])
    assert _row(table, "question_type", "color")["average_mark"] == pytest.approx(1 / 21)


@pytest.mark.parametrize(
    ("answer", "length"),
    [
        ("", "up to 3 characters"),
        ("abc", "up to 3 characters"),
        (" A  b ", "up to 3 characters"),
        ("abcd", "4 to 6"),
        ("木製木製木製", "4 to 6"),
        ("abcdefg", "7 to 9"),
        ("dark white", "10 to 14"),
        ("dark red and b", "10 to 14"),
        ("dark red and bl", "15 or more"),
        ("x" * 10_000, "15 or more"),
    ],
)
def test_the_length_of_an_answer_is_that_of_its_plain_form(answer, length, make_version, text_params):
    version = make_version((answer, "red"))
    assert (
        score_version(*version, text_params, metrics=["fuzzy"]).scores.pairs["answer_length"].item() == length
    )


def test_lengths_are_in_their_own_order_and_tiers_in_that_of_numbers(make_version, text_params):
    answers = ["x" * 12, "x" * 8, "x" * 20, "x", "x" * 5]
    products = ["B", "C", "D", "A", "E"]
    rows = [(answer, "", None, "color", product) for answer, product in zip(answers, products, strict=True)]
    version = make_version(*rows, tiers={"B": 1000, "A": 50, "C": 0, "D": 200})
    table = score_version(*version, text_params, metrics=["fuzzy"]).by()
    values = table.groupby("slice")["value"].apply(list)
    assert values["answer_length"] == ["up to 3 characters", "4 to 6", "7 to 9", "10 to 14", "15 or more"]
    # A product type that was not sampled is in no tier.
    assert values["tier"] == ["0", "50", "200", "1000"]


def test_scores_against_the_blind_guess_are_by_slice_too(make_version, text_params):
    rows = [
        ("yes", "yes", None, "size", "A"),
        ("yes", "no", None, "size", "A"),
        ("no", "yes", None, "size", "B"),
        ("red", "red", None, "color", "B"),
        ("blue", "red", None, "color", "B"),
    ]
    # The blind guess is yes.
    table = score_version(*make_version(*rows, training=["yes", "yes", "red"]), text_params).by()
    yes_no, other = (_row(table, "answer_kind", value) for value in ("yes/no", "other"))
    # One right of three, of which the guess has two; one right of two, of which it has none.
    assert yes_no["skill"] == pytest.approx((1 / 3 - 2 / 3) / (1 - 2 / 3)) and other["skill"] == 0.5
    assert yes_no["yes_no_precision"] == yes_no["yes_no_recall"] == yes_no["yes_no_f1"] == 0.5
    assert yes_no["yes_share"] == pytest.approx(2 / 3) and np.isnan(other["yes_share"])
    assert _row(table, "product_type", "B")["skill"] == pytest.approx(1 / 3)
    # In A the guess is always right.
    assert np.isnan(_row(table, "product_type", "A")["skill"])


def test_an_answer_is_seen_where_training_has_its_plain_form(make_version, text_params):
    rows = [(answer, "red") for answer in ("Dark red", "dark  RED ", "red", "None", "")]
    version = make_version(*rows, training=["dark Red", "None", "dark"])
    pairs = score_version(*version, text_params, metrics=["fuzzy"]).scores.pairs
    assert list(pairs["answer_in_training"]) == ["seen", "seen", "unseen", "seen", "unseen"]


def test_parts_of_speech_hold_the_share_of_the_references_tokens_found(table):
    rows = table[table["slice"] == "part_of_speech"].set_index("value")
    assert rows["token_overlap"].to_dict() == {"noun": 1.0, "adjective": pytest.approx(1 / 3), "number": 0.0}
    assert rows.drop(columns=["slice", "pairs", "images", "token_overlap"]).isna().all(axis=None)


def test_every_token_of_the_references_counts_once_and_no_more(make_version, text_params):
    version = make_version(("red red sofa", "red"), ("red", "red red"))
    table = score_version(*version, text_params, metrics=["token_overlap"]).by()
    assert _row(table, "part_of_speech", "adjective")["token_overlap"] == pytest.approx(2 / 3)


def test_references_without_a_token_have_no_part_of_speech(make_version, text_params):
    table = score_version(*make_version(("", "red")), text_params, metrics=["token_overlap"]).by()
    assert "part_of_speech" not in set(table["slice"])
    assert _row(table, "product_type", "CHAIR")["token_overlap"] == 0.0


def test_pairs_without_a_value_are_in_no_row(make_version, text_params):
    version = make_version(("red", "red", None, None, "SOFA"), ("red", "blue", None, "color", "SOFA"))
    table = score_version(*version, text_params).by()
    assert _row(table, "question_type", "color")["pairs"] == 1
    assert {"difficulty", "tier"}.isdisjoint(table["slice"])


def test_a_slice_may_be_any_column_and_pairs_need_no_image():
    pairs = pd.DataFrame({"shop": ["b", "a", None, "b"], "fuzzy": [1.0, 0.5, 0.25, np.nan]})
    table = by_slice(pairs, ["shop"], ["fuzzy"])
    assert table.to_numpy().tolist() == [["shop", "a", 1, 1, 0.5], ["shop", "b", 2, 2, 1.0]]


def test_the_table_survives_the_csv_it_is_written_to(make_version, text_params, tmp_path):
    table = score_version(*make_version(*_ROWS, ("red", "red", 0, "None", "NA")), text_params).by()
    write_csv(table, tmp_path / "v1.csv")
    read = read_csv(tmp_path / "v1.csv")
    assert list(read["value"].astype(str)) == list(table["value"])
    assert {"None", "NA"} <= set(read["value"])
    metrics = table.columns[4:]
    np.testing.assert_array_equal(read[metrics].to_numpy(dtype=float), table[metrics].to_numpy(dtype=float))
