import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.evaluation.scoring.confusion import EMPTY, NO_TYPE, OTHER, OTHER_RIGHT, confusion_table
from vqatune.evaluation.scoring.version import score_version


def _pairs(*rows: tuple[str | None, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["question_type", "references", "prediction"])


def test_pairs_are_counted_by_type_reference_and_prediction_in_plain_form():
    pairs = _pairs(
        ("color", "Red", "blue"),
        ("color", "red", " BLUE"),
        ("color", "red", "red"),
        ("count", "red", ""),
        (None, "two", "2"),
    )
    assert confusion_table(pairs).to_numpy().tolist() == [
        [NO_TYPE, "two", "2", 1],
        ["color", "red", "blue", 2],
        ["color", "red", "red", 1],
        ["count", "red", EMPTY, 1],
    ]


def test_the_most_frequent_answers_of_a_type_stand_by_themselves_and_all_others_together():
    rows = [("color", "red", "red")] * 3 + [("color", "blue", "red")] * 2 + [("color", "green", "green")] * 2
    rows += [("color", "amber", "grey"), ("color", "amber", "amber"), ("count", "green", "green")]
    # Red is said or asked for eight times, green four times, amber three times.
    assert confusion_table(_pairs(*rows), most=2).to_numpy().tolist() == [
        ["color", "green", "green", 2],
        ["color", "red", "red", 3],
        ["color", OTHER, "red", 2],
        ["color", OTHER, OTHER_RIGHT, 1],
        ["color", OTHER, OTHER, 1],
        ["count", "green", "green", 1],
    ]


def test_yes_and_no_stand_by_themselves_however_few_they_are():
    rows = [("shape", "star", "star")] * 3 + [("shape", "yes", "no"), ("shape", "heart", "heart")]
    assert confusion_table(_pairs(*rows), most=1).to_numpy().tolist() == [
        ["shape", "star", "star", 3],
        ["shape", "yes", "no", 1],
        ["shape", OTHER, OTHER_RIGHT, 1],
    ]


answers = st.sampled_from(["a", "b", "c", "d", "e", ""])


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["x", "y", None]), answers, answers), min_size=1, max_size=30))
def test_every_pair_is_counted_once_and_a_type_has_no_more_names_than_are_kept(rows):
    table = confusion_table(_pairs(*rows), most=2)
    assert table["pairs"].sum() == len(rows) and (table["pairs"] > 0).all()
    for side, ends in (("reference", 1), ("prediction", 2)):
        assert (table.groupby("question_type")[side].nunique() <= 2 + ends).all()
    # Whatever is right is seen to be.
    right = table[(table["reference"] == table["prediction"]) & (table["reference"] != OTHER)]
    of_others = table.loc[table["prediction"] == OTHER_RIGHT, "pairs"]
    assert right["pairs"].sum() + of_others.sum() == sum(asked == said for _, asked, said in rows)
    turned = confusion_table(_pairs(*rows[::-1]), most=2)
    pd.testing.assert_frame_equal(turned, table)


def test_a_version_has_its_confusions(make_version, text_params):
    version = make_version(("red", "Blue"), ("red", "red"), ("two", "2", None, "count"))
    table = score_version(*version, text_params, metrics=["exact_match"]).confusion()
    assert list(table["question_type"]) == ["color", "color", "count"] and table["pairs"].sum() == 3
