"""Scores of any predictions."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.errors import DataError, ParameterError
from vqatune.evaluation import score
from vqatune.evaluation.metrics import METRICS, aggregate, total_terms
from vqatune.params import EvalParams

_TEXT = [name for name, metric in METRICS.items() if metric.group == "text"]
# What every pair defines, unlike precision_complete and recall_complete.
_ALWAYS = [name for name in _TEXT if not name.endswith("_complete")]
_MODELS = ["bertscore_f1", "sbert_cosine"]
_FEW = EvalParams(resamples=20)
_SETTINGS = settings(max_examples=15, deadline=None, derandomize=True, database=None)
_ANSWER = st.sampled_from(
    ["red", "Red", "", "dark red", "a dark red sofa", "2", "two", "None", "NA", "木 製"]
)


def _frame(predictions, references, **columns) -> pd.DataFrame:
    return pd.DataFrame({"prediction": predictions, "references": references, **columns})


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_references_are_a_text_or_a_list_of_texts():
    frame = _frame(["red", "red", "blue", "blue"], ["red", ["red"], ("red", "Blue"), np.array(["a", "blue"])])
    pairs = score(frame, ["exact_match", "vqa_accuracy"], params=_FEW).pairs
    assert list(pairs["exact_match"]) == [1.0, 1.0, 1.0, 1.0]
    assert list(pairs["vqa_accuracy"]) == [1.0, 1.0, 0.5, 0.5]


@pytest.mark.parametrize("text", ["None", "NA", "nan", "null", "N/A"])
def test_an_answer_that_looks_like_a_missing_value_is_text(text):
    scored = score(_frame([text, "red"], [text, [text]]), ["exact_match", "recall_partial"], params=_FEW)
    assert list(scored.pairs["exact_match"]) == [1.0, 0.0]
    assert list(scored.totals["pairs"]) == [2, 2]


def test_the_pairs_keep_their_order_and_every_other_column():
    frame = _frame(["red", "blue"], ["blue", "blue"], shop=["a", "b"], fuzzy=["yes", "no"])
    frame.index = [7, 3]
    pairs = score(frame, ["bleu", "exact_match"], params=_FEW).pairs
    assert list(pairs.columns) == ["prediction", "references", "shop", "fuzzy", "exact_match", "bleu"]
    pd.testing.assert_frame_equal(pairs[frame.columns], frame)
    assert list(pairs["exact_match"]) == [0.0, 1.0]
    assert set(pairs[["exact_match", "bleu"]].dtypes) == {np.dtype("float64")}


def test_a_row_of_totals_is_the_mean_with_its_interval_and_how_many_pairs_count():
    frame = _frame(["red", "blue", ""], ["red", "red", "red"], image_id=["i1", "i2", "i2"])
    totals = score(frame, ["exact_match", "precision_complete"]).totals
    assert list(totals.columns) == ["metric", "value", "low", "high", "pairs"]
    assert totals["metric"].tolist() == ["exact_match", "precision_complete"]
    assert totals["value"].tolist() == [pytest.approx(1 / 3), 0.5]
    assert totals["pairs"].tolist() == [3, 2]
    # Both images may be drawn twice.
    assert totals["low"].tolist() == [0.0, 0.0] and totals["high"].tolist() == [1.0, 1.0]


def test_metrics_come_in_the_table_s_order_and_no_others():
    scored = score(_frame(["red"], ["red"]), ["fuzzy", "bleu", "exact_match", "bleu"], params=_FEW)
    assert scored.totals["metric"].tolist() == ["exact_match", "bleu", "fuzzy"]
    assert not scored.absent


def test_an_undefined_score_is_nan():
    pairs = score(
        _frame(["", "red"], ["red", [""]]), ["precision_complete", "recall_complete"], params=_FEW
    ).pairs
    np.testing.assert_array_equal(
        pairs[["precision_complete", "recall_complete"]], [[np.nan, 0], [0, np.nan]]
    )


def test_marks_weigh_the_pairs_that_have_a_difficulty():
    difficulty = pd.array([5, 0, None, 2], dtype="Int8")
    scored = score(
        _frame(["a", "b", "c", "x"], ["a", "b", "c", "d"], difficulty=difficulty), ["average_mark"]
    )
    assert scored.totals["value"].item() == 21 / 25
    assert scored.totals["pairs"].item() == 3


def test_grounding_and_vccs_come_of_the_grounding_that_was_measured():
    frame = _frame(["red", "dark red", "red"], ["red", "red", "blue"], grounding=[0.75, 1.0, None])
    totals = score(frame, ["grounding", "vccs"]).totals.set_index("metric")
    assert totals["value"].to_dict() == {"grounding": 0.875, "vccs": (0.75 + 0.5) / 2}
    assert totals["pairs"].tolist() == [2, 2]


_WITHOUT_MODELS = """
import pandas
from vqatune.evaluation import score
from vqatune.params import EvalParams
none = {"model": None}
params = EvalParams.model_validate({"bertscore": none, "sbert": none, "resamples": 5})
"""


def test_what_cannot_be_computed_is_absent_with_its_reason_and_never_zero(text_params):
    scored = score(_frame(["", ""], ["red", "blue"]), params=text_params.eval)
    for name, said in {
        "average_mark": "no pair has a difficulty",
        "grounding": "no prediction has a grounding",
        "vccs": "no prediction has a grounding",
        "bertscore_f1": "set eval.bertscore.model",
        "sbert_cosine": "set eval.sbert.model",
        "bartscore": "set eval.bartscore.model",
        "precision_complete": "defined for none of the pairs",
    }.items():
        assert said in scored.absent[name]
    present = set(scored.totals["metric"])
    assert present.isdisjoint(scored.absent) and present | set(scored.absent) == set(METRICS)
    assert set(scored.absent).isdisjoint(scored.pairs.columns)
    assert scored.totals["value"].notna().all()


def test_without_wordnet_what_needs_it_is_absent_and_said_to_be():
    code = f"""{_WITHOUT_MODELS}
import nltk
nltk.data.path[:] = []
from vqatune.errors import ParameterError
frame = pandas.DataFrame({{"prediction": ["sofa", "red"], "references": ["sofa", "red"]}})
scored = score(frame, params=params)
needing = ["meteor", "wups_00", "wups_09", "wups_weighted"]
print([name in set(scored.totals["metric"]) or name in scored.pairs.columns for name in needing])
print({{scored.absent[name] for name in needing}})
print(scored.totals.set_index("metric")["value"]["exact_match"])
try:
    score(frame, ["fuzzy", "wups_weighted"])
except ParameterError as error:
    print(error)
"""
    reason = "METEOR and WUPS need WordNet, which is not installed here: run `make` or `python -m vqatune.evaluation.metrics.wordnet`"
    assert _run(code).splitlines() == [
        "[False, False, False, False]",
        str({reason}),
        "1.0",
        f"wups_weighted cannot be computed: {reason}",
    ]


def test_a_picked_metric_that_cannot_be_computed_is_an_error_with_its_reason():
    with pytest.raises(ParameterError, match="^average_mark cannot be computed: no pair has a difficulty$"):
        score(_frame(["red"], ["red"]), ["exact_match", "average_mark"])
    with pytest.raises(ParameterError, match="bartscore cannot be computed: no model is configured"):
        score(_frame(["red"], ["red"]), ["bartscore"])
    with pytest.raises(
        ParameterError, match="only the difficulties 0, 1, 2, 3, 5 have a mark, but there is 4"
    ):
        score(_frame(["red"], ["red"], difficulty=[4]), ["average_mark"])


def test_an_unknown_metric_is_named_with_the_known_ones():
    with pytest.raises(ParameterError, match="'blue' is not a metric.*bleu1"):
        score(_frame(["red"], ["red"]), ["blue"])


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (
            pd.DataFrame({"prediction": ["red"], "answer": ["red"]}),
            "no column 'references'.*prediction, answer",
        ),
        (pd.DataFrame({"references": ["red"]}), "no column 'prediction'"),
        (_frame([], []), "no pair to score"),
        (_frame(["red", None], ["red", "red"]), "row 1: prediction nan .*needs text on both sides"),
        (_frame(["red", 2], ["red", "2"]), "row 1: prediction 2 "),
        (_frame(["red", "a"], ["red", None]), "row 1: .* references nan"),
        (_frame(["red", "a"], [["red"], []]), r"row 1: .* references \(\)"),
        (_frame(["red", "a"], [["red"], ["a", float("nan")]]), r"row 1: .*\('a', nan\)"),
        (_frame(["red", "a"], ["red", 7]), "row 1: .* references 7"),
        (_frame(["red"], [{"red": 1}]), "'references' holds something else than texts and lists of texts"),
        (_frame(["red"], ["red"], difficulty=["hard"]), "column 'difficulty' holds 'hard'"),
        (_frame(["red"], ["red"], grounding=["0.5"]), "column 'grounding' holds '0.5'"),
        (_frame(["red", "a"], ["red", "a"], image_id=["i1", None]), r"1 pair\(s\) have no image_id"),
    ],
)
def test_a_frame_that_cannot_be_scored_is_one_clear_line(frame, said):
    with pytest.raises(DataError, match=said) as error:
        score(frame, ["exact_match"])
    assert "\n" not in str(error.value)


def test_published_gives_exact_match_as_accuracy_and_the_longer_side_as_length():
    frame = _frame(["2", "a red sofa"], ["two", "sofa"])
    chosen = ["exact_match", "vqa_accuracy", "lcs_ratio"]
    ours, theirs = (
        score(frame, chosen, params=_FEW, published=published).pairs for published in (False, True)
    )
    assert ours[chosen].to_numpy().tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert theirs[chosen].to_numpy().tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, pytest.approx(1 / 3)]]


def test_a_metric_of_texts_imports_no_model_library():
    code = """
import sys, pandas
from vqatune.evaluation import score
slow = ("nltk", "torch", "transformers", "sentence_transformers", "bert_score")
print([name for name in slow if name in sys.modules])
score(pandas.DataFrame({"prediction": ["red"], "references": ["dark red"]}), ["exact_match"])
print([name for name in slow[1:] if name in sys.modules])
"""
    assert _run(code).splitlines() == ["[]", "[]"]


@_SETTINGS
@given(st.lists(st.floats(0, 1), min_size=3, max_size=30), st.randoms(use_true_random=False))
def test_a_mean_has_the_same_bits_in_any_order(scores, random):
    shuffled = random.sample(scores, len(scores))
    assert aggregate(np.array(scores), np.ones(len(scores))) == aggregate(
        np.array(shuffled), np.ones(len(scores))
    )


def test_a_mean_of_nothing_is_none_and_pairs_without_a_mark_or_a_score_weigh_nothing():
    marks, difficulty = [1.0, 0.0, 1.0, np.nan], pd.array([2, 1, None, 5], dtype="Int8")
    pairs = pd.DataFrame({"average_mark": marks, "difficulty": difficulty})
    earned, possible = total_terms(METRICS["average_mark"], pairs)
    assert (earned.tolist(), possible.tolist()) == ([4.0, 0.0, 0.0, 0.0], [4.0, 2.0, 0.0, 0.0])
    assert aggregate(earned, possible) == pytest.approx(4 / 6)
    assert aggregate(earned, np.zeros(4)) is None


def test_a_ratio_has_the_scores_of_pairs_that_are_not_in_its_denominator():
    # The blind guess is right in the first two, the answer in the second and third.
    frame = _frame(
        ["a", "red", "blue", "b"], ["red", "red", "blue", "blue"], blind_exact_match=[1.0, 1.0, 0.0, 0.0]
    )
    scored = score(frame, ["exact_match", "skill"], params=_FEW)
    assert scored.pairs["skill"].tolist() == [-1.0, 0.0, 1.0, 0.0]
    [_, skill] = scored.totals.to_dict("records")
    assert skill["value"] == (0.5 - 0.5) / (1 - 0.5) == 0.0 and skill["pairs"] == 4
    assert skill["low"] < 0 < skill["high"]


@pytest.mark.parametrize(
    ("blind", "said"),
    [
        ([1.0, 1.0], "skill cannot be computed: the blind guess is always right"),
        ([None, None], "skill cannot be computed: there are no training pairs here"),
    ],
)
def test_there_is_no_skill_where_a_blind_guess_is_always_right_or_not_there(blind, said):
    frame = _frame(["red", "blue"], ["red", "red"], blind_exact_match=blind)
    with pytest.raises(ParameterError, match=said):
        score(frame, ["skill"], params=_FEW)
    assert (
        "skill"
        in score(
            frame, params=EvalParams(resamples=2, bertscore={"model": None}, sbert={"model": None})
        ).absent
    )


def test_a_blind_match_that_is_no_number_is_an_error():
    with pytest.raises(
        DataError, match="the column 'blind_exact_match' holds 'red': it needs numbers from 0 to 1"
    ):
        score(_frame(["red"], ["red"], blind_exact_match=["red"]), ["exact_match"])


_ROW = st.tuples(
    _ANSWER,
    st.one_of(_ANSWER, st.lists(_ANSWER, min_size=1, max_size=3)),
    st.sampled_from(["i1", "i2", "i3"]),
    st.sampled_from([0, 2, 5]),
    st.sampled_from([0.0, 0.125, 1.0, np.nan]),
)


def _rows(rows) -> pd.DataFrame:
    names = ["prediction", "references", "image_id", "difficulty", "grounding"]
    # One that has everything, so that every metric is defined.
    return pd.DataFrame([*rows, ("red", "dark red", "i1", 0, 0.5)], columns=names)


_CHOSEN = [*_TEXT, "average_mark", "vccs", "grounding"]


@_SETTINGS
@given(st.lists(_ROW, min_size=2, max_size=25), st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_rows_changes_no_bit(rows, random, with_images):
    frame = _rows(rows)
    frame = frame if with_images else frame.drop(columns="image_id")
    order = random.sample(range(len(frame)), len(frame))
    first, again = (score(some, _CHOSEN, params=_FEW) for some in (frame, frame.iloc[order]))
    pd.testing.assert_frame_equal(first.totals, again.totals, check_exact=True)
    pd.testing.assert_frame_equal(first.pairs.iloc[order], again.pairs, check_exact=True)


@_SETTINGS
@given(st.lists(_ROW, min_size=1, max_size=15))
def test_every_row_twice_changes_no_bit_of_a_value(rows):
    frame = _rows(rows)
    once, twice = (score(some, _CHOSEN, params=_FEW).totals for some in (frame, pd.concat([frame, frame])))
    assert once["value"].tolist() == twice["value"].tolist()
    assert (2 * once["pairs"]).tolist() == twice["pairs"].tolist()
    # An image has the same share of the pairs as before.
    assert once[["low", "high"]].equals(twice[["low", "high"]])


@_SETTINGS
@given(st.lists(st.tuples(_ANSWER, _ANSWER), min_size=1, max_size=5))
def test_a_pair_scores_as_it_does_alone(rows):
    together = score(_frame(*zip(*rows, strict=True)), _ALWAYS, params=_FEW).pairs
    alone = [score(_frame([ours], [theirs]), _ALWAYS, params=_FEW).pairs for ours, theirs in rows]
    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True), check_exact=True)


def test_scores_by_models_have_the_same_bits_in_any_company(tmp_path):
    texts = ["red", "dark red", "a dark red sofa with two cushions", "", "木製", "blue metal", "2", "red"]
    frame = _frame(texts, [*texts[3:], *texts[:3]])
    first = score(frame, _MODELS, params=_FEW)
    order = [3, 0, 7, 1, 6, 2, 5, 4]
    moved = score(frame.iloc[order], _MODELS, params=_FEW, store=tmp_path)
    pd.testing.assert_frame_equal(moved.totals, first.totals, check_exact=True)
    assert moved.pairs[_MODELS].to_numpy().tolist() == first.pairs[_MODELS].to_numpy()[order].tolist()
    doubled = score(pd.concat([frame, frame]), _MODELS, params=_FEW, store=tmp_path)
    assert doubled.totals["value"].tolist() == first.totals["value"].tolist()
    alone = score(frame.iloc[[2]], _MODELS, params=_FEW)
    assert alone.pairs[_MODELS].to_numpy().tolist() == first.pairs[_MODELS].to_numpy()[[2]].tolist()
