"""The scores by slice."""

import numpy as np
import pytest

from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.score import score_version
from vqatune.evaluation.slices import by_slice
from vqatune.tables import read_csv, write_csv

_ROWS = (
    ("red", "red", 0, "color", "SOFA", "i1"),
    ("red", "blue", 5, "color", "CHAIR", "i1"),
    ("sofa", "sofa", None, "object", "SOFA", "i2"),
    ("dark wood", "wood", 5, "material", "CHAIR", "i3"),
    ("two", "2", None, "count", "CHAIR", "i3"),
)


@pytest.fixture
def table(make_version):
    return score_version(*make_version(*_ROWS)).by


def _row(table, slice_, value):
    return table[(table["slice"] == slice_) & (table["value"] == value)].iloc[0]


def test_there_is_a_row_for_every_value_sorted_within_its_slice(table):
    assert list(zip(table["slice"], table["value"], table["pairs"], table["images"], strict=True)) == [
        ("difficulty", "0", 1, 1),
        ("difficulty", "5", 2, 2),
        ("question_type", "color", 2, 1),
        ("question_type", "count", 1, 1),
        ("question_type", "material", 1, 1),
        ("question_type", "object", 1, 1),
        ("product_type", "CHAIR", 3, 2),
        ("product_type", "SOFA", 2, 2),
        ("part_of_speech", "noun", 2, 2),
        ("part_of_speech", "adjective", 3, 2),
        ("part_of_speech", "number", 1, 1),
    ]
    assert list(table.columns) == ["slice", "value", "pairs", "images", *METRICS]


def test_a_slice_scores_as_its_pairs_alone(table, make_version):
    alone = score_version(*make_version(*[row for row in _ROWS if row[4] == "CHAIR"])).totals
    row = _row(table, "product_type", "CHAIR")
    assert {name: row[name] for name in METRICS} == {name: alone[name] for name in METRICS}


def test_a_slice_without_difficulty_has_no_average_mark(table):
    assert np.isnan(_row(table, "question_type", "object")["average_mark"])
    assert _row(table, "question_type", "color")["average_mark"] == pytest.approx(1 / 21)


def test_parts_of_speech_hold_the_share_of_the_references_tokens_found(table):
    rows = table[table["slice"] == "part_of_speech"].set_index("value")
    assert rows["token_overlap"].to_dict() == {"noun": 1.0, "adjective": pytest.approx(1 / 3), "number": 0.0}
    assert rows.drop(columns=["slice", "pairs", "images", "token_overlap"]).isna().all(axis=None)


def test_every_token_of_the_references_counts_once_and_no_more(make_version):
    table = score_version(*make_version(("red red sofa", "red"), ("red", "red red"))).by
    assert _row(table, "part_of_speech", "adjective")["token_overlap"] == pytest.approx(2 / 3)


def test_pairs_without_a_value_are_in_no_row(make_version):
    scores = score_version(
        *make_version(("red", "red", None, None, "SOFA"), ("red", "blue", None, "color", "SOFA"))
    )
    assert _row(scores.by, "question_type", "color")["pairs"] == 1
    assert "difficulty" not in set(scores.by["slice"])


def test_the_table_survives_the_csv_it_is_written_to(make_version, tmp_path):
    table = by_slice(score_version(*make_version(*_ROWS, ("red", "red", 0, "None", "NA"))).pairs)
    write_csv(table, tmp_path / "v1.csv")
    read = read_csv(tmp_path / "v1.csv")
    assert list(read["value"].astype(str)) == list(table["value"])
    assert "NA" in set(read["value"])
    np.testing.assert_array_equal(read[list(METRICS)].to_numpy(dtype=float), table[list(METRICS)].to_numpy())
