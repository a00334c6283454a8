"""Cleaning of questions and answers, and folding, after which equivalent texts are equal."""

import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pandas as pd

_plain_quotes = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u00b4\u0060", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", None),
    }
)
_brackets = {"(": ")", "[": "]", "{": "}"}
_around = " \"'*#,;:!?_|"
# A quote after a number is a unit: 20" is not 20, and 7'10" is not 7'10.
_inches = re.compile(r"""\.?\d(?:[\d.,/'x-]*\d)?(?:"|''?)""")


class _Folding(dict):
    """Translates every character but letters, their marks and digits to a space."""

    def __missing__(self, code: int) -> int | str:
        kept = unicodedata.category(chr(code))[0] in "LMN"
        self[code] = code if kept else " "
        return self[code]


_folding = _Folding()


def clean_question(question: str) -> str:
    """Return the question with plain quotes and single spaces, without quotes or asterisks around it."""
    text = " ".join(unicodedata.normalize("NFC", question).translate(_plain_quotes).split())
    while len(text) > 1 and text[0] == text[-1] and text[0] in "\"'*":
        text = text[1:-1].strip()
    return text


def clean_answer(answer: str) -> str:
    """Return the answer with plain quotes and single spaces, without punctuation around it.

    Parts of a number stay: the point of '.925', and the sign for inches or feet after a number without opening quote.
    """
    text = " ".join(unicodedata.normalize("NFC", answer).translate(_plain_quotes).split())
    while True:
        before = text
        if not _inches.fullmatch(text):
            text = text.strip(_around)
        text = text.rstrip(".")
        if text.startswith(".") and not text[1:2].isdigit():
            text = text.lstrip(".")
        if text and _brackets.get(text[0]) == text[-1]:
            text = text[1:-1]
        if text == before:
            return text


def fold(text: str) -> str:
    """Return the text case-folded, without punctuation and with single spaces, so that equivalent questions are equal."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().translate(_folding).split())


def clean_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs with cleaned question and answer (empty where missing); other columns stay."""
    return pairs.assign(
        question=map_distinct(clean_question, pairs["question"].fillna("")),
        answer=map_distinct(clean_answer, pairs["answer"].fillna("")),
    )


def map_distinct(function: Callable[[str], str], texts: pd.Series) -> pd.Series:
    """Return `function(text)` for every text, computed once per distinct text."""
    codes, distinct = pd.factorize(texts.to_numpy(dtype=object))
    results = np.array([function(text) for text in distinct], dtype=object)
    return pd.Series(results[codes], index=texts.index, dtype="str")
