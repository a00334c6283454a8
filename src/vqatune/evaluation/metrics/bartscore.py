"""BARTScore: how probable the reference is to a model that has read the prediction.

Yuan et al., "BARTScore: Evaluating Generated Text as Text Generation", NeurIPS 2021.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from vqatune.evaluation.metrics.encoders import (
    LOADING,
    load_from,
    precision_on,
    run_blocks,
    same_shape_blocks,
)
from vqatune.evaluation.metrics.model_sources import Source

LONGEST = 1024
"""Tokens of a text that are read."""


class Bartscore:
    """A sequence-to-sequence model."""

    def __init__(self, source: Source, device: torch.device, precision: torch.dtype | None = None) -> None:
        """Load a model; raises ModelError where it is none.

        precision: what it computes in, by default `precision_on(device)`.
        """
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        self._device = device

        def load(folder: str) -> tuple[torch.nn.Module, Any]:
            model = AutoModelForSeq2SeqLM.from_pretrained(folder, **LOADING)
            return model, AutoTokenizer.from_pretrained(folder, trust_remote_code=False)

        model, self._tokenizer = load_from(source, load)
        self._model = model.to(device, precision or precision_on(device))
        # Not every model has a last position.
        positions = getattr(model.config, "max_position_embeddings", LONGEST)
        self._longest = min(self._tokenizer.model_max_length, positions, LONGEST)

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """Return the mean log-likelihood of each pair's reference given its prediction: (pairs, 1), float64, ≤ 0.

        Texts are in their plain form; the special tokens at both ends are read and scored, so that an empty text is
        one of these alone.
        """
        texts = list(dict.fromkeys(text for pair in pairs for text in pair))
        encoded = self._tokenizer(texts, truncation=True, max_length=self._longest).input_ids
        ids = dict(zip(texts, encoded, strict=True))
        shapes = [(len(ids[prediction]), len(ids[reference])) for prediction, reference in pairs]
        scores = np.zeros((len(pairs), 1))

        def run(block: list[int]) -> np.ndarray:
            sources, targets = zip(*(pairs[place] for place in block), strict=True)
            return self._likelihood([ids[text] for text in sources], [ids[text] for text in targets])

        for block, likelihoods in run_blocks(run, same_shape_blocks(shapes, self._device), self._device):
            scores[block, 0] = likelihoods
        return scores

    def _likelihood(self, sources: list[list[int]], targets: list[list[int]]) -> np.ndarray:
        with torch.inference_mode():
            inputs, labels = (torch.tensor(ids, device=self._device) for ids in (sources, targets))
            logits = self._model(
                input_ids=inputs, attention_mask=torch.ones_like(inputs), labels=labels, use_cache=False
            ).logits.float()
            losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
            return -losses.mean(1).double().cpu().numpy()


@cache
def load_bartscore(source: Source, device: torch.device) -> Bartscore:
    """Return the model of a source, loaded once."""
    return Bartscore(source, device)
