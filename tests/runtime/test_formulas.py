"""Cells that a spreadsheet would run are text in the files that people open."""

import pandas as pd
import pytest

from vqatune.runtime.formulas import formulas_in, quoted, quoted_frame


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "-5;=1", "- red"],
)
def test_a_formula_has_an_apostrophe(text):
    assert quoted(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["-5", "+5.5", "-1,000", "-5 %", "1e-5", "-1e-5", "-", "--", "", "red", "a=b", "'=1"]
)
def test_numbers_and_other_texts_stay(text):
    assert quoted(text) == text


def test_a_table_is_quoted_in_its_texts_and_names_alone():
    frame = pd.DataFrame(
        {"=name": ["=1", None, "-5"], "number": [-1.5, 2, 3], "text": pd.array(["@a", "b", "@a"], "str")}
    )
    found = quoted_frame(frame)
    assert list(found) == ["'=name", "number", "text"]
    assert found["'=name"].tolist()[::2] == ["'=1", "-5"] and found["text"].tolist() == ["'@a", "b", "'@a"]
    assert found["number"].tolist() == [-1.5, 2, 3] and pd.isna(found["'=name"][1])
    assert formulas_in(frame) == 2
