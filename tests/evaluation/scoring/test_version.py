"""The scores of a version."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune import tables
from vqatune.errors import DataError, ParameterError
from vqatune.evaluation import score
from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.scoring.evaluation_set import read_evaluation_set
from vqatune.evaluation.scoring.slices import SLICES
from vqatune.evaluation.scoring.version import VersionScores, score_validation, score_version, store_scores

_ROWS = (
    ("red", "Red", 0, "color", "CHAIR", "i1"),
    ("sofa", "chair", 5, "object", "SOFA", "i1"),
    ("two", "2", 1, "count", "SOFA", "i2"),
    ("dark wood", "wood", None, "material", "SOFA", "i3"),
    ("", "red", None, "color", "LAMP", "i4"),
    ("None", "", 3, "color", "LAMP", "i5"),
)
_COUNTS = ["pairs", "images", "empty_predictions", "empty_references"]


def _texts(scored: VersionScores) -> list[str]:
    """All that is written of a version, as text."""
    return [json.dumps(scored.values), scored.intervals().to_csv(), scored.by().to_csv()]


def test_the_values_are_means_and_counts(make_version, text_params):
    values = score_version(*make_version(*_ROWS), text_params).values
    assert values["exact_match"] == pytest.approx(1 / 6)
    assert values["vqa_accuracy"] == pytest.approx(2 / 6)
    assert values["precision_complete"] == pytest.approx(2 / 5)
    assert values["recall_complete"] == pytest.approx(2 / 5)
    assert values["recall_partial"] == pytest.approx(1.5 / 6)
    assert values["average_mark"] == pytest.approx(1 / (1 + 20 + 2 + 8))
    assert [values[name] for name in _COUNTS] == [6, 5, 1, 1]


def test_a_value_is_there_for_each_metric_that_is_not_absent_in_the_table_s_order(make_version, text_params):
    scored = score_version(*make_version(*_ROWS), text_params)
    present = [name for name in METRICS if name not in scored.scores.absent]
    assert list(scored.values) == [*present, *_COUNTS]
    assert {"exact_match", "fuzzy", "average_mark"} <= set(present)
    assert {"bertscore_f1", "sbert_cosine", "bartscore", "grounding", "vccs"}.isdisjoint(present)


def test_the_values_are_plain_json(make_version, text_params, tmp_path):
    # Without a prediction that has a token, precision_complete has no value; without a difficulty, average_mark.
    for rows in (_ROWS, (("red", ""), ("blue", " "))):
        values = score_version(*make_version(*rows), text_params).values
        tables.write_json(values, tmp_path / "v1.json")
        assert json.loads((tmp_path / "v1.json").read_text()) == values
    assert {"average_mark", "precision_complete"}.isdisjoint(values) and values["recall_complete"] == 0.0


def test_a_version_scores_as_its_pairs_do_by_themselves(make_version, text_params):
    predictions, test = make_version(*_ROWS)
    frame = test.pairs.rename(columns={"answer": "references"}).assign(prediction=predictions["prediction"])
    alone = score(frame, params=text_params.eval, seed=text_params.seed)
    scored = score_version(predictions, test, text_params)
    pd.testing.assert_frame_equal(scored.scores.totals, alone.totals, check_exact=True)


def test_the_grounding_that_predict_measured_is_scored(make_version, text_params):
    predictions, test = make_version(*_ROWS)
    # Red for red, and wood for dark wood.
    predictions["grounding"] = [0.75, np.nan, np.nan, 1.0, np.nan, np.nan]
    scored = score_version(predictions.iloc[::-1], test, text_params)
    assert scored.values["grounding"] == 0.875 and scored.values["vccs"] == (0.75 + 0.5) / 2
    counts = scored.intervals().set_index("metric")["pairs"]
    assert counts["grounding"] == counts["vccs"] == 2 and counts["exact_match"] == 6


def test_picked_metrics_are_the_only_ones(make_version, text_params):
    version = make_version(*_ROWS)
    scored = score_version(*version, text_params, metrics=["fuzzy", "exact_match"])
    assert list(scored.values) == ["exact_match", "fuzzy", *_COUNTS]
    assert list(scored.intervals()["metric"]) == ["exact_match", "fuzzy"]
    assert list(scored.by().columns) == ["slice", "value", "pairs", "images", "exact_match", "fuzzy"]
    with pytest.raises(ParameterError, match="grounding cannot be computed: .*predict.grounding_questions"):
        score_version(*version, text_params, metrics=["grounding"])


def test_the_pairs_hold_every_pair_with_its_scores(make_version, text_params):
    predictions, test = make_version(*_ROWS)
    scored = score_version(predictions.iloc[::-1], test, text_params)
    pairs, metrics = scored.scores.pairs, scored.scores.totals["metric"].tolist()
    named = ["qa_id", "image_id", "question", *SLICES, "references", "prediction"]
    assert set(pairs.columns) == {*named, *metrics}
    assert list(pairs["qa_id"]) == [f"qa-{number:03}" for number in range(6)]
    assert list(pairs["prediction"]) == ["Red", "chair", "2", "wood", "red", ""]
    assert list(pairs["references"]) == ["red", "sofa", "two", "dark wood", "", "None"]
    np.testing.assert_array_equal(pairs["average_mark"], [1.0, 0.0, 0.0, np.nan, np.nan, 0.0])


def test_intervals_have_a_row_a_metric_in_the_table_s_order_with_what_keeps_it_absent(
    make_version, text_params
):
    scored = score_version(*make_version(*_ROWS), text_params)
    table = scored.intervals()
    assert list(table.columns) == ["metric", "value", "low", "high", "pairs", "absent"]
    assert list(table["metric"]) == list(METRICS)
    absent = table["metric"].isin(list(scored.scores.absent))
    assert table.loc[absent, ["value", "low", "high", "pairs"]].isna().all(axis=None)
    assert table.loc[~absent, ["value", "low", "high", "pairs"]].notna().all(axis=None)
    assert dict(table.loc[absent, ["metric", "absent"]].itertuples(index=False)) == scored.scores.absent
    assert table.loc[~absent, "absent"].isna().all()
    rows = table.set_index("metric")
    assert "set eval.bartscore.model" in rows["absent"]["bartscore"]
    assert rows["value"]["exact_match"] == scored.values["exact_match"]
    assert (table["low"] <= table["high"])[~absent].all()
    assert rows["pairs"]["average_mark"] == 4 and rows["pairs"]["precision_complete"] == 5


def test_intervals_are_by_image(make_version, text_params):
    params = text_params.model_copy(update={"eval": text_params.eval.model_copy(update={"resamples": 1000})})
    rows = [("red", "red" if number < 20 else "blue") for number in range(40)]
    alone = score_version(*make_version(*rows), params, metrics=["exact_match"]).intervals()
    shared = [(*row, 0, "color", "CHAIR", f"i{number // 10}") for number, row in enumerate(rows)]
    together = score_version(*make_version(*shared), params, metrics=["exact_match"]).intervals()
    assert alone["value"].item() == together["value"].item() == 0.5
    assert 0.3 < alone["low"].item() < alone["high"].item() < 0.7
    assert (together["low"].item(), together["high"].item()) == (0.0, 1.0)


@settings(max_examples=5, deadline=None, derandomize=True, database=None)
@given(random=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_bit(make_version, text_params, random):
    words = ["red", "dark red", "red dark sofa", "a b c d e f g", "None", "NA", ""]
    rows = [
        (words[i % 7], words[i * 5 % 6], (None, 0, 3, 5)[i % 4], "ab"[i % 2], "CDE"[i % 3], f"i{i * 7 % 20}")
        for i in range(60)
    ]
    predictions, test = make_version(*rows, training=words[:3], tiers={"C": 0, "D": 100})
    predictions["grounding"] = [(np.nan, 0.25, 0.875)[i % 3] for i in range(60)]
    first = score_version(predictions, test, text_params)
    one, other = (random.sample(range(60), 60) for _ in range(2))
    turned = replace(test, pairs=test.pairs.iloc[other], training=test.training[::-1])
    again = score_version(predictions.iloc[one], turned, text_params)
    assert _texts(again) == _texts(first)
    pd.testing.assert_frame_equal(again.scores.pairs, first.scores.pairs, check_exact=True)


def test_scores_that_were_kept_change_no_bit(make_version, text_params, tmp_path):
    version = make_version(*_ROWS)
    first = _texts(score_version(*version, text_params))
    score_version(*make_version(("red", "blue"), *_ROWS[:2]), text_params, store=tmp_path)
    assert _texts(score_version(*version, text_params, store=tmp_path)) == first
    assert _texts(score_version(*version, text_params, store=tmp_path)) == first


def test_scores_that_are_stored_ahead_are_found(make_version, text_params, tmp_path, caplog):
    predictions, test = make_version(*_ROWS)
    others, _ = make_version(*(("red", f"other {number}") for number in range(len(_ROWS))))
    foreign, _ = make_version(("red", "red"))
    tables.write_table(others, tmp_path / "others.parquet", tables.PREDICTIONS)
    tables.write_table(foreign, tmp_path / "foreign.parquet", tables.PREDICTIONS)
    (tmp_path / "damaged.parquet").write_bytes(b"damaged")
    store = tmp_path / "store"
    assert not score_version(predictions, test, text_params, store).scores.all_stored
    with caplog.at_level("INFO"):
        store_scores(sorted(tmp_path.glob("*.parquet")), test, text_params, store)
    skipped = [record.getMessage() for record in caplog.records]
    # Of those of another test set nothing is said: their stage predict is yet to run.
    assert len(skipped) == 1 and "\n" not in skipped[0]
    assert "damaged.parquet is not scored ahead: " in skipped[0]
    found = score_version(others, test, text_params, store)
    assert found.scores.all_stored
    assert _texts(found) == _texts(score_version(others, test, text_params))


def test_no_library_is_loaded_where_all_pairs_are_stored(make_version, text_params, tmp_path):
    predictions, test = make_version(*_ROWS)
    score_version(predictions, test, text_params, tmp_path)
    with (tmp_path / "arguments").open("wb") as file:
        pickle.dump((predictions, test, text_params, tmp_path), file)
    script = (
        "import pickle, sys; from vqatune.evaluation.scoring.version import score_version;"
        "scored = score_version(*pickle.load(open(sys.argv[1], 'rb'))); scored.by();"
        "assert scored.scores.all_stored;"
        "print(sorted({'torch', 'transformers', 'nltk', 'sacrebleu', 'rouge_score', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, tmp_path / "arguments"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_is_read_from_a_checkout_scores_like_what_is_in_memory(make_version, text_params, tmp_path):
    predictions, test = make_version(*_ROWS, training=["red", "None"], tiers={"SOFA": 100, "LAMP": 0})
    data = tmp_path / "data"
    tables.write_table(predictions, data / "predictions.parquet", tables.PREDICTIONS)
    tables.write_table(test.pairs, data / "test.parquet", tables.PAIRS)
    train = test.pairs.head(2).assign(answer=["red", "None"])
    tables.write_table(train, data / "train.parquet", tables.PAIRS)
    sampled = test.tiers.reindex(columns=tables.SAMPLED.names)
    tables.write_table(sampled, data / "sampled.parquet", tables.SAMPLED)
    read = score_version(
        tables.read_table(data / "predictions.parquet", tables.PREDICTIONS),
        read_evaluation_set(tmp_path),
        text_params,
    )
    assert _texts(read) == _texts(score_version(predictions, test, text_params))
    assert read.scores.pairs["references"].tolist()[-1] == "None"
    assert read.scores.pairs["answer_in_training"].tolist()[-1] == "seen"


def test_a_checkout_without_a_test_set_is_an_error(tmp_path):
    with pytest.raises(DataError, match="test.parquet does not exist: run the stage that writes it"):
        read_evaluation_set(tmp_path)


def test_the_validation_set_is_scored_as_the_test_set_and_may_be_empty(make_version, text_params, tmp_path):
    predictions, test = make_version(*_ROWS)
    validation = replace(test, name="validation")
    assert score_validation(predictions, validation, text_params) == (
        score_version(predictions, test, text_params).values
    )
    empty = replace(validation, pairs=test.pairs.head(0))
    assert score_validation(predictions.head(0), empty, text_params) == {"pairs": 0, "images": 0}
    store_scores([], empty, text_params, tmp_path)
    with pytest.raises(DataError, match=r"this validation set \(2 × validation pairs without a prediction\)"):
        score_validation(predictions.iloc[2:], validation, text_params)


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
        (
            lambda table: table.assign(qa_id="other-" + table["qa_id"]),
            "6 × test pairs without a prediction, 6 × predictions for pairs that are not in the test set",
        ),
    ],
)
def test_predictions_for_another_test_set_are_counted_and_sent_back(make_version, text_params, spoil, said):
    predictions, test = make_version(*_ROWS)
    with pytest.raises(DataError) as error:
        score_version(spoil(predictions), test, text_params)
    assert said in str(error.value) and "run predict again" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda table: table.head(0), "no pair to score"),
        (lambda table: pd.concat([table, table.head(2)]), "2 × repeated qa_id"),
        (lambda table: table.assign(answer=None), "6 × no answer"),
        (
            lambda table: table.assign(difficulty=pd.array([4] * 6, dtype="Int8")),
            "6 × a difficulty other than 0, 1, 2, 3, 5",
        ),
    ],
)
def test_a_test_set_that_cannot_be_scored_is_an_error(make_version, text_params, spoil, said):
    predictions, test = make_version(*_ROWS)
    spoilt = replace(test, pairs=spoil(test.pairs))
    with pytest.raises(DataError, match=said) as error:
        score_version(predictions, spoilt, text_params)
    assert "\n" not in str(error.value) and "run the stages that write it again" in str(error.value)
