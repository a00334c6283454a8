"""Questions that offer their answers: "Is it open or closed?", "Is the bag red, blue or green?"."""

import re
from functools import cache
from itertools import pairwise

_OR = {
    "da": "eller",
    "de": "oder",
    "en": "or",
    "es": "o|u",
    "fr": "ou",
    "it": "o|oppure",
    "nl": "of",
    "no": "eller",
    "pl": "lub|czy",
    "pt": "ou",
    "sv": "eller",
}
"""The words before the last alternative, by language."""
_ARTICLES = frozenset(
    (
        "a",
        "an",
        "the",
        "ein",
        "eine",
        "einen",
        "der",
        "die",
        "das",
        "un",
        "une",
        "le",
        "la",
        "les",
        "el",
        "los",
        "las",
    )
    + ("il", "lo", "una", "uno", "um", "uma", "een", "de", "het")
)
_LIST = re.compile(r"\s*,\s*")
_WORDS = re.compile(r"\w+")
_LONGEST = 4
"""The most words of an alternative."""
_MOST_BEHIND = 2
"""The most words behind the last alternative, as in "Is it the red or the blue one?"."""


def offers(question: str, answer: str, language: str | None = None) -> bool:
    """Return whether a question offers an answer as one of its alternatives.

    Both are cleaned texts; case and punctuation make no difference. `language` is a tag such as en_US; None for English.
    """
    wanted = _words(answer)
    if not 0 < len(wanted) <= _LONGEST:
        return False
    parts = _divided((language or "en")[:2].lower()).split(question)
    for before, after in pairwise(parts):
        listed = map(_words, _LIST.split(before))
        if any(words[-len(wanted) :] == wanted for words in listed) or _begins_with(_words(after), wanted):
            return True
    return False


@cache
def _divided(language: str) -> re.Pattern[str]:
    return re.compile(rf"\s+(?:{_OR.get(language, 'or')})\s+", re.IGNORECASE)


def _begins_with(words: list[str], wanted: list[str]) -> bool:
    while words and words[0] in _ARTICLES and words[: len(wanted)] != wanted:
        words = words[1:]
    return words[: len(wanted)] == wanted and len(words) <= len(wanted) + _MOST_BEHIND


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.casefold())
