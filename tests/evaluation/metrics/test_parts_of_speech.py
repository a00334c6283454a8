"""The part of speech of answers, and how much of each a prediction has."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.evaluation.metrics.parts_of_speech import (
    PARTS_OF_SPEECH,
    overlap_by_part_of_speech,
    part_of_speech,
)

_GOLDEN = Path(__file__).parent / "golden"
_FROM_LEXICON, _BY_RULE = (
    json.loads((_GOLDEN / name).read_text(encoding="utf-8"))["tokens"].items()
    for name in ("parts_of_speech.json", "parts_of_speech_rules.json")
)


@pytest.mark.parametrize(("token", "part"), [*_FROM_LEXICON, *_BY_RULE])
def test_a_token_has_its_part_of_speech(token, part):
    assert part_of_speech(token) == part


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("red chair", "red sofa", {"noun": (0, 1), "adjective": (1, 1)}),
        ("Red", "dark RED sofa", {"noun": (0, 1), "adjective": (1, 2)}),
        ("red", "red red 5", {"adjective": (1, 2), "number": (0, 1)}),
        ("", "yes", {"other": (0, 1)}),
        ("red", "", {}),
    ],
)
def test_shared_tokens_are_counted_by_part_of_speech(prediction, reference, expected):
    assert overlap_by_part_of_speech(prediction, reference) == expected


_TOKENS = st.lists(
    st.sampled_from(["red", "dark", "sofa", "chair", "5", "5%", "yes", "&", "zzz"]), max_size=7
)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(_TOKENS, _TOKENS)
def test_the_parts_add_up_to_the_whole(prediction, reference):
    overlap = overlap_by_part_of_speech(" ".join(prediction), " ".join(reference))
    assert set(overlap) <= set(PARTS_OF_SPEECH)
    assert sum(total for _, total in overlap.values()) == len(reference)
    assert sum(found for found, _ in overlap.values()) == (Counter(prediction) & Counter(reference)).total()
