import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from vqatune.evaluation import score
from vqatune.evaluation.comparison.equal_metrics import equal_metrics, equality_sentences
from vqatune.params import EvalParams


def test_metrics_are_equal_where_they_are_in_every_version():
    values = pd.DataFrame(
        {"v1": [0.5, 0.5, 0.5, np.nan, 0.1 + 0.2, np.nan], "v2": [0.75, 0.75, 0.7, 0.75, 0.25, 0.75]},
        index=["a", "b", "c", "d", "e", "f"],
    )
    values.loc["g"] = [0.3, 0.25]
    groups = equal_metrics(values)
    assert groups == {"a": ["b"], "c": [], "d": ["f"], "e": ["g"]}
    assert equality_sentences(groups) == [
        "Equal to a here: b.", "Equal to d here: f.", "Equal to e here: g."
    ]  # fmt: skip


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, np.nan]), min_size=2, max_size=2), max_size=8))
def test_every_metric_is_in_one_group_with_all_that_equal_it(rows):
    values = pd.DataFrame(rows, index=[f"m{place}" for place in range(len(rows))], columns=["v1", "v2"])
    groups = equal_metrics(values)
    named = [name for first, others in groups.items() for name in (first, *others)]
    assert sorted(named) == sorted(values.index)
    for first, others in groups.items():
        equal = [name for name in values.index if values.loc[name].equals(values.loc[first])]
        assert [first, *others] == equal


def test_on_answers_of_one_word_half_of_the_metrics_are_one():
    frame = pd.DataFrame({"prediction": ["red", "blue", "sofa"], "references": ["red", "red", "sofa"]})
    params = EvalParams(resamples=2, bertscore={"model": None}, sbert={"model": None})
    totals = score(frame, params=params).totals.set_index("metric")[["value"]]
    others = equal_metrics(totals)["exact_match"]
    assert {"vqa_accuracy", "bleu1", "rouge_l", "jaccard", "token_overlap", "lcs_ratio"} <= set(others)
    assert {"bleu", "fuzzy"}.isdisjoint(others)
