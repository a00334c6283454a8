"""The interface of a model family.

A family is a package of models/families whose functions are those of `GeneratingFamily` or `RankingFamily`; only that package
knows its classes of transformers. It encodes an image once, whatever is asked about it, and a question once, whatever is
answered to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from PIL import Image
from torch import Tensor, nn

from vqatune.loading.ragged import Ragged
from vqatune.models.text_vectors import TextVectors
from vqatune.params import TinyParams

if TYPE_CHECKING:
    from vqatune.models.families.prompts import EncoderPrompt, Prompt
    from vqatune.models.packing import PackedBatch, RowLayout, Texts

GENERATES = frozenset({"generate", "rank"})
"""The modes of a family that writes answers, which are ranked by the probability of being written."""
RANKS = frozenset({"rank"})
"""The modes of a family that scores given answers only."""

Past = list[tuple[Tensor, Tensor] | None]
"""The self-attention keys and values of an answer's tokens so far, by layer; None at the first token."""


@dataclass(frozen=True)
class Parts:
    """The paths of a model's modules by what they do."""

    vision: tuple[str, ...]
    """What makes image states of pictures; a connector between vision and text among them."""
    text: tuple[str, ...]
    """What reads questions and writes answers."""


@dataclass(frozen=True)
class AnswerTokens:
    """The vocabulary of answers."""

    start: int
    """The id that an answer starts from."""
    end: int
    """The id that ends an answer."""
    padding: int
    """The id that fills up shorter answers."""
    count: int
    """The number of tokens."""
    layers: int
    """The number of layers of `Past`."""


@dataclass(frozen=True)
class VisionOptions:
    """How images are encoded; no option changes the result."""

    checkpointing: bool = False
    """Gradient checkpointing: keep only each layer's input and recompute the layer in the backward pass."""
    compiled: bool = False
    """Compile each layer with torch.compile."""


class EncodedQuestions(Protocol):
    """Questions as the decoder attends to them, such as keys and values: computed once a question."""

    @property
    def pairs(self) -> int:
        """The number of questions."""

    def select(self, pairs: Tensor) -> "EncodedQuestions":
        """Return some of the questions."""


class Family(Protocol):
    """What all families have; `model` is one of their models, with or without LoRA layers."""

    MODES: frozenset[str]
    """Which of `predict.mode` there are: GENERATES or RANKS."""
    PARTS: Parts
    PRESETS: Mapping[str, list[str]]
    """The presets of `lora.target_modules`: layer names, the last components of their dotted paths, or patterns with *
    that a whole path matches."""
    WORDING: str
    """The family's own words around a question: {question} in them, and {answer} where an answer is read with it."""

    HEADS: Sequence[str]
    """The paths, or patterns of them, of the linear layers that make scores; they are never quantized."""

    def load_model(
        self,
        source: str | Path,
        dtype: torch.dtype | None = torch.float32,
        quantization: str = "none",
        **hub: Any,
    ) -> nn.Module:
        """Load the model of a folder or hub name, as `checkpoint.load_model`."""

    def load_processor(self, source: str | Path, **hub: Any) -> Any:
        """Load the processor of a folder or hub name; raises ModelError."""

    def make_untrained(
        self, texts: list[str], vocabulary: int, tiny: TinyParams | None
    ) -> tuple[nn.Module, Any]:
        """Return a model with random weights, tiny or (None) of the usual size, and its processor; raises ParameterError."""

    def save_processor(self, processor: Any, folder: Path) -> Any:
        """Write the processor and return it reloaded."""

    def save_checkpoint(self, model: nn.Module, processor: Any, folder: Path, question_token: str) -> None:
        """Write model and processor into a folder that stock transformers loads."""

    def pictures(self, processor: Any, images: list[Image.Image]) -> Ragged:
        """Return preprocessed images; raises ImageError where the model does not take one of them."""

    def questions(self, processor: Any, texts: list[str], longest: int | None) -> list[list[int]]:
        """Return the questions' token ids, truncated to `longest` tokens (None: whole)."""

    def answers(self, processor: Any, texts: list[str], longest: int) -> list[list[int]]:
        """Return the ids of answers, truncated to `longest` tokens: from the start to the end token where answers are written.

        Raises DataError where the model has no ids of an answer (`LabelledFamily`).
        """

    def encode_images(
        self, model: nn.Module, pictures: Ragged, options: VisionOptions | None = None
    ) -> Ragged:
        """Return the images' states; without gradient where nothing that makes them is trained."""


class TunableFamily(Protocol):
    """A family that has a loss."""

    def pair_losses(
        self, model: nn.Module, batch: "PackedBatch", options: VisionOptions | None = None
    ) -> Tensor:
        """Return each pair's loss, float32 (pairs,), whatever else the batch holds.

        It is the mean cross-entropy over the answer's tokens where answers are written.
        """


class GeneratingFamily(Family, TunableFamily, Protocol):
    """A family that writes answers, token by token."""

    def answer_texts(self, processor: Any, ids: Tensor) -> list[str]:
        """Return the texts of answers' token ids, (answers, tokens)."""

    def answer_tokens(self, model: nn.Module) -> AnswerTokens:
        """Return the vocabulary of a model's answers."""

    def encode_questions(self, model: nn.Module, batch: "PackedBatch") -> EncodedQuestions:
        """Return the questions of a batch that holds image states."""

    def decode(
        self,
        model: nn.Module,
        texts: "Texts",
        questions: EncodedQuestions,
        by_pair: "RowLayout",
        past: Past | None = None,
    ) -> Tensor:
        """Return the logits of the token after each token of the texts: (tokens, vocabulary).

        Args:
            model: of this family.
            texts: the answers so far, in the order of the pairs; a pair may have several.
            questions: the pairs' questions.
            by_pair: the texts' tokens, one pair a row.
            past: of texts of one new token each; updated in place.
        """


class RankingFamily(Family, Protocol):
    """A family that scores given answers."""

    def rank(
        self,
        model: nn.Module,
        batch: "PackedBatch",
        candidates: Sequence[Sequence[Sequence[int]]],
        kept: TextVectors | None = None,
    ) -> Tensor:
        """Return log-probabilities of each question's candidates: the log-softmax of their scores over these candidates.

        Args:
            model: of this family.
            batch: images and questions, with image states.
            candidates: of each question the ids of its candidates, as `answers` returns them.
            kept: vectors of texts that this model, as it stands, gave before, which is added to; None to keep none. A
                family that encodes no texts by themselves does not use it.

        Returns:
            float32 (pairs, largest number of candidates); -inf where a question has fewer.
        """


@runtime_checkable
class LabelledFamily(Protocol):
    """A family whose models answer with one of a list of labels."""

    def make_untrained(
        self, texts: list[str], vocabulary: int, tiny: TinyParams | None, labels: Sequence[str]
    ) -> tuple[nn.Module, Any]:
        """As Family.make_untrained; `labels` are distinct."""

    def without_label(self, processor: Any, texts: Sequence[str]) -> list[str]:
        """Return those of the answers that are no label."""


@runtime_checkable
class PromptedFamily(Protocol):
    """A family that reads a question in words, which may be others than its own."""

    def prompt_of(self, processor: Any) -> "Prompt | EncoderPrompt":
        """Return the prompt with the family's own words."""


@runtime_checkable
class ContrastiveFamily(Protocol):
    """A family whose untrained models learn from images and texts, which text is true of which image."""

    def contrastive_loss(
        self, model: nn.Module, pictures: Ragged, texts: Sequence[Sequence[int]], true: Tensor
    ) -> Tensor:
        """Return the loss that the family was trained by, with gradient for all of the model.

        Args:
            model: of this family.
            pictures: as `pictures` makes them.
            texts: the token ids of distinct texts: a question and behind it an answer.
            true: bool (images, texts), whether a text is true of an image; each is true of one or more, and of each image
                one or more are.
        """


@runtime_checkable
class SeenThroughFamily(Protocol):
    """A family whose attention can be followed from an answer to the image."""

    def attention_maps(
        self,
        model: nn.Module,
        batch: "PackedBatch",
        answer: Sequence[int],
        options: VisionOptions | None = None,
    ) -> tuple[tuple[Tensor, ...], ...]:
        """Return the attention weights of every layer for a given answer to the one question of a batch."""

    def patches_per_side(self, model: nn.Module) -> int:
        """Return the number of patches along a side of an image, which is square."""


@runtime_checkable
class TilingFamily(Protocol):
    """A family that can cut a large image into tiles."""

    def split_images(self, processor: Any, wanted: bool) -> None:
        """Set whether a processor cuts images into tiles beside the whole, or only makes the whole fit."""
