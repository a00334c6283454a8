"""BERTScore: how well the tokens of two texts match in a language model's states.

Zhang et al., "BERTScore: Evaluating Text Generation with BERT", ICLR 2020; model, layer and tokens as bert-score has
them, without idf weights and rescaling. Its own loop encodes a text again for every pair and is not used.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

_PAIRS_AT_ONCE = 2048


def bertscore(pairs: Sequence[tuple[str, str]], states: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return precision, recall and F1 of (prediction, reference) pairs: (pairs, 3), float64 in [0, 1].

    states: of every text, those of its tokens (`encoders.TokenEncoder`). A text without a token that counts scores 0.
    """
    scores = np.zeros((len(pairs), 3))
    by_shape: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, (prediction, reference) in enumerate(pairs):
        ours, theirs = states[prediction], states[reference]
        if ours[:, -1].any() and theirs[:, -1].any():
            by_shape[len(ours), len(theirs)].append(place)
    for places in by_shape.values():
        for start in range(0, len(places), _PAIRS_AT_ONCE):
            some = places[start : start + _PAIRS_AT_ONCE]
            ours = np.stack([states[pairs[place][0]] for place in some])
            theirs = np.stack([states[pairs[place][1]] for place in some])
            # One small product a pair, whatever the number of pairs.
            matches = ours[..., :-1] @ theirs[..., :-1].transpose(0, 2, 1)
            precision, recall = (
                _mean(matches.max(2), ours[..., -1]),
                _mean(matches.max(1), theirs[..., -1]),
            )
            scores[some] = np.stack([precision, recall, _f1(precision, recall)], 1)
    return scores


def _mean(best: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return the mean best match of the counted tokens; (pairs, tokens) each, a similarity below 0 being 0."""
    best = np.clip(best.astype(np.float64), 0.0, 1.0)
    return (best * counted).sum(1) / counted.sum(1)


def _f1(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    total = precision + recall
    return np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
