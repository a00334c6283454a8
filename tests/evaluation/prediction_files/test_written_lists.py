"""Lists as Python and numpy write them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.evaluation.prediction_files.written_lists import parse_literal

_SETTINGS = settings(max_examples=80, deadline=None, derandomize=True, database=None)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["it's", 'a "b"', "\\", "]"]
)


@_SETTINGS
@given(st.lists(_TEXT | st.dictionaries(_TEXT, _TEXT | st.booleans() | st.none(), max_size=3), max_size=6))
def test_what_python_writes_is_read_back(items):
    assert parse_literal(repr(items)) == items
    assert parse_literal(repr(tuple(items))) == items


@_SETTINGS
@given(st.lists(_TEXT, min_size=1, max_size=30))
def test_arrays_of_texts_are_read_back_as_numpy_writes_them(items):
    array = np.array(items, dtype=object)
    assert parse_literal(str(array)) == items
    assert parse_literal(repr(array)) == items
    assert parse_literal(repr(np.array(items))) == [text.rstrip("\0") for text in items]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, 2.50, -3e5]", ["1", "2.50", "-3e5"]),
        ("[1 2]", ["1", "2"]),
        ("[nan, None, True]", [None, None, True]),
        ("array([], shape=(0, 3), dtype='<U3')", []),
        ("[np.str_('red'), np.int64(3)]", ["red", "3"]),
        ("{}", {}),
        ("('red',)", ["red"]),
        ("('red')", "red"),
        (" ['red'\n 'blue'] ", ["red", "blue"]),
    ],
)
def test_a_literal_has_its_value(text, value):
    assert parse_literal(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "[", "]", "red", "['a' ... 'b']", "['a''b']", "('a' 'b')", "[,]", "['a'] x", "{'a': 1, 'b'}", "{None: 2}",
     "open('x')", "['a', __import__('os')]", "array(['a'], ['b'])", "array(['a']", r"'\d'", r"['\ud83e']", "[1-2]",
     "[" * 100_000, "array(" * 100_000, "{'a':" * 100_000],
)  # fmt: skip
def test_what_is_no_literal_is_an_error_and_never_run(text):
    with pytest.raises(ValueError):
        parse_literal(text)
