"""Models that read texts for the metrics: loaded, and run on blocks of texts of one shape.

A text's states differ in the last digits with the shape of the batch that it is in, and with the number of threads that
share a product. So texts of one length go through a model together, unpadded, always as many of them, a multiple of four,
and on a CPU by one thread: a score then depends on its texts alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError

from vqatune.errors import ModelError
from vqatune.evaluation.metrics.model_sources import Source

_Result = TypeVar("_Result")
_Model = TypeVar("_Model", bound=torch.nn.Module)
LONGEST = 512
"""Tokens of a text that BERTScore reads."""
LOADING: dict[str, Any] = {"trust_remote_code": False, "use_safetensors": True}
"""How transformers loads a scoring model."""
_TEXTS_AT_ONCE = 1024
_TOKENS = {"cpu": 128, "cuda": 1024}
_ROWS = 4
"""With portable arithmetic the rows of a product are computed by fours, and a rest of them with other last digits."""


def load_from(source: Source, load: Callable[[str], tuple[_Model, Any]]) -> tuple[_Model, Any]:
    """Return `load(folder)`, a model that is ready for use and its tokenizer.

    Raises ModelError where what lies there is no such model.
    """
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    from vqatune.evaluation.metrics.encoder_files import check_encoder_files

    try:
        check_encoder_files(source.folder)
        model, tokenizer = load(str(source.folder))
        # transformers makes an empty tokenizer where there is none, and every text would be the same to it.
        if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
            raise ValueError("its tokenizer is missing")
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"the scoring model in {source.folder} cannot be loaded ({reason}): name another, or fetch it again"
        ) from error
    return model.requires_grad_(False).eval(), tokenizer


def precision_on(device: torch.device) -> torch.dtype:
    """Return a scoring model's precision: bfloat16 on a GPU, float32 on a CPU."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def same_shape_blocks(lengths: Sequence[tuple[int, ...]], device: torch.device) -> Iterator[list[int]]:
    """Yield the places of items of one shape, together a number that depends on the shape alone.

    lengths: of every item, the lengths of its texts in tokens. The last block of a shape is filled up with its first
    item, whose result is then computed more than once.
    """
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for place, shape in enumerate(lengths):
        by_shape.setdefault(shape, []).append(place)
    tokens = _TOKENS.get(device.type, _TOKENS["cpu"])
    for shape, places in sorted(by_shape.items()):
        size = max(_ROWS, tokens // sum(shape) // _ROWS * _ROWS)
        for start in range(0, len(places), size):
            block = places[start : start + size]
            yield block + block[:1] * (size - len(block))


def run_blocks(
    run: Callable[[list[int]], _Result], blocks: Iterable[list[int]], device: torch.device
) -> Iterator[tuple[list[int], _Result]]:
    """Yield each block with the result of `run`: on a CPU, as many blocks at a time as torch has threads."""
    if device.type != "cpu":
        yield from ((block, run(block)) for block in blocks)
        return
    blocks, threads = list(blocks), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            yield from zip(blocks, pool.map(run, blocks), strict=True)
    finally:
        torch.set_num_threads(threads)


def encode_in_blocks(
    encode: Callable[[list[list[int]]], np.ndarray], ids: Sequence[list[int]], device: torch.device
) -> list[np.ndarray]:
    """Return each text's row of `encode`, which takes the token ids of texts of one length, (texts, tokens)."""
    encoded: dict[int, np.ndarray] = {}
    blocks = same_shape_blocks([(len(tokens),) for tokens in ids], device)
    for block, states in run_blocks(lambda block: encode([ids[place] for place in block]), blocks, device):
        for place, state in zip(block, states, strict=True):
            # A copy, so that a block is not kept for one of its rows.
            encoded[place] = state.copy()
    return [encoded[place] for place in range(len(ids))]


class TokenEncoder:
    """BERTScore's model: the states of a text's tokens in one of its layers."""

    def __init__(
        self, source: Source, layer: int, device: torch.device, precision: torch.dtype | None = None
    ) -> None:
        """Load the first `layer` layers of a model; raises ModelError where it is none or has fewer.

        precision: what it computes in, by default `precision_on(device)`.
        """
        self._device = device
        model, self._tokenizer = load_from(source, lambda folder: _first_layers(folder, layer))
        self._model = model.to(device, precision or precision_on(device))
        self._tokenizer.model_max_length = min(self._tokenizer.model_max_length, LONGEST)
        self._ends = [self._tokenizer.cls_token_id, self._tokenizer.sep_token_id]

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return the states of every text's tokens, of length 1: float32 (tokens, width + 1).

        The last column is 1 where a token counts and 0 for those that mark the ends, which are there to be matched.
        """
        from bert_score.utils import sent_encode

        ids = [sent_encode(self._tokenizer, text) for text in texts]
        counted = [~np.isin(tokens, self._ends)[:, None] for tokens in ids]
        states = encode_in_blocks(self._encode, ids, self._device)
        return [np.hstack(both, dtype=np.float32) for both in zip(states, counted, strict=True)]

    def _encode(self, ids: list[list[int]]) -> np.ndarray:
        with torch.inference_mode():
            batch = torch.tensor(ids, device=self._device)
            states = self._model(batch, attention_mask=torch.ones_like(batch))[0].float()
            return torch.nn.functional.normalize(states, dim=-1).cpu().numpy()


class SentenceEncoder:
    """A sentence-transformers model: an embedding of a text."""

    def __init__(self, source: Source, device: torch.device, precision: torch.dtype | None = None) -> None:
        """Load a model; raises ModelError where it is none.

        precision: what it computes in, by default `precision_on(device)`.
        """
        from sentence_transformers import SentenceTransformer

        self._device = device

        def load(folder: str) -> tuple[SentenceTransformer, Any]:
            model = SentenceTransformer(
                folder, device=str(device), trust_remote_code=False, local_files_only=True
            )
            return model, model.tokenizer

        model, _ = load_from(source, load)
        self._model = model.to(device, precision or precision_on(device))

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return the embedding of every text: float32 (1, width)."""
        return encode_in_blocks(self._encode, self._token_ids(texts), self._device)

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        rows = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            batch = self._model.preprocess(texts[start : start + _TEXTS_AT_ONCE])
            for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
                rows.append(ids[mask.bool()].tolist())
        return rows

    def _encode(self, ids: list[list[int]]) -> np.ndarray:
        with torch.inference_mode():
            batch = torch.tensor(ids, device=self._device)
            features = {"input_ids": batch, "attention_mask": torch.ones_like(batch)}
            return self._model(features)["sentence_embedding"].float().cpu().numpy()[:, None]


def _first_layers(folder: str, count: int) -> tuple[torch.nn.Module, Any]:
    """Return a model without the layers after its first `count`, and its tokenizer.

    bert-score's own loader takes whatever lies in a path with `t5` in it for a T5, and gives it random weights.
    """
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(folder, **LOADING)
    if hasattr(model, "encoder") and hasattr(model, "decoder"):
        model = model.encoder
    total = model.config.num_hidden_layers
    lists = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == total]
    if len(lists) != 1:
        raise ValueError(f"a {type(model).__name__} has no list of layers")
    if count > total:
        raise ModelError(
            f"eval.bertscore.layer is {count}, but the model in {folder} has {total} layers: set it lower"
        )
    del lists[0][count:]
    return model, AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
