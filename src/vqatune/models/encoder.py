"""Images and texts as a model takes them, by the processor of its family."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from vqatune.loading.ragged import Ragged
from vqatune.models.family import Family, LabelledFamily, family_named, generating_family, model_type

LONGEST = 128
"""Tokens of a question or an answer: more than those of VQA datasets have."""


@dataclass(frozen=True)
class Encoder:
    """Encodes images and texts with a processor."""

    model_type: str
    """The family by its name, since a module cannot be sent to the processes that load images."""
    processor: Any
    """transformers' processor of the family."""

    @property
    def family(self) -> Family:
        """The family that the processor belongs to."""
        return family_named(self.model_type)

    def images(self, images: list[Image.Image]) -> Ragged:
        """Return preprocessed images, on the CPU."""
        return self.family.pictures(self.processor, images)

    def questions(self, texts: list[str]) -> list[list[int]]:
        """Return the questions' token ids, truncated to 128 tokens, or to what a model that only ranks reads."""
        return self.family.questions(self.processor, texts, LONGEST)

    def too_long(self, texts: list[str]) -> list[str]:
        """Return the questions that are truncated."""
        whole = self.family.questions(self.processor, texts, None)
        each = zip(texts, whole, self.questions(texts), strict=True)
        return [text for text, ids, cut in each if len(ids) > len(cut)]

    def tokens_read(self, text: str) -> int:
        """Return the number of tokens of a truncated question that are read."""
        return LONGEST if "generate" in self.family.MODES else len(self.questions([text])[0])

    def answers(self, texts: list[str]) -> list[list[int]]:
        """Return the answers' ids, truncated to 128 tokens: from the start to the end token where answers are written.

        Raises DataError where one is `without_label`.
        """
        return self.family.answers(self.processor, texts, LONGEST)

    def without_label(self, answers: Sequence[str]) -> list[str]:
        """Return those of the answers that the model cannot give: it answers with one of its labels, and they are none."""
        family = self.family
        return family.without_label(self.processor, answers) if isinstance(family, LabelledFamily) else []

    def decode(self, ids: Tensor) -> list[str]:
        """Return the texts of answers' token ids, (answers, tokens); raises ParameterError where none are written."""
        return generating_family(self.model_type).answer_texts(self.processor, ids)


def load_encoder(folder: Path) -> Encoder:
    """Load the processor of a checkpoint or an adapter; raises ModelError where it is incomplete, or of no known family."""
    name = model_type(folder, of_processor=True)
    return Encoder(name, family_named(name).load_processor(folder))
