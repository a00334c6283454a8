"""Questions that are asked again about the same image, in the same or in nearly the same words."""

import re
from functools import lru_cache

import numpy as np
import pandas as pd
from rapidfuzz.distance import Indel
from rapidfuzz.fuzz import ratio

from vqatune.generation.checks.language import LANGUAGES, distinct_with_tags, language_of

SIMILARITY = 85.0
"""How alike two words must be to be nearly the same, of 100 (rapidfuzz's ratio)."""


def find_duplicates(
    pairs: pd.DataFrame, questions: np.ndarray, folded: np.ndarray, passed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return which pairs ask the same, and which nearly the same, as an earlier pair of their image.

    `pairs` has image_id and whatever tells which pair comes first: place, then the texts, never the order of rows.
    `questions` holds each pair's code, `folded` the folded question of each code; only pairs in `passed` (bool) are
    looked at, so that a pair which is dropped anyway never pushes out a good one. Both results are bool, one a pair.
    """
    images = pd.factorize(pairs["image_id"])[0]
    same = np.zeros(len(pairs), dtype=bool)
    keys = pd.DataFrame({"image": images, "question": questions})[passed]
    rivals = _in_order(pairs, keys.index[keys.duplicated(keep=False)])
    later = keys.loc[rivals].duplicated()
    same[later.index[later]] = True
    return same, _find_near_duplicates(pairs, images, questions, folded, passed & ~same)


def content_words(folded: str, tag: str | None) -> tuple[str, ...]:
    """Return the words of a folded question that say what is asked, in an order in which equal questions agree.

    Question words stay, and so does what tells yes-or-no questions from the others. Words are sorted where their
    order says nothing ('the lamp's color', 'the color of the lamp'): not in questions for yes or no, not where a word
    relates two things ('on'), and in English alone. Without a language (`tag`, such as 'en_US'), a question is read
    as English; in a language without words here, every word counts.
    """
    language = LANGUAGES["en"] if tag is None else language_of(tag)
    if language is not LANGUAGES["en"]:
        return tuple(word for word in folded.split() if language is None or word not in language.empty)
    words = folded.split()
    whether = words[0] in _auxiliaries if words else False
    said = ["there"] if whether and words[1:2] == ["there"] else []
    said += [_alike.get(word, word) for word in words if word not in language.empty and word != "there"]
    if whether:
        return ("whether", *said)
    return tuple(said if _relation.search(folded) else sorted(said))


def nearly_same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Return whether two questions, as content_words gives them, differ only in words that are nearly the same."""
    # Of a single word the ending is all that tells 'Pattern?' from 'Patterned?'.
    return one == other or (
        len(one) == len(other) and len(one) > 1 and all(map(_nearly_same_word, one, other))
    )


@lru_cache(maxsize=1 << 16)
def _nearly_same_word(one: str, other: str) -> bool:
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    # A letter in place of another makes another word (printed, pointed); so does one more in a short word (table, tablet)
    # where it makes no plural.
    return (
        short[:1] == long[:1] < "\u0530"
        and short.isalpha()
        and long.isalpha()
        and (len(short) > 6 or long == short + "s")
        and ratio(short, long) >= SIMILARITY
        and Indel.distance(short, long) == len(long) - len(short)
    )


def _find_near_duplicates(
    pairs: pd.DataFrame, images: np.ndarray, questions: np.ndarray, folded: np.ndarray, passed: np.ndarray
) -> np.ndarray:
    near = np.zeros(len(pairs), dtype=bool)
    rows = np.flatnonzero(passed)
    codes, tagged = distinct_with_tags(questions[rows], pairs.iloc[rows])
    asked = [content_words(folded[question], tag) for question, tag in tagged]
    # Words that are nearly the same begin alike, so only questions whose words do need to be compared.
    starts = np.array(["\0".join(word[:1] for word in words) for words in asked], dtype=object)
    blocks = pd.factorize(starts)[0]
    keys = pd.DataFrame({"image": images[rows], "block": blocks[codes], "asked": codes}, index=rows)
    rivals = _in_order(pairs, keys.index[keys.duplicated(["image", "block"], keep=False)])
    first: dict[tuple[int, int], list[tuple[str, ...]]] = {}
    for row, image, block, code in keys.loc[rivals].itertuples(name=None):
        kept = first.setdefault((image, block), [])
        if any(nearly_same(asked[code], other) for other in kept):
            near[row] = True
        else:
            kept.append(asked[code])
    return near


def _in_order(pairs: pd.DataFrame, rows: pd.Index) -> pd.Index:
    """Return positions of pairs, ordered by the pairs' place and texts."""
    names = ["place", "question", "answer", "difficulty", "question_type", "source", "language"]
    order = [name for name in names if name in pairs.columns]
    return pairs.iloc[rows][order].set_axis(rows).sort_values(order).index


_auxiliaries = frozenset(
    ("is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "can", "could", "will", "would")
    + ("should", "may", "might")
)
_alike = {"which": "what", "has": "have", "colour": "color", "colours": "color", "grey": "gray"}
_relation = re.compile(
    r"\b(?:on|in|into|onto|under|underneath|over|above|below|beneath|behind|beside|between|near|nearer|next|with|without"
    r"|from|to|inside|outside|around|against|front|before|after|than|by|at|for|not|or|and|through|across|along)\b"
)
