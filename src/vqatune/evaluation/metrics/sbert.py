"""The cosine of two texts' sentence embeddings.

Reimers & Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", EMNLP 2019.
"""

from collections.abc import Mapping, Sequence

import numpy as np


def sbert_cosine(pairs: Sequence[tuple[str, str]], embeddings: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the cosine of (prediction, reference) pairs: (pairs, 1), float64 in [-1, 1].

    embeddings: of every text, one row (`encoders.SentenceEncoder`).
    """
    place = {text: number for number, text in enumerate(embeddings)}
    units = np.concatenate(list(embeddings.values())).astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    ours = units[[place[prediction] for prediction, _ in pairs]]
    theirs = units[[place[reference] for _, reference in pairs]]
    return np.clip((ours * theirs).sum(1, keepdims=True), -1.0, 1.0)
