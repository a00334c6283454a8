"""What differs between two versions, by how much, and where."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from vqatune.errors import DataError
from vqatune.evaluation.comparison.compare import check_same_test, compare
from vqatune.evaluation.scoring.slices import SLICES
from vqatune.evaluation.scoring.version import score_version

# answer, what the first version says, what the second says, difficulty, question type, product type, image.
_ROWS = (
    ("red", "red", "red", 0, "color", "SOFA", "i1"),
    ("red", "blue", "red", 0, "color", "SOFA", "i1"),
    ("two", "two", "three", 2, "count", "SOFA", "i2"),
    ("two", "one", "three", 2, "count", "LAMP", "i3"),
    ("wood", "wood", "oak", None, "material", "LAMP", "i3"),
    ("None", "", "None", None, "material", "HAT", "i4"),
)


@pytest.fixture
def score_two(make_version, text_params):
    """Score the two versions that rows like _ROWS hold; returns both."""

    def score(rows, metrics=("exact_match",), resamples=200, **others):
        params = text_params.model_copy(
            update={"eval": text_params.eval.model_copy(update={"resamples": resamples})}
        )
        both = []
        for place in (1, 2):
            version = make_version(*((row[0], row[place], *row[3:]) for row in rows), **others)
            both.append(score_version(*version, params, metrics=metrics))
        return both

    return score


def _row(table: pd.DataFrame, **values: str) -> pd.Series:
    [place] = np.flatnonzero(np.logical_and.reduce([table[name] == value for name, value in values.items()]))
    return table.iloc[place]


def _correlated(images: int = 200) -> list[tuple]:
    """Two versions that are right about the same half of the questions, but for one in twenty."""
    rows = []
    for number in range(images):
        first = "red" if number % 2 else "blue"
        rows.append(("red", first, "red" if number % 20 == 0 else first))
    return rows


def test_the_difference_is_that_of_the_versions_own_scores(score_two):
    first, second = score_two(_ROWS, metrics=None)
    found = compare(first, second, 200, 13).metrics
    for row in found.itertuples():
        # Over predictions that are not empty, of which the second has one less.
        if row.metric != "precision_complete":
            assert row.first == first.values[row.metric] and row.second == second.values[row.metric]
        assert row.difference == row.second - row.first
        assert row.low <= row.difference <= row.high
    assert _row(found, metric="exact_match")["difference"] == 0.0
    assert _row(found, metric="average_mark")["difference"] == pytest.approx(2 / 10 - 5 / 10)


def test_the_other_way_round_the_differences_are_the_opposite(score_two):
    first, second = score_two(_ROWS, metrics=None)
    there, back = compare(first, second, 200, 13).metrics, compare(second, first, 200, 13).metrics
    np.testing.assert_allclose(there["difference"], -back["difference"])
    np.testing.assert_allclose(there[["low", "high"]], -back[["high", "low"]], atol=1e-6)


def test_of_one_version_and_itself_nothing_differs_at_all(score_two):
    rows = [(answer, said, said, *rest) for answer, said, _, *rest in _ROWS]
    found = compare(*score_two(rows, metrics=None), 200, 13)
    assert (found.metrics[["difference", "low", "high"]] == 0.0).all(axis=None)
    assert (found.slices[["difference", "low", "high"]] == 0.0).all(axis=None)
    assert found.changed.empty


def test_the_interval_is_that_of_the_same_images_and_so_much_narrower_than_of_any(score_two):
    first, second = score_two(_correlated(), resamples=1000)
    row = compare(first, second, 1000, 13).metrics.iloc[0]
    widths = [version.scores.totals.eval("high - low").item() for version in (first, second)]
    assert row["high"] - row["low"] < 0.5 * np.hypot(*widths)
    assert row["difference"] == pytest.approx(0.05) and 0.0 < row["low"] < 0.05 < row["high"] < 0.1


def test_the_pairs_of_an_image_are_drawn_together(score_two):
    alone = _correlated()
    # One image shows all that changed.
    shared = [
        (*row, 0, "color", "SOFA", "one" if row[1] != row[2] else f"i{n}") for n, row in enumerate(alone)
    ]
    widths = []
    for rows in (alone, shared):
        row = compare(*score_two(rows, resamples=1000), 1000, 13).metrics.iloc[0]
        widths.append(row["high"] - row["low"])
    assert widths[1] > 1.5 * widths[0]


def test_what_is_gained_and_lost_comes_with_both_answers_and_its_slices(score_two):
    changed = compare(*score_two(_ROWS, training=["red"], tiers={"SOFA": 100}), 200, 13).changed
    assert list(changed["change"]) == ["gained", "lost", "lost", "gained"]
    assert list(changed["qa_id"]) == ["qa-001", "qa-002", "qa-004", "qa-005"]
    columns = ["change", "qa_id", "image_id", "question", "references", "first", "second", *SLICES]
    assert list(changed.columns) == columns
    lost = changed.iloc[1]
    assert (lost["references"], lost["first"], lost["second"], lost["image_id"]) == (
        "two",
        "two",
        "three",
        "i2",
    )
    slices = (2, "count", "SOFA", 100, "number", "up to 3 characters", "unseen")
    assert tuple(lost[list(SLICES)]) == slices
    assert changed["first"].iloc[3] == "" and changed["second"].iloc[3] == "None"


def test_slices_have_their_counts_and_the_largest_loss_is_first(score_two):
    slices = compare(*score_two(_ROWS), 200, 13).slices
    assert (slices["pairs"] > 1).all() and list(slices["difference"]) == sorted(slices["difference"])
    count = _row(slices, slice="question_type", value="count")
    assert (count["pairs"], count["images"]) == (2, 2)
    assert (count["first"], count["second"], count["difference"]) == (0.5, 0.0, -0.5)
    color = _row(slices, slice="question_type", value="color")
    assert (color["pairs"], color["images"], color["difference"]) == (2, 1, 0.5)
    assert (color["low"], color["high"]) == (0.5, 0.5)
    assert "HAT" not in set(slices["value"])


def test_a_slice_is_compared_as_it_would_be_by_itself(score_two):
    rows = [
        (*row, 0, "color", "SOFA" if n % 3 else "LAMP", f"i{n // 2}") for n, row in enumerate(_correlated())
    ]
    within = _row(compare(*score_two(rows), 200, 13).slices, slice="product_type", value="LAMP")
    alone = compare(*score_two([row for row in rows if row[5] == "LAMP"]), 200, 13).metrics.iloc[0]
    columns = ["pairs", "first", "second", "difference", "low", "high"]
    np.testing.assert_allclose(within[columns].astype(float), alone[columns].astype(float), atol=1e-9)


def test_a_test_set_of_one_pair_has_no_slice_but_a_difference(score_two):
    found = compare(*score_two([("red", "blue", "red", 1)]), 20, 13)
    assert found.slices.empty and "difference" in found.slices.columns
    assert found.metrics["difference"].item() == 1.0


def test_pairs_are_those_that_count_in_both_versions(score_two):
    found = compare(*score_two(_ROWS, metrics=None), 20, 13).metrics
    counts = dict(found[["metric", "pairs"]].itertuples(index=False))
    # The first version has an empty answer, and two pairs have no difficulty.
    assert (counts["exact_match"], counts["precision_complete"], counts["average_mark"]) == (6, 5, 4)


def test_a_metric_that_one_version_does_not_have_is_absent_with_the_reason(make_version, text_params):
    predictions, test = make_version(("red", "red"), ("red", "blue"))
    without = score_version(predictions, test, text_params)
    measured = score_version(predictions.assign(grounding=0.5), test, text_params)
    for found in (compare(without, measured, 20, 13), compare(measured, without, 20, 13)):
        assert "grounding" not in set(found.metrics["metric"])
        assert "no prediction has a grounding" in found.absent["grounding"]
        assert "set eval.bartscore.model" in found.absent["bartscore"]
    assert "grounding" not in compare(measured, measured, 20, 13).absent


def test_the_order_of_rows_changes_nothing(make_version, text_params):
    tables = []
    for step in (1, -1):
        both = []
        for place in (1, 2):
            predictions, test = make_version(*((row[0], row[place], *row[3:]) for row in _ROWS))
            test = replace(test, pairs=test.pairs.iloc[::step])
            both.append(score_version(predictions.iloc[::-step], test, text_params))
        found = compare(*both, 20, 13)
        tables.append((found.metrics, found.changed, found.slices))
    for one, other in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_versions_of_different_test_sets_are_an_error_that_says_how_different(make_version, text_params):
    first = score_version(*make_version(("red", "red"), ("two", "two"), ("oak", "oak")), text_params)
    shorter = score_version(*make_version(("red", "red"), ("two", "two")), text_params)
    with pytest.raises(
        DataError, match="of 3 and 2 pairs, 2 are the same.: compare versions of one test set"
    ):
        compare(first, shorter, 20, 13)
    # The same ids of pairs do not make the same pairs.
    other = score_version(*make_version(("red", "red"), ("two", "two"), ("ash", "oak")), text_params)
    with pytest.raises(DataError, match="of 3 and 3 pairs, 2 are the same"):
        compare(first, other, 20, 13)


def test_test_sets_are_the_same_in_any_order(make_version):
    _, test = make_version(("red", "red"), ("two", "two"))
    check_same_test(test.pairs, test.pairs.iloc[::-1])


def test_a_metric_that_the_versions_have_of_different_pairs_is_compared_on_those_of_both(score_two):
    rows = [
        ("red", "red", "red" if number % 2 else "", None, "color", "A", f"i{number}") for number in range(40)
    ]
    first, second = score_two(rows, metrics=["exact_match", "precision_complete"])
    row = _row(compare(first, second, 200, 13).metrics, metric="precision_complete")
    assert (row["first"], row["second"], row["difference"], row["low"], row["high"]) == (1, 1, 0, 0, 0)
    assert row["pairs"] == 20

    answers = [("red", "red", "red", None, "color", "A", f"i{number}") for number in range(4)]
    first, second = score_two(answers, metrics=["exact_match"])
    frames = [version.scores.pairs for version in (first, second)]
    frames[0]["grounding"] = [1.0, 1.0, 0.0, 0.0]
    frames[1]["grounding"] = [1.0, 1.0, None, None]
    for version, frame in zip((first, second), frames, strict=True):
        total = {"metric": "grounding", "value": frame["grounding"].mean(), "low": 0, "high": 1, "pairs": 4}
        version.scores.totals.loc[1] = total
        version.values["grounding"] = total["value"]
    row = _row(compare(first, second, 200, 13).metrics, metric="grounding")
    assert (row["difference"], row["low"], row["high"], row["pairs"]) == (0, 0, 0, 2)
