"""Writes the golden files that a library makes: pairs and the score that each metric must give them.

Each value is the library's own call on text forms written out here anew. The other files in golden/ (those with
"by_hand") were worked out from the definition that stands in them. Run this when a definition changes.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"

PAIRS = [
    ("red", ["red"]),
    ("Red ", ["  red"]),
    ("red", ["blue"]),
    ("None", ["none"]),
    ("NA", ["na"]),
    ("None", ["NA"]),
    ("chairs", ["chair"]),
    ("wood", ["wooden"]),
    ("dark wooden chair", ["wooden chair"]),
    ("wooden chair", ["dark wooden chair"]),
    ("chair wooden dark", ["dark wooden chair"]),
    ("a very big red leather sofa", ["a big red leather sofa"]),
    ("red red red sofa", ["red sofa sofa"]),
    ("the sofa stands on the floor", ["the sofa stands on the floor"]),
    ("off-white", ["off white"]),
    ("stainless steel", ["stainless-steel"]),
    ("10,000", ["10000"]),
    ("2.5 cm", ["2.5"]),
    ("crème brûlée", ["creme brulee"]),
    ("ΣΟΦΑΣ", ["σοφας"]),
    ("red , blue", ["red blue"]),
    ("running shoe", ["run shoes"]),
    ("a\tb\nc", ["a b c"]),
    ("red", ["blue", "red"]),
    ("red sofa", ["red", "sofa", "a red sofa"]),
    ("leather sofa", ["dark leather", "leather couch sofa", "sofa"]),
    ("one two three four five", ["one two three", "two three four five six"]),
    ("blue and white stripes", ["white and blue stripes", "blue stripes", "blue and white"]),
]


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


@dataclass(frozen=True)
class Reference:
    """The library that defines a metric, its call in words, and the call."""

    library: str
    call: str
    score: Callable[[str, list[str]], float]


_ROUGE_1 = (
    "RougeScorer(['rouge1'], tokenizer=str.split).score(reference, prediction)['rouge1'].{}, best reference"
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
}

TOKENS = """
    red wooden chair sofa two five plastic cotton running run yes no none leather white dark square off-white of
    quickly chairs was can better tallest
"""
TAGS = {
    "CD": "number",
    "JJ": "adjective",
    "JJR": "adjective",
    "JJS": "adjective",
    "NN": "noun",
    "NNS": "noun",
    "MD": "verb",
    "VB": "verb",
    "VBD": "verb",
    "VBG": "verb",
    "VBN": "verb",
}


def build() -> dict[str, dict]:
    """Return file stem → content of every golden file that a library makes."""
    from textblob.en import lexicon

    files = {}
    for name, reference in LIBRARIES.items():
        files[name] = {
            "library": reference.library,
            "library_version": version(reference.library),
            "call": f"{reference.call}; on plain forms",
            "pairs": [
                {
                    "prediction": prediction,
                    "references": texts,
                    "value": float(reference.score(prediction, texts)),
                }
                for prediction, texts in PAIRS
            ],
        }
    files["parts_of_speech"] = {
        "library": "textblob",
        "library_version": version("textblob"),
        "call": "textblob.en.lexicon[token], by the classes of the Penn Treebank's tags",
        "tokens": {token: TAGS.get(lexicon[token], "other") for token in TOKENS.split()},
    }
    return files


def _text(content: dict) -> str:
    """Return JSON with a row a line."""
    entries = []
    for key, value in content.items():
        rows = [json.dumps(row, ensure_ascii=False) for row in value] if isinstance(value, list) else []
        written = "[\n  " + ",\n  ".join(rows) + "\n ]" if rows else json.dumps(value, ensure_ascii=False)
        entries.append(f" {json.dumps(key)}: {written}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for stem, content in build().items():
        (GOLDEN / f"{stem}.json").write_text(_text(content), encoding="utf-8")
