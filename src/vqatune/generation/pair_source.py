"""Where pairs come from: templates, a file of recorded pairs, or a model; images with their pairs, chunk by chunk."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.sources.attribute_templates import attribute_pairs
from vqatune.generation.sources.language_files import code_of
from vqatune.generation.sources.pairs_of_images import pairs_of_images
from vqatune.generation.sources.recorded import read_recorded
from vqatune.generation.sources.template import template_pairs
from vqatune.params import ComputeParams, GenerateParams
from vqatune.runtime.progress import map_chunks

IMAGES_PER_CHUNK = 2000

Chunks = Iterator[tuple[pd.DataFrame, pd.DataFrame]]
"""Images (rows of tables.SAMPLED) with their pairs, chunk by chunk, in the order of image_id."""


class PairSource:
    """The source of the pairs, and the figures that are known once its chunks have been taken."""

    def __init__(
        self, params: GenerateParams, compute: ComputeParams, seed: int, pilot: bool = False
    ) -> None:
        self.params, self._compute, self._seed = params, compute, seed
        self.pilot = pilot
        self._usage: Any = None
        self.uses_model = params.provider not in ("template", "recorded")
        # The name of an own prompt rather than its path, which differs between machines.
        self.prompt = Path(params.prompt).name.removesuffix(".md") if self.uses_model else None
        self.not_in_sample = 0
        """Recorded pairs of images outside of the sample."""

    def template_chunks(self, chunks: Iterable[pd.DataFrame], images: int) -> Chunks:
        """Yield images, given in the order of their ids and so many, with the pairs that templates make of their metadata."""
        waiting: deque[pd.DataFrame] = deque()

        def columns() -> Iterator[pd.DataFrame]:
            for chunk in chunks:
                waiting.append(chunk)
                yield chunk[["image_id", "product_type", "language", "metadata"]]

        make = partial(_template_chunk, seed=self._seed, attributes=self.params.attributes)
        for made in map_chunks(make, columns(), "making questions", -(-images // IMAGES_PER_CHUNK)):
            yield waiting.popleft(), made

    def model_chunks(self, images: pd.DataFrame) -> Chunks:
        """Yield images, with the pairs that the model gives."""
        # Imported here because a stage without a model starts faster without it.
        from vqatune.generation.client.model_pairs import model_pairs
        from vqatune.generation.client.usage import Usage

        self._usage = self._usage or Usage()
        return model_pairs(images, self.params, self._compute, self._usage, pilot=self.pilot)

    def read_recorded(self, images: pd.DataFrame) -> pd.DataFrame:
        """Return the recorded pairs of images (image_id and path), sorted by image_id; counts the others."""
        path = Path(self.params.path or "")
        recorded = read_recorded(path, self.params.columns)
        if recorded.empty:
            raise DataError(f"{path} holds no question-answer pair")
        pairs, self.not_in_sample = pairs_of_images(recorded, images)
        pairs = pairs.assign(source=pairs["source"].fillna("recorded"))
        return pairs.sort_values("image_id", kind="stable", ignore_index=True)

    @property
    def failed(self) -> int:
        """Images without a reply with pairs."""
        return self._usage.failed if self._usage else 0

    @property
    def reasons(self) -> dict[str, str]:
        """Why images have no pairs, by image_id, where they come from a model."""
        return self._usage.reasons if self._usage else {}

    def replies(self) -> dict[str, Any]:
        """Return images by kind of reply and replies by repair, where the pairs come from a model."""
        if not self._usage:
            return {}
        kinds, repairs = self._usage.kinds, self._usage.repairs
        return {"replies": dict(sorted(kinds.items())), "repairs": dict(sorted(repairs.items()))}

    def summary(self, images: int) -> dict[str, Any]:
        """Return what is asked of which model, and its usage."""
        summary: dict[str, Any] = {
            "provider": self.params.provider,
            "model": self.params.model if self._usage else None,
            "prompt": self.prompt,
            "images": images,
        }
        return summary | (self._usage.summary(self.params.price) if self._usage else {"requests": 0})


def recorded_chunks(chunks: Iterable[pd.DataFrame], pairs: pd.DataFrame) -> Chunks:
    """Yield images, given in the order of their ids, with their pairs, which are sorted by image_id."""
    for images in chunks:
        names = images["image_id"]
        begin, _ = pairs["image_id"].searchsorted([names.iloc[0], names.iloc[-1]])
        _, end = pairs["image_id"].searchsorted([names.iloc[0], names.iloc[-1]], side="right")
        yield images, pairs.iloc[begin:end]


def in_chunks(groups: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Cut groups of images into chunks."""
    for group in groups:
        for start in range(0, len(group), IMAGES_PER_CHUNK):
            yield group.iloc[start : start + IMAGES_PER_CHUNK]


def _template_chunk(images: pd.DataFrame, seed: int, attributes: list[str]) -> pd.DataFrame:
    rows = []
    for image_id, product_type, language, metadata in images.itertuples(index=False):
        if (code := code_of(language)) is None:
            continue
        if attributes:
            pairs = attribute_pairs(json.loads(metadata), attributes, image_id, seed, code)
        else:
            pairs = template_pairs(json.loads(metadata), product_type, image_id, seed, code)
        rows += [(image_id, place, *astuple(pair)) for place, pair in enumerate(pairs)]
    texts = ["image_id", "question", "answer", "question_type", "attribute"]
    names = ["image_id", "place", "question", "answer", "difficulty", "question_type", "attribute"]
    made = pd.DataFrame(rows, columns=names).assign(source="template")
    return made.astype({"place": "int32", "difficulty": "Int8"} | dict.fromkeys(texts, "str"))
