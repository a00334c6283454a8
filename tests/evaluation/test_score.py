"""Scoring pairs and a version."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune import tables
from vqatune.errors import DataError, ParameterError
from vqatune.evaluation.metrics import METRICS, aggregate
from vqatune.evaluation.score import score_pairs, score_version

_ROWS = (
    ("red", "Red", 0, "color", "CHAIR", "i1"),
    ("sofa", "chair", 5, "object", "SOFA", "i1"),
    ("two", "2", 1, "count", "SOFA", "i2"),
    ("dark wood", "wood", None, "material", "SOFA", "i3"),
    ("", "red", None, "color", "LAMP", "i4"),
    ("None", "", 3, "color", "LAMP", "i5"),
)


def test_pairs_are_scored_row_by_row():
    scores = score_pairs(pd.Series(["red", "blue"], index=[7, 3]), [["red"], ["red", "Blue"]])
    assert list(scores.index) == [0, 1]
    assert list(scores.columns) == [name for name in METRICS if name != "average_mark"]
    assert list(scores["exact_match"]) == [1.0, 1.0]
    assert list(scores["vqa_accuracy"]) == [1.0, 0.5]
    assert set(scores.dtypes) == {np.dtype("float64")}


def test_only_the_metrics_asked_for_are_computed_in_the_order_asked():
    assert list(score_pairs(["red"], [["red"]], ["fuzzy", "bleu"]).columns) == ["fuzzy", "bleu"]


def test_an_undefined_score_is_nan():
    scores = score_pairs(["", "red"], [["red"], [""]], ["precision_complete", "recall_complete"])
    np.testing.assert_array_equal(scores.to_numpy(), [[np.nan, 0.0], [0.0, np.nan]])


def test_no_pairs_give_an_empty_table_with_every_column():
    scores = score_pairs([], [])
    assert len(scores) == 0 and "fuzzy" in scores.columns


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["red", "Red", "", "a"]), st.sampled_from(["red", "", "b"])), min_size=1
    )
)
def test_repeated_pairs_score_as_they_do_alone(pairs):
    scores = score_pairs(
        [ours for ours, _ in pairs], [[theirs] for _, theirs in pairs], ["exact_match", "fuzzy"]
    )
    alone = [score_pairs([ours], [[theirs]], ["exact_match", "fuzzy"]) for ours, theirs in pairs]
    pd.testing.assert_frame_equal(scores, pd.concat(alone, ignore_index=True))


def test_an_unknown_metric_is_named_with_the_known_ones():
    with pytest.raises(ParameterError, match="'blue' is not a metric.*bleu1"):
        score_pairs(["red"], [["red"]], ["blue"])


@pytest.mark.parametrize(
    ("predictions", "references"), [([None], [["red"]]), (["red"], [[]]), (["red"], [[float("nan")]])]
)
def test_a_side_that_is_not_text_is_an_error(predictions, references):
    with pytest.raises(DataError, match="needs text on both sides"):
        score_pairs(predictions, references)


def test_sides_of_different_length_are_an_error():
    with pytest.raises(DataError, match="2 predictions came with 1 lists"):
        score_pairs(["red", "blue"], [["red"]])


def test_a_version_s_totals_are_means_and_counts(make_version):
    totals = score_version(*make_version(*_ROWS)).totals
    assert totals["exact_match"] == pytest.approx(1 / 6)
    assert totals["vqa_accuracy"] == pytest.approx(2 / 6)
    assert totals["precision_complete"] == pytest.approx(2 / 5)
    assert totals["recall_complete"] == pytest.approx(2 / 5)
    assert totals["recall_partial"] == pytest.approx(1.5 / 6)
    assert totals["average_mark"] == pytest.approx(1 / (1 + 20 + 2 + 8))
    assert [totals[name] for name in ("pairs", "images", "empty_predictions", "empty_references")] == [
        6,
        5,
        1,
        1,
    ]
    assert list(totals) == [*METRICS, "pairs", "images", "empty_predictions", "empty_references"]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=30), st.randoms(use_true_random=False))
def test_a_mean_has_the_same_bits_in_any_order(scores, random):
    none = np.full(len(scores), np.nan)
    shuffled = random.sample(scores, len(scores))
    means = [aggregate(METRICS["fuzzy"], np.array(values), none) for values in (scores, shuffled)]
    assert means[0] == means[1]


def test_the_average_mark_leaves_out_pairs_without_difficulty():
    correct, difficulty = np.array([1.0, 0.0, 1.0]), np.array([2.0, 1.0, np.nan])
    assert aggregate(METRICS["average_mark"], correct, difficulty) == pytest.approx(4 / 6)
    assert aggregate(METRICS["average_mark"], correct, np.full(3, np.nan)) is None


def test_totals_are_plain_json(make_version, tmp_path):
    totals = score_version(*make_version(*_ROWS)).totals
    tables.write_json(totals, tmp_path / "v1.json")
    assert json.loads((tmp_path / "v1.json").read_text()) == totals


def test_a_metric_that_no_pair_defines_is_absent(make_version):
    totals = score_version(*make_version(("red", ""), ("blue", " "))).totals
    assert "average_mark" not in totals and "precision_complete" not in totals
    assert totals["recall_complete"] == 0.0


def test_the_pairs_table_holds_every_pair_with_its_scores(make_version):
    pairs = score_version(*make_version(*_ROWS)).pairs
    named = ["qa_id", "image_id", "difficulty", "question_type", "product_type", "answer", "prediction"]
    assert list(pairs.columns) == [*named, *METRICS]
    assert list(pairs["qa_id"]) == [f"qa-{number:03}" for number in range(6)]
    assert list(pairs["prediction"]) == ["Red", "chair", "2", "wood", "red", ""]
    np.testing.assert_array_equal(pairs["average_mark"], [1.0, 0.0, 0.0, np.nan, np.nan, 0.0])


@settings(max_examples=6, deadline=None, derandomize=True, database=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_bit(make_version, random):
    words = ["red", "dark red", "red dark sofa", "a b c d e f g", "None", "NA", ""]
    rows = [
        (words[i % 7], words[i * 5 % 6], (None, 0, 3, 5)[i % 4], "ab"[i % 2], "CDE"[i % 3]) for i in range(60)
    ]
    predictions, test = make_version(*rows)
    first = score_version(predictions, test)
    orders = [random.sample(range(60), 60) for _ in range(2)]
    again = score_version(predictions.iloc[orders[0]], test.iloc[orders[1]])
    assert json.dumps(again.totals) == json.dumps(first.totals)
    pd.testing.assert_frame_equal(again.pairs, first.pairs, check_exact=True)
    assert again.by.to_csv() == first.by.to_csv()


def test_tables_from_disk_score_like_tables_in_memory(make_version, tmp_path):
    predictions, test = make_version(*_ROWS)
    tables.write_table(predictions, tmp_path / "predictions.parquet", tables.PREDICTIONS)
    tables.write_table(test, tmp_path / "test.parquet", tables.PAIRS)
    read = score_version(
        tables.read_table(tmp_path / "predictions.parquet", tables.PREDICTIONS),
        tables.read_table(tmp_path / "test.parquet", tables.PAIRS),
    )
    assert read.totals == score_version(predictions, test).totals
    assert "None" in list(read.pairs["answer"])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda table: table.iloc[2:], "2 × test pairs without a prediction"),
        (
            lambda table: table.assign(prediction=[None, *table["prediction"][1:]]),
            "1 × test pairs without a prediction",
        ),
        (lambda table: pd.concat([table, table.tail(3)]), "3 × repeated predictions"),
        (
            lambda table: pd.concat([table, table.head(1).assign(qa_id="other")]),
            "1 × predictions for pairs that are not in the test set",
        ),
    ],
)
def test_predictions_for_another_test_set_are_counted_and_sent_back(make_version, spoil, said):
    predictions, test = make_version(*_ROWS)
    with pytest.raises(DataError) as error:
        score_version(spoil(predictions), test)
    assert said in str(error.value) and "run predict again" in str(error.value)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda table: table.head(0), "no pair to score"),
        (lambda table: pd.concat([table, table.head(2)]), "2 × repeated qa_id"),
        (lambda table: table.assign(answer=None), "6 × no answer"),
        (
            lambda table: table.assign(difficulty=pd.array([4] * 6, dtype="Int8")),
            "6 × a difficulty other than 0, 1",
        ),
    ],
)
def test_a_test_set_that_cannot_be_scored_is_an_error(make_version, spoil, said):
    predictions, test = make_version(*_ROWS)
    with pytest.raises(DataError, match=said):
        score_version(predictions, spoil(test))


def test_importing_the_scores_does_not_import_the_slow_libraries():
    code = "import sys, vqatune.evaluation.score; print([n for n in ('nltk', 'textblob', 'torch') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
