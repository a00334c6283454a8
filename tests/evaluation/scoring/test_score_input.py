"""What `vqatune.evaluation.score` says of what it is given: counts, and one line where it cannot go on."""

import pandas as pd
import pytest

from vqatune.errors import DataError, ParameterError
from vqatune.evaluation import score
from vqatune.evaluation.scoring import score as scoring

_FRAME = pd.DataFrame({"prediction": ["red", "", "the"], "references": ["red", ["", "blue"], "  "]})


def test_empty_sides_are_counted_and_images_are_pairs_where_there_are_none():
    counts = score(_FRAME, ["exact_match"]).counts
    assert counts == {"pairs": 3, "images": 3, "empty_predictions": 1, "empty_references": 2}
    with_images = score(_FRAME.assign(image_id=["a", "a", "b"]), ["exact_match"]).counts
    assert with_images == counts | {"images": 2}


def test_scores_join_the_rows_that_they_are_of():
    frame = pd.DataFrame({"prediction": ["x", "red", "blue"], "references": ["red", "red", "red"]})
    some = frame[frame["prediction"] != "x"]
    assert some.assign(right=score(some, ["exact_match"]).pairs["exact_match"])["right"].tolist() == [
        1.0,
        0.0,
    ]


def test_one_metric_may_be_given_as_text():
    assert score(_FRAME, "exact_match").totals["metric"].tolist() == ["exact_match"]
    with pytest.raises(ParameterError, match="'exact' is not a metric"):
        score(_FRAME, "exact")


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("grounding", [0.5, 7.0, None], "'grounding' holds 7.0: it needs numbers from 0 to 1"),
        ("grounding", [0.5, -1.0, None], "'grounding' holds -1.0"),
        ("difficulty", [True, False, True], "'difficulty' holds .*: it needs numbers from 0 on"),
        ("difficulty", ["easy", "hard", "easy"], "'difficulty' holds 'easy'"),
        ("image_id", ["a", None, "b"], "1 pair.s. have no image_id"),
    ],
)
def test_a_column_of_the_wrong_kind_is_one_line(column, values, said):
    with pytest.raises(DataError, match=said) as raised:
        score(_FRAME.assign(**{column: values}), ["exact_match"])
    assert "\n" not in str(raised.value)


def test_a_column_that_is_there_twice_is_one_line():
    twice = pd.concat([_FRAME, _FRAME[["prediction"]]], axis=1)
    with pytest.raises(DataError, match="there are several columns 'prediction'"):
        score(twice, ["exact_match"])


@pytest.mark.parametrize("room", [0, 7, 40])
def test_long_pairs_go_in_smaller_chunks_and_score_the_same(monkeypatch, tmp_path, room):
    frame = pd.DataFrame({"prediction": ["red", "a red sofa", "blue", "red"], "references": ["red"] * 4})
    expected = score(frame, ["bleu", "fuzzy"]).pairs
    monkeypatch.setattr(scoring, "_CHARACTERS_AT_ONCE", room)
    pd.testing.assert_frame_equal(score(frame, ["bleu", "fuzzy"], store=tmp_path).pairs, expected)
