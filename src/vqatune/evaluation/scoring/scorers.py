"""Scorers of distinct pairs, one for each group of metrics: functions of texts, or a model.

A model is loaded when it has a pair to score, and not before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.metrics.bertscore import bertscore
from vqatune.evaluation.metrics.model_sources import Source, find_model, scoring_device
from vqatune.evaluation.metrics.sbert import sbert_cosine
from vqatune.evaluation.metrics.text import PairScore, plain
from vqatune.evaluation.scoring.embeddings import Embeddings, Encode
from vqatune.evaluation.scoring.store import Pair, Store
from vqatune.params import ComputeParams, EvalParams
from vqatune.runtime.arithmetic import arithmetic_in_use
from vqatune.runtime.code import digest_code
from vqatune.runtime.fingerprints import make_key

if TYPE_CHECKING:
    import torch

Singles = Callable[[Sequence[tuple[str, str]]], np.ndarray]
"""Scores pairs of two texts: (pairs, metrics)."""

_TEXT_LIBRARIES = ("nltk", "rapidfuzz", "rouge_score", "sacrebleu")
_MODEL_LIBRARIES = ("bert-score", "numpy", "sentence-transformers", "tokenizers", "torch", "transformers")


@dataclass(frozen=True)
class Scorer:
    """Scores a group's metrics."""

    name: str
    metrics: tuple[str, ...]
    key: str
    """A digest of everything that a pair's scores depend on beside its texts."""
    chunk: int
    """How many pairs are scored, and stored, at a time."""
    score: Callable[[Sequence[Pair]], np.ndarray]
    """Returns float64 of shape (pairs, metrics), NaN where undefined."""


@dataclass(frozen=True)
class Absent:
    """A group whose metrics cannot be computed, and why."""

    metrics: tuple[str, ...]
    reason: str


def make_scorer(
    group: str, params: EvalParams, compute: ComputeParams | None, store: Path | None = None
) -> Scorer | Absent:
    """Return the scorer of a group of metrics (`metrics.table.Group`).

    Args:
        group: its name.
        params: the models.
        compute: what models that are not embedded run on; None for a GPU where there is one.
        store: a folder for the embeddings of texts.

    Raises:
        ModelError: a model cannot be had.
        ParameterError: the device cannot be used.
    """
    metrics = tuple(name for name, metric in METRICS.items() if metric.group == group)
    if group == "text":
        return _by_functions(group, metrics, None)
    if group == "wordnet":
        # Imported here because it is also a command: `python -m` warns of a module that is imported already.
        from vqatune.evaluation.metrics import wordnet

        if not wordnet.installed():
            return Absent(metrics, str(wordnet.unusable()))
        return _by_functions(group, metrics, wordnet.name())
    if getattr(params, group).model is None:
        return Absent(metrics, f"no model is configured: set eval.{group}.model")
    return _by_model(group, metrics, params, compute, store)


def _by_functions(group: str, metrics: tuple[str, ...], data: str | None) -> Scorer:
    code = digest_code("vqatune.evaluation.metrics", libraries=_TEXT_LIBRARIES)
    key = make_key(metrics=metrics, code=code, data=data)[:16]
    return Scorer(group, metrics, key, 16_384, partial(_score_texts, metrics))


def _score_texts(metrics: tuple[str, ...], pairs: Sequence[Pair]) -> np.ndarray:
    functions = [_pair_score(name) for name in metrics]
    # None becomes NaN.
    return np.array([[function(*pair) for function in functions] for pair in pairs], dtype=np.float64)


def _pair_score(metric: str) -> PairScore:
    function = METRICS[metric].pair
    if function is None:
        raise ValueError(f"{metric} has no function of texts")
    return function


def _by_model(
    group: str,
    metrics: tuple[str, ...],
    params: EvalParams,
    compute: ComputeParams | None,
    store: Path | None,
) -> Scorer:
    chosen = getattr(params, group)
    source, device = find_model(chosen.model, chosen.revision), scoring_device(chosen.model, compute)
    layer = params.bertscore.layer if group == "bertscore" else None
    modules = [f"vqatune.evaluation.metrics.{name}" for name in (group, "encoders", "text")]
    modules += ["vqatune.evaluation.scoring.embeddings"]
    key = make_key(
        metrics=metrics,
        model=source.name,
        layer=layer,
        device=_make_of(device),
        arithmetic=arithmetic_in_use() if device == "cpu" else None,
        code=digest_code(*modules, libraries=_MODEL_LIBRARIES),
    )[:16]
    threads = compute.threads if compute else None
    if group == "bartscore":
        # Its model scores the empty text, too. On a CPU it is so slow that it is stored in small chunks.
        chunk = 2048 if device == "cpu" else 32_768

        def likelihood(pairs: Sequence[tuple[str, str]]) -> np.ndarray:
            return _load_bartscore(source, device, threads)(pairs)

        return Scorer(group, metrics, key, chunk, partial(_score_plain, likelihood, None))
    load = partial(_load_encoder, source, layer, device, threads)
    states = Embeddings(load, None if store is None else Store(store, f"{group}-texts", key))
    compare = {"bertscore": bertscore, "sbert": sbert_cosine}[group]

    def score(pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        return compare(pairs, states.of(text for pair in pairs for text in pair))

    return Scorer(group, metrics, key, 32_768, partial(_score_plain, score, np.zeros(len(metrics))))


def _make_of(device: str) -> str:
    if device == "cpu":
        return device
    import torch

    from vqatune.models.device import device_name

    return device_name(torch.device(device))


@cache
def _load_encoder(source: Source, layer: int | None, name: str, threads: int | None) -> Encode:
    """Return the function of a model that encodes texts, loaded once.

    layer: the layer of BERTScore's model; None for a model of sentence embeddings.
    """
    from vqatune.evaluation.metrics.encoders import SentenceEncoder, TokenEncoder

    device = _prepare(name, threads)
    if layer is None:
        return SentenceEncoder(source, device).encode
    return TokenEncoder(source, layer, device).encode


@cache
def _load_bartscore(source: Source, name: str, threads: int | None) -> Singles:
    """Return the function of BARTScore's model, loaded once."""
    from vqatune.evaluation.metrics.bartscore import Bartscore

    return Bartscore(source, _prepare(name, threads)).score


def _prepare(name: str, threads: int | None) -> "torch.device":
    """Set torch's number of threads, where it is given, and return the device of this name."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    return torch.device(name)


def _score_plain(score: Singles, of_empty: np.ndarray | None, pairs: Sequence[Pair]) -> np.ndarray:
    """Score plain forms against every reference and return the best of each metric.

    of_empty: the scores of a pair with an empty side; None where such a pair is scored like any other.
    """
    singles = [
        [(plain(prediction), plain(reference)) for reference in references]
        for prediction, references in pairs
    ]
    distinct = list(dict.fromkeys(single for row in singles for single in row))
    to_score = distinct if of_empty is None else [single for single in distinct if all(single)]
    known = {} if of_empty is None else dict.fromkeys(distinct, of_empty)
    if to_score:
        known |= zip(to_score, score(to_score), strict=True)
    return np.array([np.max([known[single] for single in row], axis=0) for row in singles])
