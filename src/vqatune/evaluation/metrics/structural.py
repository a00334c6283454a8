"""Metrics of the order of words and characters. Each is (prediction, references) → a score in [0, 1]."""

from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq, Levenshtein

from vqatune.evaluation.metrics.text import best_over_references, plain, tokens


@best_over_references
def lcs_ratio(prediction: str, reference: str) -> float:
    """Return the length of the longest common subsequence of tokens over the number of the reference's tokens."""
    return LCSseq.similarity(tokens(prediction), tokens(reference)) / len(tokens(reference))


@best_over_references
def fuzzy(prediction: str, reference: str) -> float:
    """Return rapidfuzz's `fuzz.ratio` (normalised insertions and deletions) of the plain forms, over 100."""
    return fuzz.ratio(plain(prediction), plain(reference)) / 100


@best_over_references
def anls(prediction: str, reference: str) -> float:
    """Return rapidfuzz's normalised Levenshtein similarity of the plain forms where it is at least 0.5, else 0.

    ANLS of Biten et al., "Scene Text Visual Question Answering", ICCV 2019: 1 − distance / length of the longer text.
    The paper gives exactly 0.5 no score; here it counts, as in the evaluations that are in common use.
    """
    similarity = Levenshtein.normalized_similarity(plain(prediction), plain(reference))
    return similarity if similarity >= 0.5 else 0.0


@best_over_references
def lcs_over_longer(prediction: str, reference: str) -> float:
    """Return the length of the longest common subsequence of tokens over that of the longer side."""
    ours, theirs = tokens(prediction), tokens(reference)
    return LCSseq.similarity(ours, theirs) / max(len(ours), len(theirs))
