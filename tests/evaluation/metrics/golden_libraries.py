"""The libraries' own calls for the metrics of texts alone and of WordNet, on text forms written out here anew."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import prod

from golden_pairs import METEOR_PAIRS, WUPS_PAIRS


def _words(text: str) -> list[str]:
    return text.lower().split()


def _plain(text: str) -> str:
    return " ".join(_words(text))


class _Whitespace:
    def tokenize(self, text: str) -> list[str]:
        return text.split()


def _bleu(prediction: str, references: list[str]) -> float:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smoothing = SmoothingFunction().method1
    return sentence_bleu(list(map(_words, references)), _words(prediction), smoothing_function=smoothing)


def _bleu1(prediction: str, references: list[str]) -> float:
    from sacrebleu.metrics import BLEU

    metric = BLEU(max_ngram_order=1, effective_order=True, tokenize="none")
    return metric.sentence_score(_plain(prediction), list(map(_plain, references))).score / 100


def _rouge_l(prediction: str, references: list[str]) -> float:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return scorer.score_multi(list(map(_plain, references)), _plain(prediction))["rougeL"].fmeasure


def _rouge_1(prediction: str, references: list[str], field: str) -> float:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1"], tokenizer=_Whitespace())
    scores = [scorer.score(_plain(reference), _plain(prediction))["rouge1"] for reference in references]
    return max(getattr(score, field) for score in scores)


def _jaccard(prediction: str, references: list[str]) -> float:
    from nltk.metrics.distance import jaccard_distance

    return max(1 - jaccard_distance(set(_words(prediction)), set(_words(text))) for text in references)


def _dice(prediction: str, references: list[str]) -> float:
    from nltk.metrics.scores import f_measure

    return max(f_measure(set(_words(text)), set(_words(prediction)), alpha=0.5) for text in references)


def _lcs_ratio(prediction: str, references: list[str]) -> float:
    from rapidfuzz.distance import LCSseq

    return max(LCSseq.similarity(_words(prediction), _words(text)) / len(_words(text)) for text in references)


def _fuzzy(prediction: str, references: list[str]) -> float:
    from rapidfuzz import fuzz

    return max(fuzz.ratio(_plain(prediction), _plain(text)) / 100 for text in references)


def _anls(prediction: str, references: list[str]) -> float:
    from rapidfuzz.distance import Levenshtein

    found = max(Levenshtein.normalized_similarity(_plain(prediction), _plain(text)) for text in references)
    return found if found >= 0.5 else 0.0


def _meteor(prediction: str, references: list[str]) -> float:
    from nltk.translate.meteor_score import meteor_score

    return meteor_score(list(map(_words, references)), _words(prediction))


def _items(text: str) -> set[str]:
    return {item.strip().replace(" ", "_") for item in _plain(text).split(",")} - {""}


def _similarity(item: str, other: str) -> float:
    from nltk.corpus import wordnet

    if item == other:
        return 1.0
    pairs = product(wordnet.synsets(item, pos=wordnet.NOUN), wordnet.synsets(other, pos=wordnet.NOUN))
    return max((ours.wup_similarity(theirs) for ours, theirs in pairs), default=0.0)


def _wups(prediction: str, references: list[str], threshold: float) -> float:
    def measure(item: str, other: str) -> float:
        found = _similarity(item, other)
        return 0.1 * found if found < threshold else found

    def covered(items: set[str], others: set[str]) -> float:
        return prod(max(measure(item, other) for other in others) for item in items)

    def score(ours: set[str], theirs: set[str]) -> float:
        if not (ours and theirs):
            return float(ours == theirs)
        return min(covered(ours, theirs), covered(theirs, ours))

    return max(score(_items(prediction), _items(text)) for text in references)


@dataclass(frozen=True)
class Reference:
    """The library that defines a metric, its call in words, the call, and pairs for this metric alone."""

    library: str
    call: str
    score: Callable[[str, list[str]], float]
    pairs: tuple[tuple[str, list[str]], ...] = ()
    wordnet: bool = False


_ROUGE_1 = (
    "RougeScorer(['rouge1'], tokenizer=str.split).score(reference, prediction)['rouge1'].{}, best reference"
)

_WUPS = (
    "min(prod(max(m(p, r) for r in R) for p in P), prod(max(m(r, p) for p in P) for r in R)) of the sets P and R "
    "of what stands between commas, spaces as _; m(a, b) = 1 if a == b else max(x.wup_similarity(y) for x in "
    "synsets(a, NOUN) for y in synsets(b, NOUN)), times 0.1 below {}; best reference; WordNet 3.0"
)

LIBRARIES = {
    "bleu": Reference(
        "nltk",
        "sentence_bleu([r.split() for r in references], prediction.split(), "
        "smoothing_function=SmoothingFunction().method1)",
        _bleu,
    ),
    "bleu1": Reference(
        "sacrebleu",
        "BLEU(max_ngram_order=1, effective_order=True, tokenize='none').sentence_score(prediction, references)"
        ".score / 100",
        _bleu1,
    ),
    "rouge_l": Reference(
        "rouge-score",
        "RougeScorer(['rougeL'], use_stemmer=True).score_multi(references, prediction)['rougeL'].fmeasure",
        _rouge_l,
    ),
    "jaccard": Reference(
        "nltk", "1 - jaccard_distance(set(prediction), set(reference)), best reference", _jaccard
    ),
    "dice": Reference("nltk", "f_measure(set(reference), set(prediction), alpha=0.5), best reference", _dice),
    "token_overlap": Reference(
        "rouge-score", _ROUGE_1.format("fmeasure"), lambda ours, theirs: _rouge_1(ours, theirs, "fmeasure")
    ),
    "precision_partial": Reference(
        "rouge-score", _ROUGE_1.format("precision"), lambda ours, theirs: _rouge_1(ours, theirs, "precision")
    ),
    "recall_partial": Reference(
        "rouge-score", _ROUGE_1.format("recall"), lambda ours, theirs: _rouge_1(ours, theirs, "recall")
    ),
    "lcs_ratio": Reference(
        "rapidfuzz",
        "LCSseq.similarity(prediction.split(), reference.split()) / len(reference.split()), best reference",
        _lcs_ratio,
    ),
    "fuzzy": Reference("rapidfuzz", "fuzz.ratio(prediction, reference) / 100, best reference", _fuzzy),
    "anls": Reference(
        "rapidfuzz",
        "Levenshtein.normalized_similarity(prediction, reference), best reference, 0 where it is below 0.5",
        _anls,
        (("ab", ["ac"]), ("abc", ["axy"]), ("tomato", ["potato"]), ("17:45", ["1745", "17.45"])),
    ),
    "meteor": Reference(
        "nltk",
        "meteor_score([r.split() for r in references], prediction.split()), WordNet 3.0",
        _meteor,
        tuple(METEOR_PAIRS),
        wordnet=True,
    ),
    "wups_00": Reference(
        "nltk",
        _WUPS.format("0"),
        lambda ours, theirs: _wups(ours, theirs, 0.0),
        tuple(WUPS_PAIRS),
        wordnet=True,
    ),
    "wups_09": Reference(
        "nltk",
        _WUPS.format("0.9"),
        lambda ours, theirs: _wups(ours, theirs, 0.9),
        tuple(WUPS_PAIRS),
        wordnet=True,
    ),
}
