"""Prompts: the versioned texts, the fence around a listing, and the schema of a reply."""

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

from vqatune.errors import ParameterError
from vqatune.generation.checks.checks import DIFFICULTIES, QUESTION_TYPES


@dataclass(frozen=True)
class Prompt:
    """A prompt: `name` includes its version, `text` is the system message."""

    name: str
    text: str
    form: str
    """The format of a reply: schema (JSON, held to the schema by the server), json, or text (free)."""

    @cached_property
    def digest(self) -> str:
        """A digest of the text, 16 hex digits."""
        return sha256(self.text.encode()).hexdigest()[:16]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a reply."""
        return SCHEMA


_pair = {
    "question": {"type": "string"},
    "answer": {"type": "string"},
    "difficulty": {"type": "integer", "enum": list(DIFFICULTIES)},
    "question_type": {"type": "string", "enum": list(QUESTION_TYPES)},
}
_pairs = {"type": "object", "properties": _pair, "required": list(_pair)}
# No number of pairs: where an image does not offer as many, the server would make the model invent the rest.
SCHEMA = {
    "type": "object",
    "properties": {"qa_pairs": {"type": "array", "items": _pairs}},
    "required": ["qa_pairs"],
}


def prompt_names() -> list[str]:
    """Return the names of the prompts that come with the package."""
    folder = resources.files("vqatune.generation.prompts")
    return sorted(path.name.removesuffix(".md") for path in folder.iterdir() if path.name.endswith(".md"))


_ONE_WORD = "a single word or a single number: no unit, no punctuation, no hyphenated chain of words."
"""What the prompts of the package ask an answer to be."""
_FEW_WORDS = (
    "at most {most} words, or a number with its unit: no sentence, no list, no punctuation around it."
)
_ANY_WORDS = "as short as it can be, a word or a few, or a number with its unit: no sentence, no punctuation around it."


def load_prompt(name: str, form: str, answer_words: int | None = 1) -> Prompt:
    """Return a prompt by its name, such as 'varied-v1', or a prompt of your own by the path of its .md file.

    A prompt of the package asks for answers of at most `answer_words` words (None: short ones); your own says itself what
    it wants.

    Raises ParameterError where there is none.
    """
    if name.endswith(".md"):
        try:
            text = Path(name).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ParameterError(f"generate.prompt_file: {name} cannot be read ({error})") from error
        if not text:
            raise ParameterError(f"generate.prompt_file: {name} is empty: write down what the model is to do")
        return Prompt(Path(name).stem, text, form)
    known = prompt_names()
    if name not in known:
        raise ParameterError(
            f"generate.prompt: there is no prompt {name!r}; there are {', '.join(known)}, or name an .md "
            "file of your own by generate.prompt_file"
        )
    text = resources.files("vqatune.generation.prompts").joinpath(f"{name}.md").read_text("utf-8")
    if answer_words != 1:
        wanted = _ANY_WORDS if answer_words is None else _FEW_WORDS.format(most=answer_words)
        text = text.replace(_ONE_WORD, wanted)
    return Prompt(name, text.strip(), form)


def fence(metadata: str, product_type: str, language: str) -> str:
    """Return a listing inside a fence that its text cannot close, whatever a seller has typed.

    `metadata` is JSON, field → list of values (as in tables.SAMPLED).
    """
    listing = {"language": language, "product_type": product_type, "fields": json.loads(metadata)}
    # Without "<", no text of the listing can close the fence.
    text = json.dumps(listing, ensure_ascii=False).replace("<", "\\u003c")
    # JSON can hold a lone surrogate, which cannot be sent.
    return f"<listing>\n{text}\n</listing>".encode("utf-8", "replace").decode("utf-8")
