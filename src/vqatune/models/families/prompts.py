"""Questions and answers as the token ids of a language model, which reads a question in the words of a prompt.

A prompt is a frame, of which a model's chat format is made, and in it the words around the question, which may be others.
A prompt of a decoder is cut in two: what comes before the question is an image's prefix, which all of its questions
share; the rest is the question's own. It is cut at a special token, so that both parts have the ids that they have in the
whole. A prompt of an encoder is a text of its own behind the image's tokens, and so is the answer.
"""

import re
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from vqatune.errors import ModelError, ParameterError


@dataclass(frozen=True)
class Prompt:
    """What a decoder reads a question in, before it goes on with the answer."""

    frame: str
    """{} is where the words come."""
    words: str
    """{} is where the question comes."""
    cut: str
    """The special token of the frame that ends the prefix; it comes before the words."""
    image: str | None = None
    """The token of the frame in whose place an image's tokens come; None: they come first of all."""
    space: str = " "
    """What stands between the prompt and an answer."""
    end: str | None = None
    """The token that ends an answer; None: the tokenizer's own end of text."""

    @property
    def template(self) -> str:
        """The frame with the words in it: {} is the question."""
        return self.frame.replace("{}", self.words)

    @property
    def wording(self) -> str:
        """The words as users write them, with {question}."""
        return self.words.replace("{}", "{question}")

    def check_words(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Raise ParameterError where the words hold a special token, or where an answer would start from the question's last token."""
        _refuse_special_token(tokenizer, self)
        _, behind = self.template.split("{}")
        # Signs behind a question without a space between may join with it to one token.
        if not (re.search(r"\s\S", behind) or holds_special_token(tokenizer, behind)):
            raise ParameterError(
                f"the prompt {self.wording!r} has no words behind its question, and this model would go on with that: write some, "
                "such as 'Question: {question} Short answer:'"
            )

    def prefix(self, tokenizer: PreTrainedTokenizerBase, image: list[int]) -> list[int]:
        """Return the ids of what comes before a question, with those of an image in their place."""
        ids = self._ids(tokenizer, "")
        before = ids[: self._end_of_prefix(tokenizer, ids)]
        if self.image is None:
            return [*image, *before]
        place = before.index(tokenizer.convert_tokens_to_ids(self.image))
        return [*before[:place], *image, *before[place + 1 :]]

    def questions(self, processor: Any, texts: list[str], longest: int | None) -> list[list[int]]:
        """Return the ids of what follows the prefix, up to the last token but one.

        The question itself is truncated to `longest` tokens (None: whole), never the words around it.
        """
        tokenizer = processor.tokenizer
        return [self._rest(tokenizer, text)[:-1] for text in _truncated(tokenizer, texts, longest)]

    def answers(self, processor: Any, texts: list[str], longest: int) -> list[list[int]]:
        """Return the ids of answers from the last token of the prompt to the end token, truncated to `longest` tokens.

        Raises ModelError where an answer changes the ids of the prompt before it.
        """
        tokenizer = processor.tokenizer
        asked, end = self._rest(tokenizer, ""), self.end_id(tokenizer)
        found = []
        for text in map(_one_line, texts):
            answer = f"{self.space}{text}" if text else ""
            if holds_special_token(tokenizer, answer):
                own = _as_words(tokenizer, answer, add_special_tokens=False)
            else:
                ids = self._rest(tokenizer, "", answer)
                if ids[: len(asked)] != asked:
                    raise ModelError(
                        f"the answer {text!r} changes the tokens of the prompt before it: this tokenizer cannot be used"
                    )
                own = ids[len(asked) :]
            found.append([asked[-1], *own[: longest - 2], end])
        return found

    def answer_texts(self, processor: Any, ids: Tensor) -> list[str]:
        """Return the texts of answers' token ids, (answers, tokens)."""
        return _texts_of(processor.tokenizer, ids)

    def end_id(self, tokenizer: PreTrainedTokenizerBase) -> int:
        """Return the id of the token that ends an answer."""
        return tokenizer.eos_token_id if self.end is None else tokenizer.convert_tokens_to_ids(self.end)

    def tell_model(self, model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> None:
        """Tell a model which tokens its answers start from and end with, as `decoder_only.answer_tokens` wants it."""
        model.answer_start, model.answer_end = self._rest(tokenizer, "")[-1], self.end_id(tokenizer)

    def _rest(self, tokenizer: PreTrainedTokenizerBase, question: str, answer: str = "") -> list[int]:
        ids = self._ids(tokenizer, question, answer)
        return ids[self._end_of_prefix(tokenizer, ids) :]

    def _ids(self, tokenizer: PreTrainedTokenizerBase, question: str, answer: str = "") -> list[int]:
        if not holds_special_token(tokenizer, question):
            return tokenizer(self.template.format(question) + answer).input_ids
        before, after = self.template.split("{}")
        rest = tokenizer(after + answer, add_special_tokens=False).input_ids
        return [
            *tokenizer(before).input_ids,
            *_as_words(tokenizer, question, add_special_tokens=False),
            *rest,
        ]

    def _end_of_prefix(self, tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> int:
        cut = tokenizer.convert_tokens_to_ids(self.cut)
        if cut not in ids:
            raise ModelError(
                f"this tokenizer makes no {self.cut} of the prompt {self.template!r}: model.name must be a checkpoint with "
                "its own tokenizer"
            )
        return ids.index(cut) + 1


@dataclass(frozen=True)
class EncoderPrompt:
    """The words that a question is put in for an encoder, whose decoder writes the answer as a text of its own.

    For tokenizers that end every text with their end token, as T5's do; an answer starts from the padding token.
    """

    words: str
    """{} is where the question comes."""

    @property
    def template(self) -> str:
        """The words: {} is the question."""
        return self.words

    @property
    def wording(self) -> str:
        """The words as users write them, with {question}."""
        return self.words.replace("{}", "{question}")

    def check_words(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Raise ParameterError where the words hold a special token."""
        _refuse_special_token(tokenizer, self)

    def prefix(self, tokenizer: PreTrainedTokenizerBase, image: list[int]) -> list[int]:
        """Return the ids of what comes before a question: those of an image."""
        return list(image)

    def questions(self, processor: Any, texts: list[str], longest: int | None) -> list[list[int]]:
        """Return the ids of prompts with their questions in them, as `Prompt.questions`, the end token included."""
        tokenizer = processor.tokenizer
        prompts = [self.template.format(text) for text in _truncated(tokenizer, texts, longest)]
        return token_ids(tokenizer, prompts)

    def answers(self, processor: Any, texts: list[str], longest: int) -> list[list[int]]:
        """Return the ids of answers from the start to the end token, truncated to `longest` tokens."""
        tokenizer = processor.tokenizer
        encoded = token_ids(
            tokenizer, [_one_line(text) for text in texts], truncation=True, max_length=longest - 1
        )
        return [[self.start_id(tokenizer), *ids] for ids in encoded]

    def answer_texts(self, processor: Any, ids: Tensor) -> list[str]:
        """Return the texts of answers' token ids, (answers, tokens)."""
        return _texts_of(processor.tokenizer, ids)

    def start_id(self, tokenizer: PreTrainedTokenizerBase) -> int:
        """Return the id that an answer starts from."""
        return tokenizer.pad_token_id

    def end_id(self, tokenizer: PreTrainedTokenizerBase) -> int:
        """Return the id of the token that ends an answer."""
        return tokenizer.eos_token_id


def token_ids(tokenizer: PreTrainedTokenizerBase, texts: list[str], **options: Any) -> list[list[int]]:
    """Return the ids of texts; a special token that is written in a text is words like any other.

    Args:
        tokenizer: of the model.
        texts: of users and catalogues.
        options: of the tokenizer's call.
    """
    if not texts:
        return []
    ids: list[list[int]] = tokenizer(texts, **options).input_ids
    for number, text in enumerate(texts):
        if holds_special_token(tokenizer, text):
            ids[number] = _as_words(tokenizer, text, **options)
    return ids


def holds_special_token(tokenizer: PreTrainedTokenizerBase, text: str) -> bool:
    """Return whether a tokenizer would take a part of a text for one of its special tokens."""
    return any(token in text for token in tokenizer.all_special_tokens)


def _refuse_special_token(tokenizer: PreTrainedTokenizerBase, prompt: Prompt | EncoderPrompt) -> None:
    held = [token for token in tokenizer.all_special_tokens if token in prompt.words]
    if held:
        raise ParameterError(
            f"the prompt {prompt.wording!r} holds {held[0]}, a special token of this model: leave it out, what surrounds the "
            "words is added"
        )


def _as_words(tokenizer: PreTrainedTokenizerBase, text: str, **options: Any) -> list[int]:
    written = [token for token in tokenizer.all_special_tokens if token in text]
    plain = tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
    if set(tokenizer.convert_tokens_to_ids(written)) & set(plain):
        # T5's vocabulary has them among its pieces of words.
        for token in written:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return tokenizer(text, split_special_tokens=True, **options).input_ids


def _one_line(text: str) -> str:
    """Return an answer without the line breaks that end one, or join with the prompt's."""
    return " ".join(text.split())


def _truncated(tokenizer: PreTrainedTokenizerBase, texts: list[str], longest: int | None) -> list[str]:
    """Return the beginnings of texts that are `longest` tokens (None: whole), up to a whole character."""
    if longest is None or not texts:
        return texts
    places = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True).offset_mapping
    return [
        text if len(of_tokens) <= longest else text[: of_tokens[longest][0]].rstrip()
        for text, of_tokens in zip(texts, places, strict=True)
    ]


def _texts_of(tokenizer: PreTrainedTokenizerBase, ids: Tensor) -> list[str]:
    return [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
