"""The official VQA normalisation, case by case, and its accuracy."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.evaluation.metrics.vqa import vqa_accuracy, vqa_form

_GOLDEN = json.loads((Path(__file__).parent / "golden" / "vqa_form.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", _GOLDEN["texts"], ids=lambda case: case["because"])
def test_a_text_takes_its_official_form(case):
    assert vqa_form(case["text"]) == case["form"]


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.text(alphabet=st.sampled_from(list(";/[]\"{}()=+\\_-><@`,?!.' \n\t12aThE"))))
def test_no_mark_an_official_form_removes_is_left_in_it(text):
    assert not set(vqa_form(text)) & set(';/[]"{}()=+\\_-><@`,?!\n\t')


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.sampled_from(["red", "The red", "blue", "two", "2", ""]), min_size=10, max_size=14), st.data()
)
def test_ten_references_or_more_are_left_out_one_by_one(references, data):
    prediction = data.draw(st.sampled_from(["red", "blue", "2", ""]))
    left_out = [
        min(
            sum(vqa_form(text) == vqa_form(prediction) for text in references[:i] + references[i + 1 :]) / 3,
            1,
        )
        for i in range(len(references))
    ]
    assert vqa_accuracy(prediction, references) == pytest.approx(sum(left_out) / len(left_out), abs=1e-12)
