"""Metrics of the words two texts share. Each is (prediction, references) → a score in [0, 1].

The libraries are imported where they are first used: nltk alone takes over a second.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from vqatune.evaluation.metrics.text import (
    all_references,
    best_over_references,
    clean_tokens,
    plain,
    tokens,
)
from vqatune.evaluation.metrics.vqa import vqa_form


@best_over_references
def exact_match(prediction: str, reference: str) -> float:
    """Return 1 where the plain forms are equal, else 0."""
    return float(plain(prediction) == plain(reference))


@all_references
def bleu(prediction: str, references: Sequence[str]) -> float:
    """Return nltk's sentence BLEU-4 of the plain tokens with smoothing method1.

    Papineni et al. 2002, smoothing of Chen & Cherry 2014. A perfect answer of fewer than four words stays under
    1: one word scores 0.1778.
    """
    return float(_nltk_bleu()([tokens(reference) for reference in references], tokens(prediction)))


@all_references
def bleu1(prediction: str, references: Sequence[str]) -> float:
    """Return sacrebleu's sentence BLEU-1 with effective order, the tokens being those of the plain form."""
    score = _sacrebleu().sentence_score(plain(prediction), [plain(reference) for reference in references])
    # sacrebleu goes through a logarithm: a perfect answer comes out a rounding error above 100.
    return min(score.score / 100, 1.0)


@best_over_references
def rouge_l(prediction: str, reference: str) -> float:
    """Return rouge-score's ROUGE-L F1 with Porter's stemmer (Lin 2004).

    The library sees only ASCII letters and digits; a text without any scores 0, even against itself.
    """
    return float(_rouge().score(plain(reference), plain(prediction))["rougeL"].fmeasure)


@best_over_references
def jaccard(prediction: str, reference: str) -> float:
    """Return the share that the two token sets have in common of all their tokens."""
    return _jaccard(set(tokens(prediction)), set(tokens(reference)))


@best_over_references
def dice(prediction: str, reference: str) -> float:
    """Return twice the number of common tokens over the sizes of the two token sets."""
    ours, theirs = set(tokens(prediction)), set(tokens(reference))
    return 2 * len(ours & theirs) / (len(ours) + len(theirs))


@best_over_references
def token_overlap(prediction: str, reference: str) -> float:
    """Return the F1 of the tokens, repeated ones counted (multisets)."""
    return 2 * _shared(prediction, reference) / (len(tokens(prediction)) + len(tokens(reference)))


def precision_complete(prediction: str, references: Sequence[str]) -> float | None:
    """Return 1 where the VQA form equals a reference's, else 0; None for an empty prediction."""
    return _complete(prediction, references) if tokens(prediction) else None


def recall_complete(prediction: str, references: Sequence[str]) -> float | None:
    """Return 1 where the VQA form equals that of a non-empty reference, else 0; None where there is none."""
    references = [reference for reference in references if tokens(reference)]
    return _complete(prediction, references) if references else None


@best_over_references
def precision_partial(prediction: str, reference: str) -> float:
    """Return the share of the prediction's tokens that the reference has (multisets)."""
    return _shared(prediction, reference) / len(tokens(prediction))


@best_over_references
def recall_partial(prediction: str, reference: str) -> float:
    """Return the share of the reference's tokens that the prediction has (multisets)."""
    return _shared(prediction, reference) / len(tokens(reference))


def jaccard_clean(prediction: str, references: Sequence[str]) -> float:
    """Return the Jaccard index of the token sets without tokens that are punctuation alone.

    A side that holds nothing but punctuation counts as empty: two such sides score 1, one scores 0.
    """
    ours = clean_tokens(prediction)
    theirs = map(clean_tokens, references)
    return max(_jaccard(ours, reference) if ours or reference else 1.0 for reference in theirs)


@best_over_references
def _complete(prediction: str, reference: str) -> float:
    return float(vqa_form(prediction) == vqa_form(reference))


def _jaccard(ours: set[str] | frozenset[str], theirs: set[str] | frozenset[str]) -> float:
    return len(ours & theirs) / len(ours | theirs)


def _shared(prediction: str, reference: str) -> int:
    return (Counter(tokens(prediction)) & Counter(tokens(reference))).total()


@cache
def _nltk_bleu() -> Callable[[list[tuple[str, ...]], tuple[str, ...]], float]:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smoothing = SmoothingFunction().method1
    return lambda references, prediction: sentence_bleu(references, prediction, smoothing_function=smoothing)


@cache
def _sacrebleu() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(max_ngram_order=1, effective_order=True, tokenize="none")


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=True)
