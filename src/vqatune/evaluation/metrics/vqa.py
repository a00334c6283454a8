"""The official VQA evaluation: its normalisation of answers, quirks included, and its accuracy.

The rules are those of VQAEval in GT-Vision-Lab/VQA (PythonEvaluationTools/vqaEvaluation/vqaEval.py) under
Python 3; Antol et al., "VQA: Visual Question Answering", ICCV 2015.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from vqatune.evaluation.metrics.text import composed, tokens

_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_BETWEEN_DIGITS = re.compile(r"\d,\d")
_PERIOD_BEFORE_NO_DIGIT = re.compile(r"\.(?!\d)")
# The official code hands the flag re.UNICODE to `sub` where the count belongs.
_PERIODS_REMOVED_AT_MOST = 32

_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {word: str(number) for number, word in enumerate(_NUMBER_WORDS)} | {"none": "0"}
_ARTICLES = {"a", "an", "the"}

_CONTRACTIONS = """
    ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's
    isn't it'd it'll ma'am might've mightn't must've mustn't needn't not've o'clock oughtn't shan't should've
    shouldn't somebody'll somebody's someone'd someone'll someone's something'd something'll that's there'd
    there're there's they'd they'll they're they've 'twas wasn't we've weren't what'll what're what's what've
    when's where'd where's where've who'd who'll who's who've why'll why're why's won't would've wouldn't y'all
    you'd you'll you're you've couldn't've hadn't've he'd've it'd've mightn't've she'd've shouldn't've
    somebody'd've someone'd've something'd've there'd've they'd've we'd've who'd've wouldn't've y'all'll
    y'all'd've you'd've 'ow's'at
"""


def _misspellings(contraction: str) -> list[str]:
    """Return the contraction with one of its apostrophes left out, for each of them."""
    return [
        contraction[:place] + contraction[place + 1 :]
        for place, sign in enumerate(contraction)
        if sign == "'"
    ]


_SPELLING = {wrong: right for right in _CONTRACTIONS.split() for wrong in _misspellings(right)}
# The official table has this one the wrong way round.
_SPELLING["somebody'd"] = "somebodyd"


@lru_cache(maxsize=1 << 16)
def vqa_form(text: str) -> str:
    """Return the form in which the official VQA evaluation compares answers.

    The text is composed (Unicode's NFC), which the official code leaves to its user. Newlines and tabs become
    spaces and the ends are stripped; punctuation goes (see `_without_punctuation`);
    number words up to ten, and 'none', become digits; articles go; contractions get their apostrophe.
    """
    text = _without_punctuation(composed(text).replace("\n", " ").replace("\t", " ").strip())
    words = (_NUMBERS.get(word, word) for word in text.lower().split())
    return " ".join(_SPELLING.get(word, word) for word in words if word not in _ARTICLES)


def _without_punctuation(text: str) -> str:
    """Remove each mark that has a space beside it anywhere in the text; the others become a space.

    A comma between two digits, anywhere, makes all marks be removed. Colons and apostrophes stay; a period goes
    unless a digit follows it.
    """
    joined = _COMMA_BETWEEN_DIGITS.search(text) is not None
    replacements: dict[str, str | int | None] = {
        mark: "" if joined or f"{mark} " in text or f" {mark}" in text else " "
        for mark in _MARKS
        if mark in text
    }
    text = text.translate(str.maketrans(replacements))
    return _PERIOD_BEFORE_NO_DIGIT.sub("", text, count=_PERIODS_REMOVED_AT_MOST)


def vqa_accuracy(prediction: str, references: Sequence[str]) -> float:
    """Return the official accuracy of an answer, in [0, 1], on the VQA forms of both sides.

    Of k references n match. From ten references on it is the mean, over leaving out each of them, of
    min(matches among the others / 3, 1); with fewer, min(n / min(3, k), 1). A text that is empty before it is brought
    into this form matches no text that is not, such as 'the'.
    """
    answer, count = vqa_form(prediction), len(references)
    matches = sum(
        vqa_form(reference) == answer and bool(tokens(reference)) == bool(tokens(prediction))
        for reference in references
    )
    if count < 10:
        return min(matches / min(3, count), 1.0)
    thirds = matches * min(matches - 1, 3) + (count - matches) * min(matches, 3)
    return thirds / (3 * count)
