"""Images and texts as a model takes them, by the processor of its family."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor, nn

from vqatune.errors import ParameterError
from vqatune.loading.ragged import Ragged
from vqatune.models.checkpoint import model_errors
from vqatune.models.families.prompts import EncoderPrompt, Prompt
from vqatune.models.family import Family, LabelledFamily, PromptedFamily
from vqatune.models.family_lookup import family_named, generating_family, model_type

LONGEST = 128
"""Tokens of a question or an answer: more than those of VQA datasets have."""


@dataclass(frozen=True)
class Encoder:
    """Encodes images and texts with a processor."""

    model_type: str
    """The family by its name, since a module cannot be sent to the processes that load images."""
    processor: Any
    """transformers' processor of the family."""
    words: str | None = None
    """The words around a question where they are not the family's own, {} for the question: `in_words` sets them."""

    @property
    def family(self) -> Family:
        """The family that the processor belongs to."""
        return family_named(self.model_type)

    def images(self, images: list[Image.Image]) -> Ragged:
        """Return preprocessed images, on the CPU."""
        return self.family.pictures(self.processor, images)

    def questions(self, texts: list[str]) -> list[list[int]]:
        """Return the questions' token ids, truncated to 128 tokens, or to what a model that only ranks reads."""
        return self._questions(texts, LONGEST)

    def too_long(self, texts: list[str]) -> list[str]:
        """Return the questions that are truncated."""
        whole = self._questions(texts, None)
        each = zip(texts, whole, self.questions(texts), strict=True)
        return [text for text, ids, cut in each if len(ids) > len(cut)]

    def tokens_read(self, text: str) -> int:
        """Return the number of tokens of a truncated question that are read."""
        return LONGEST if "generate" in self.family.MODES else len(self.questions([text])[0])

    def answers(self, texts: list[str]) -> list[list[int]]:
        """Return the answers' ids, truncated to 128 tokens: from the start to the end token where answers are written.

        Raises DataError where one is `without_label`.
        """
        return (self._other_prompt() or self.family).answers(self.processor, texts, LONGEST)

    def without_label(self, answers: Sequence[str]) -> list[str]:
        """Return those of the answers that the model cannot give: it answers with one of its labels, and they are none."""
        family = self.family
        return family.without_label(self.processor, answers) if isinstance(family, LabelledFamily) else []

    def decode(self, ids: Tensor) -> list[str]:
        """Return the texts of answers' token ids, (answers, tokens); raises ParameterError where none are written."""
        return generating_family(self.model_type).answer_texts(self.processor, ids)

    def _questions(self, texts: list[str], longest: int | None) -> list[list[int]]:
        prompt = self._other_prompt()
        if prompt is not None:
            return prompt.questions(self.processor, texts, longest)
        if self.words is not None:
            texts = [self.words.replace("{}", text) for text in texts]
        return self.family.questions(self.processor, texts, longest)

    def _other_prompt(self) -> Prompt | EncoderPrompt | None:
        """Return the prompt with other words than the family's; None with its own, or where it has none."""
        family = self.family
        if self.words is None or not isinstance(family, PromptedFamily):
            return None
        return replace(family.prompt_of(self.processor), words=self.words)


def in_words(model: nn.Module, encoder: Encoder, prompt: str) -> Encoder:
    """Have a model asked in other words than its family's own, and return the encoder that asks in them.

    They are never written with the model or the processor.

    Args:
        model: not wrapped by peft; it is told which token its answers start from.
        encoder: of the model.
        prompt: {question} stands in it once. Where the family has words of its own (`Family.WORDING`), it takes their
            place, and a long question is truncated without them; else a question's text is put in it. A model that ranks
            texts of question and answer reads the answer behind it, whether or not {answer} ends it. White space around
            it does not count.

    Raises ParameterError where its placeholders are others, where it holds a special token of the model, or where it ends with the
    question and the model would go on with that.
    """
    family, asked = encoder.family, prompt.strip()
    if family.WORDING.endswith(" {answer}"):
        asked = asked.removesuffix("{answer}").rstrip()
    around = asked.replace("{question}", "")
    if asked.count("{question}") != 1 or "{" in around or "}" in around:
        raise ParameterError(
            f"the prompt {prompt!r} must have {{question}} in it once, and no other braces: such as {family.WORDING!r}"
        )
    changed = replace(encoder, words=asked.replace("{question}", "{}"))
    other = changed._other_prompt()
    if other is not None:
        other.check_words(encoder.processor.tokenizer)
        if isinstance(other, Prompt):
            other.tell_model(model, encoder.processor.tokenizer)
    return changed


def load_encoder(folder: Path) -> Encoder:
    """Load the processor of a checkpoint or an adapter; raises ModelError where it is incomplete, or of no known family."""
    name = model_type(folder, of_processor=True)
    encoder = Encoder(name, family_named(name).load_processor(folder))
    with (
        model_errors(f"{folder} has a processor that does not work"),
        _unchanged(encoder.processor.tokenizer),
    ):
        # Settings that do not go together are found here, and not at the first picture.
        encoder.images([Image.new("RGB", (64, 64))])
        encoder.questions(["what is it?"])
        if not isinstance(encoder.family, LabelledFamily):
            encoder.answers(["a cup"])
    return encoder


@contextmanager
def _unchanged(tokenizer: Any) -> Iterator[None]:
    """Put back how a tokenizer truncates and pads, which it keeps of its last call, and writes with itself."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        yield
        return
    truncation, padding = backend.truncation, backend.padding
    yield
    backend.no_truncation() if truncation is None else backend.enable_truncation(**truncation)
    backend.no_padding() if padding is None else backend.enable_padding(**padding)
