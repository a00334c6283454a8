"""METEOR: words that match as they are, by stem or as synonyms, and the order they come in.

Lavie & Agarwal, "METEOR: An automatic metric for MT evaluation with high levels of correlation with human
judgments", 2007, as NLTK computes it. Stems and synonyms are cached here; two texts without a word that
could match score 0 without a call of NLTK.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from vqatune.evaluation.metrics.text import best_over_references, tokens
from vqatune.evaluation.metrics.wups import READING, wordnet


@best_over_references
def meteor(prediction: str, reference: str) -> float:
    """Return NLTK's single_meteor_score of the plain tokens; a perfect one-word answer scores 0.5.

    NLTK takes the words that it looks up in WordNet stemmed. Raises DataError where WordNet is not installed.
    """
    wanted = _stems(reference)
    if _matching(prediction).isdisjoint(wanted):
        return 0.0
    score = _nltk_meteor()
    return score(tokens(reference), tokens(prediction), stemmer=_Stemmer, wordnet=_WordNet(wanted))


@lru_cache(maxsize=1 << 15)
def _stems(text: str) -> frozenset[str]:
    return frozenset(map(_stem, tokens(text)))


@lru_cache(maxsize=1 << 15)
def _matching(text: str) -> frozenset[str]:
    """Return every stem that a word of the text matches in any of METEOR's stages."""
    stems = _stems(text)
    return stems.union(*map(_synonyms, stems))


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    return _porter().stem(word)


@lru_cache(maxsize=1 << 16)
def _synonyms(stem: str) -> frozenset[str]:
    """Return the single words that share a synset with a stem."""
    with READING:
        names = {name for synset in wordnet().synsets(stem) for name in synset.lemma_names()}
    return frozenset(name for name in names if "_" not in name)


class _Stemmer:
    """NLTK's stemmer, each word once."""

    stem = staticmethod(_stem)


@dataclass(frozen=True, slots=True)
class _WordNet:
    """As much of a WordNet reader as NLTK's METEOR uses, less the synonyms that are not wanted."""

    wanted: frozenset[str]

    def synsets(self, word: str) -> list["_Synset"]:
        return [_Synset(_synonyms(word) & self.wanted)]


@dataclass(frozen=True, slots=True)
class _Synset:
    names: frozenset[str]

    def lemmas(self) -> list["_Lemma"]:
        return [_Lemma(name) for name in self.names]


@dataclass(frozen=True, slots=True)
class _Lemma:
    text: str

    def name(self) -> str:
        return self.text


@cache
def _porter() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


@cache
def _nltk_meteor() -> Callable[..., float]:
    from nltk.translate.meteor_score import single_meteor_score

    return single_meteor_score
