"""Text normalization, and the two rules of every metric: on empty texts and on several references."""

import string
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps

PairScore = Callable[[str, Sequence[str]], float | None]
"""A metric of one pair: (prediction, its references) → a score, or None where it is not defined."""

# Answers repeat: a version has far fewer distinct ones than pairs.
_cached = lru_cache(maxsize=1 << 16)


def composed(text: str) -> str:
    """Return the text in Unicode's normalization form C, in which é is one character however it was typed."""
    return unicodedata.normalize("NFC", text)


@_cached
def plain(text: str) -> str:
    """Return the composed text in lower case with single spaces between its words and none around them."""
    return " ".join(tokens(text))


@_cached
def tokens(text: str) -> tuple[str, ...]:
    """Return the words of the plain form."""
    return tuple(composed(text).lower().split())


@_cached
def clean_tokens(text: str) -> frozenset[str]:
    """Return the set of the plain form's words, less those that are punctuation alone."""
    return frozenset(token for token in tokens(text) if not all(map(is_punctuation, token)))


def is_punctuation(character: str) -> bool:
    """Tell whether a character is ASCII punctuation (signs such as + and $ included) or Unicode's category P."""
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def score_of_empty(prediction: str, references: Sequence[str]) -> float | None:
    """Return the score of a pair with an empty side, or None where both sides have a token.

    An empty prediction scores 1 if a reference is empty too and 0 if none is; a prediction that has tokens scores
    0 where every reference is empty.
    """
    if not tokens(prediction):
        return float(not all(map(tokens, references)))
    return None if any(map(tokens, references)) else 0.0


def best_over_references(score: Callable[[str, str], float]) -> PairScore:
    """Make a metric of a score of two texts that both have tokens: the rule on empty sides, then the best."""

    @wraps(score)
    def best(prediction: str, references: Sequence[str]) -> float:
        return max(
            score(prediction, reference)
            if (settled := score_of_empty(prediction, [reference])) is None
            else settled
            for reference in references
        )

    return best


def all_references(score: Callable[[str, Sequence[str]], float]) -> PairScore:
    """Make a metric of a score that takes all references at once: the rule on empty sides comes first."""

    @wraps(score)
    def scored(prediction: str, references: Sequence[str]) -> float:
        settled = score_of_empty(prediction, references)
        return score(prediction, references) if settled is None else settled

    return scored
