"""Duplicate and near-duplicate questions about the same image."""

import re
from collections import defaultdict
from functools import lru_cache

import numpy as np
import pandas as pd
from rapidfuzz import process
from rapidfuzz.distance import Indel
from rapidfuzz.fuzz import ratio

from vqatune.generation.checks.language import LANGUAGES, distinct_with_tags, language_of

LONG = 6
"""Letters up to which an added one makes another word."""
SIMILARITY = 85.0
"""The least similarity of two words that are nearly the same, of 100 (rapidfuzz's ratio)."""


def find_duplicates(
    pairs: pd.DataFrame, questions: np.ndarray, folded: np.ndarray, passed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return two masks: pairs whose question is a duplicate, and a near-duplicate, of an earlier pair of their image.

    `pairs` has image_id and the columns that decide which pair comes first: place, then the texts, never the order of
    rows. `questions` holds each pair's code, `folded` the folded question of each code. Only pairs in `passed` (bool)
    count, so that a pair which another check drops never replaces a good one. Both masks are bool, a value per pair.
    """
    images = pd.factorize(pairs["image_id"])[0]
    same = np.zeros(len(pairs), dtype=bool)
    keys = pd.DataFrame({"image": images, "question": questions})[passed]
    rivals = _in_order(pairs, keys.index[keys.duplicated(keep=False)])
    later = keys.loc[rivals].duplicated()
    same[later.index[later]] = True
    return same, _find_near_duplicates(pairs, images, questions, folded, passed & ~same)


def content_words(folded: str, tag: str | None) -> tuple[str, ...]:
    """Return the content words of a folded question, in an order that is the same for equivalent questions.

    Question words stay, and so does the mark of yes-or-no questions. Words are sorted where their order carries no
    meaning ('the lamp's color', 'the color of the lamp'): in English only, not in yes-or-no questions, and not where a
    word relates two things ('on'). Without a language (`tag`, such as 'en_US') a question counts as English; in a
    language without a word list, every word counts.
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
    # In a single word, only the ending tells 'Pattern?' from 'Patterned?'.
    return one == other or (
        len(one) == len(other) and len(one) > 1 and all(map(_nearly_same_word, one, other))
    )


@lru_cache(maxsize=1 << 16)
def _nearly_same_word(one: str, other: str) -> bool:
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    # A substituted letter makes another word (printed, pointed); so does an added one in a short word (table, tablet),
    # unless it makes a plural.
    return (
        short[:1] == long[:1] < "\u0530"
        and short.isalpha()
        and long.isalpha()
        and (len(short) > LONG or long == short + "s")
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
    # Words that are nearly the same share their first letter, so only such questions are compared.
    starts = np.array(["\0".join(word[:1] for word in words) for words in asked], dtype=object)
    blocks = pd.factorize(starts)[0]
    keys = pd.DataFrame({"image": images[rows], "block": blocks[codes], "asked": codes}, index=rows)
    rivals = _in_order(pairs, keys.index[keys.duplicated(["image", "block"], keep=False)])
    first: dict[tuple[int, int], _Questions] = defaultdict(_Questions)
    for row, image, block, code in keys.loc[rivals].itertuples(name=None):
        kept = first[image, block]
        if kept.has_nearly(asked[code]):
            near[row] = True
        else:
            kept.add(asked[code])
    return near


class _Questions:
    """Questions of as many words as each other, and whether one of them is nearly the same as another.

    They are a tree of words, so that a question is compared with words at its places instead of with every question.
    """

    def __init__(self) -> None:
        self._tree: dict[str, dict] = {}
        self._words: list[_Words] = []

    def add(self, question: tuple[str, ...]) -> None:
        branch = self._tree
        self._words += [_Words() for _ in question[len(self._words) :]]
        for words, word in zip(self._words, question, strict=True):
            words.add(word)
            branch = branch.setdefault(word, {})

    def has_nearly(self, question: tuple[str, ...]) -> bool:
        """Return whether one of them is `nearly_same` as a question of as many words."""
        branches = [self._tree]
        for words, word in zip(self._words, question, strict=True) if self._words else ():
            # In a single word, only the ending tells 'Pattern?' from 'Patterned?'.
            near = words.near(word) if len(question) > 1 else [word]
            branches = [branch[other] for branch in branches for other in near if other in branch]
        return bool(self._words) and bool(branches)


class _Words:
    """Distinct words, and those of them that are nearly the same as a word."""

    def __init__(self) -> None:
        self._all: set[str] = set()
        self._long: list[str] = []

    def add(self, word: str) -> None:
        if len(word) > LONG and word not in self._all:
            self._long.append(word)
        self._all.add(word)

    def near(self, word: str) -> set[str]:
        # A short word is nearly the same as its plural alone.
        near = self._all & {word, f"{word}s", word.removesuffix("s")}
        if len(word) > LONG:
            similar = process.extract(word, self._long, scorer=ratio, score_cutoff=SIMILARITY, limit=None)
            near.update(found[0] for found in similar)
        return {other for other in near if _nearly_same_word(word, other)}


def _in_order(pairs: pd.DataFrame, rows: pd.Index) -> pd.Index:
    """Return the positions of pairs, sorted by place and texts."""
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
