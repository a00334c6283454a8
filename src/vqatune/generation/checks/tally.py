"""Counts of kept and dropped pairs, added chunk by chunk, as a catalogue's pairs are never in memory at once."""

from collections import Counter
from collections.abc import Mapping
from math import fsum
from typing import Any

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.checks.checks import CHECKS, DIFFICULTIES
from vqatune.generation.checks.cleaning import fold, map_distinct
from vqatune.generation.checks.question_types import QUESTION_TYPES

SAMPLE_WORDS = 1000
"""The sample size, in words, at which type-token ratios of different runs are compared."""

TOP_ANSWERS = 30
NO_VALUE = "none"
"""The name under which missing difficulties, question types, generators, prompts and product types are counted."""

_by = ("generator", "prompt", "product_type")
_yes_no = frozenset(
    (
        "yes",
        "no",
        "ja",
        "nein",
        "oui",
        "non",
        "si",
        "sí",
        "sì",
        "sim",
        "não",
        "nee",
        "nej",
        "tak",
        "nie",
        "evet",
    )
    + (
        "hayır",
        "はい",
        "いいえ",
        "是",
        "否",
        "예",
        "아니요",
        "हाँ",
        "हां",
        "नहीं",
        "نعم",
        "لا",
        "да",
        "нет",
        "כן",
        "לא",
    )
)


class CheckTally:
    """Counts of pairs and of the checks that dropped them, independent of the order and the chunks of the pairs."""

    def __init__(self) -> None:
        self._checks: dict[tuple[str, str], Counter[str]] = {("all", "all"): Counter()}
        self._types: Counter[str] = Counter()
        self._difficulties: Counter[str] = Counter()
        self._generators: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._question_words: Counter[str] = Counter()
        self._answer_words: Counter[str] = Counter()
        self._questions = _HashedCounts()
        self._images = _HashedCounts()

    def add(self, chunk: pd.DataFrame) -> None:
        """Count a chunk of pairs.

        `chunk` has image_id, question, answer, difficulty, question_type, product_type, generator, optionally prompt,
        and check: the name of the check that dropped a pair, missing for one that was kept. Raises DataError for an
        unknown check.
        """
        unknown = set(chunk["check"].dropna().unique()) - set(CHECKS)
        if unknown:
            raise DataError(
                f"the column check names {', '.join(sorted(unknown))}: the checks are {', '.join(CHECKS)}"
            )
        checks = chunk["check"].astype(object).where(chunk["check"].notna(), "kept")
        self._checks["all", "all"].update(_counts(checks))
        for name in _by:
            if name in chunk.columns:
                counted = checks.groupby(_named(chunk[name]), sort=False).value_counts()
                for (value, check), count in counted.items():
                    self._checks.setdefault((name, value), Counter())[check] += int(count)
        kept = chunk[chunk["check"].isna()]
        # An image counts even if none of its pairs is kept.
        self._images.add(chunk["image_id"], chunk["check"].isna().to_numpy())
        self._types.update(_counts(_named(kept["question_type"])))
        self._difficulties.update(_counts(_named(kept["difficulty"].astype("Int8"))))
        self._generators.update(_counts(_named(kept["generator"])))
        self._answers.update(_counts(map_distinct(str.lower, kept["answer"])))
        questions = map_distinct(fold, kept["question"])
        self._questions.add(questions, np.ones(len(questions), dtype=bool))
        _count_words(questions, self._question_words)
        _count_words(map_distinct(fold, kept["answer"]), self._answer_words)

    def report(self) -> dict[str, Any]:
        """Return the counts for JSON; shares and ratios are from 0 to 1, rounded to 6 places, null where undefined.

        pairs, kept, dropped (by check); then of the kept pairs: question_types and difficulties (missing ones under
        `none`), generators, pairs_per_image (mean, min, max over all images), answers (the 30 most frequent, in lower
        case), distinct_answers, yes_no_share, and type_token_diversity: of questions and of answers the number of
        `words` and of `distinct` ones, their `ratio`, and the ratio `in_1000_words` (see `expected_ratio`); of
        questions also distinct_share, the number of distinct questions over all images, divided by that of questions.
        """
        checks = self._checks["all", "all"]
        pairs, kept = checks.total(), checks["kept"]
        top = sorted(self._answers.items(), key=lambda item: (-item[1], item[0]))[:TOP_ANSWERS]
        yes_no = sum(self._answers[word] for word in _yes_no)
        per_image = self._images.counts()
        return {
            "pairs": pairs,
            "kept": kept,
            "dropped": {name: checks[name] for name in CHECKS},
            "question_types": _in_order(self._types, QUESTION_TYPES),
            "difficulties": _in_order(self._difficulties, DIFFICULTIES),
            "generators": dict(sorted(self._generators.items())),
            "pairs_per_image": {
                "mean": _share(kept, len(per_image)),
                "min": int(per_image.min()) if len(per_image) else None,
                "max": int(per_image.max()) if len(per_image) else None,
            },
            "answers": [
                {"answer": text, "count": count, "share": _share(count, kept)} for text, count in top
            ],
            "distinct_answers": len(self._answers),
            "yes_no_share": _share(yes_no, kept),
            "type_token_diversity": {
                "questions": _diversity(self._question_words)
                | {"distinct_share": _share(len(self._questions.counts()), kept)},
                "answers": _diversity(self._answer_words),
            },
        }

    def rates(self) -> pd.DataFrame:
        """Return the dropped pairs: a row for all pairs, then a row per generator, prompt and product type.

        Columns: by ('all', 'generator', 'prompt' or 'product_type'), value, pairs, dropped, share (dropped of pairs, 0
        to 1), and one for each check: the pairs that it dropped.
        """
        rows = []
        for by in ("all", *_by):
            for value in sorted(value for name, value in self._checks if name == by):
                checks = self._checks[by, value]
                dropped = checks.total() - checks["kept"]
                share = _share(dropped, checks.total())
                rows.append((by, value, checks.total(), dropped, share, *(checks[name] for name in CHECKS)))
        return pd.DataFrame(rows, columns=["by", "value", "pairs", "dropped", "share", *CHECKS])


def expected_ratio(counts: Mapping[str, int], words: int = SAMPLE_WORDS) -> float | None:
    """Return the expected type-token ratio of a random sample of `words` words; None where there are fewer.

    `counts` holds the frequency of each word. The plain ratio falls as a text grows (Templin 1957, Certain Language
    Skills in Children), so Johnson (1944, Studies in Language Behavior) takes the mean of it over segments of one
    length. This is the mean over all samples of that length, which no order of the text changes: of N words, one that
    occurs f times is in a sample of n with probability 1 - C(N - f, n) / C(N, n) (McCarthy and Jarvis 2007, vocd: A
    theoretical and empirical evaluation).
    """
    total = sum(counts.values())
    if total < words:
        return None
    frequencies = sorted(Counter(counts.values()).items())
    left = (1.0 - _chance_of_none(total, often, words) for often, _ in frequencies)
    return fsum(chance * number for chance, (_, number) in zip(left, frequencies, strict=True)) / words


def _chance_of_none(total: int, often: int, words: int) -> float:
    """Return C(total - often, words) / C(total, words)."""
    if total - often < words:
        return 0.0
    return float(np.exp(np.log1p(-often / (total - np.arange(words))).sum()))


class _HashedCounts:
    """Frequencies of texts, kept as hashes of 8 bytes: about 16 bytes per distinct text."""

    def __init__(self) -> None:
        self._hashes = np.empty(0, dtype=np.uint64)
        self._counts = np.empty(0, dtype=np.int64)
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._waiting_rows = 0

    def add(self, texts: pd.Series, counted: np.ndarray) -> None:
        """Count the texts where `counted` (bool) is true; the others are entered with a count of 0."""
        if not len(texts):
            return
        codes, distinct = pd.factorize(texts)
        counts = np.bincount(codes, weights=counted, minlength=len(distinct)).astype(np.int64)
        self._waiting.append((pd.util.hash_array(np.asarray(distinct, dtype=object)), counts))
        self._waiting_rows += len(distinct)
        # Merging only after a quarter of growth keeps the total work linear.
        if self._waiting_rows > len(self._hashes) // 4 + 50_000:
            self._merge()

    def counts(self) -> np.ndarray:
        """Return the count of each distinct text."""
        self._merge()
        return self._counts

    def _merge(self) -> None:
        if not self._waiting:
            return
        hashes, inverse = np.unique(np.concatenate([part for part, _ in self._waiting]), return_inverse=True)
        counts = np.zeros(len(hashes), dtype=np.int64)
        np.add.at(counts, inverse, np.concatenate([part for _, part in self._waiting]))
        self._waiting, self._waiting_rows = [], 0
        # Known hashes are sorted, and new ones are inserted between them, so that little is copied at a time.
        places = np.searchsorted(self._hashes, hashes)
        known = np.zeros(len(hashes), dtype=bool)
        within = places < len(self._hashes)
        known[within] = self._hashes[places[within]] == hashes[within]
        self._counts[places[known]] += counts[known]
        self._hashes = np.insert(self._hashes, places[~known], hashes[~known])
        self._counts = np.insert(self._counts, places[~known], counts[~known])


def _count_words(texts: pd.Series, counter: Counter[str]) -> None:
    for text, count in _counts(texts).items():
        for word in text.split():
            counter[word] += count


def _counts(values: pd.Series) -> dict[str, int]:
    return {value: int(count) for value, count in values.value_counts(sort=False).items()}


def _named(values: pd.Series) -> pd.Series:
    """Return the values as text, NO_VALUE for those that are missing."""
    return values.astype(object).where(values.notna(), NO_VALUE).astype("str")


def _in_order(counts: Mapping[str, int], order: tuple) -> dict[str, int]:
    return {str(name): counts.get(str(name), 0) for name in (*order, NO_VALUE)}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _diversity(words: Counter[str]) -> dict[str, Any]:
    ratio = expected_ratio(words)
    return {
        "words": words.total(),
        "distinct": len(words),
        "ratio": _share(len(words), words.total()),
        f"in_{SAMPLE_WORDS}_words": None if ratio is None else round(ratio, 6),
    }
