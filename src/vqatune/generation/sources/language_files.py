"""The languages that templates are written in: a YAML file each in `languages/`, named by the first part of its tag.

docs/languages.md describes the file. English has all keys, and another file must have the same ones, so that a missing or
misspelt one is an error instead of questions that are never asked.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from string import Formatter
from typing import Any, NamedTuple, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from vqatune.errors import DataError
from vqatune.generation.sources.slots import ATTRIBUTES, OPTIONS, PRINT_SLOTS, SLOTS, Slot

FOLDER = resources.files("vqatune.generation.sources") / "languages"
ENGLISH = "en"
FEATURES = ("color", "pattern", "shape", "material", "style", "finish")
"""What is read from the fields of a listing."""
_TEXTS = ("thing", "yes", "no")
_SECTIONS = (*_TEXTS, "questions", "attributes", *FEATURES, "function")
_OPTIONAL = ("spaces", "phrases", "also")
_UNCLEAR = "unclear"


class Word(NamedTuple):
    """What a language says for a meaning: as an answer, and within a question (None: it is not asked about)."""

    answer: str
    asked: str | None


class Noun(NamedTuple):
    """A product's noun: bare, with the definite article, and with the indefinite one."""

    name: str
    the: str
    a: str


@dataclass(frozen=True, slots=True)
class Reader:
    """Finds the words of a feature in a text and knows their meanings; that of a word that makes it unclear is ''."""

    words: re.Pattern[str]
    meanings: dict[str, str]

    def meanings_in(self, text: str) -> set[str]:
        """Return the meanings of the words of a text in lower case."""
        return {self.meanings[word] for word in self.words.findall(text) if word in self.meanings}


@dataclass(frozen=True, slots=True)
class Language:
    """A language of templates.

    questions: slot → wordings. attributes: field → wordings that ask for its value. words: feature or 'function' → meaning → word; a meaning that is missing is never asked
    about. readers: feature, or 'noun' → its reader. nouns: English noun → noun, None for English itself. also: English
    noun → another that it can be called as well. phrases: what is replaced in a text → by what.
    """

    thing: str
    yes: str
    no: str
    questions: dict[str, tuple[str, ...]]
    attributes: dict[str, tuple[str, ...]]
    words: dict[str, dict[str, Word]]
    readers: dict[str, Reader]
    nouns: dict[str, Noun] | None
    also: dict[str, str]
    phrases: dict[str, str]

    def plain(self, text: str) -> str:
        """Return a text of a listing as the readers expect it."""
        # Half-width katakana, and letters that are apart from their accents. English words have neither.
        text = text if self.nouns is None else unicodedata.normalize("NFKC", text)
        text = text.lower()
        for phrase, meaning in self.phrases.items():
            text = text.replace(phrase, meaning)
        return text


def language_codes() -> list[str]:
    """Return the codes of the languages that have a file, such as de."""
    return sorted(path.name.removesuffix(".yaml") for path in FOLDER.iterdir() if path.name.endswith(".yaml"))


@lru_cache(maxsize=1024)
def code_of(tag: str | None) -> str | None:
    """Return the code of the language in which a listing is asked about, None where it has no file.

    `tag` is the listing's, such as de_DE; one of unknown language (None, und) is taken for English.
    """
    code = re.split("[_-]", tag, maxsplit=1)[0].lower() if tag else "und"
    code = ENGLISH if code == "und" else code
    return code if code in language_codes() else None


@lru_cache
def load_language(code: str) -> Language:
    """Return a language by its code; raises DataError where its file is wrong."""
    return read_language(FOLDER / f"{code}.yaml")


def read_language(path: Traversable) -> Language:
    """Read a language's file; raises DataError that names the file, the place in it and the mistake."""
    try:
        # YAML 1.2, where no is a word.
        data = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not YAML: {error}") from error
    return _File(str(path), path.name == f"{ENGLISH}.yaml").language(data)


class _File:
    """The checks of a file, and the language that it describes."""

    def __init__(self, path: str, is_english: bool) -> None:
        self._path = path
        self._english = None if is_english else load_language(ENGLISH)

    def language(self, data: Any) -> Language:
        english = self._english
        self._keys("the file", data, _SECTIONS + (("nouns",) if english else ()), _OPTIONAL)
        spaced = data.get("spaces", True)
        if not isinstance(spaced, bool):
            self._wrong("spaces", f"is {spaced!r}, not true or false")
        words, spellings = {}, {}
        for feature in (*FEATURES, "function"):
            needed = english.words[feature] if english else OPTIONS.get(feature, ())
            words[feature], spellings[feature] = self._feature(feature, data[feature], needed)
        nouns, spellings["noun"] = self._nouns(data["nouns"]) if english else (None, {})
        also = self._texts("also", data.get("also") or {})
        for noun in (*also, *also.values()):
            if nouns is not None and noun not in nouns:
                self._wrong("also", f"has {noun}, which is not in nouns")
        return Language(
            *(self._text(name, data[name]) for name in _TEXTS),
            questions=self._questions(data["questions"]),
            attributes=self._wordings("attributes", data["attributes"], ATTRIBUTES),
            words=words,
            readers={name: self._reader(name, known, spaced) for name, known in spellings.items()},
            nouns=nouns,
            also=also,
            phrases=self._texts("phrases", data.get("phrases") or {}),
        )

    def _questions(self, data: Any) -> dict[str, tuple[str, ...]]:
        # English alone asks about prints.
        return self._wordings("questions", data, SLOTS if self._english else SLOTS | PRINT_SLOTS)

    def _wordings(self, section: str, data: Any, slots: Mapping[str, Slot]) -> dict[str, tuple[str, ...]]:
        """Return the wordings of each of the slots, all of which the section has."""
        self._keys(section, data, slots, ())
        found = {}
        for name, wordings in data.items():
            if not isinstance(wordings, list) or not wordings:
                self._wrong(f"{section}.{name}", "is no list of wordings")
            for wording in wordings:
                self._wording(f"{section}.{name}", wording, slots[name])
            found[name] = tuple(wordings)
        return found

    def _wording(self, where: str, wording: Any, slot: Slot) -> None:
        try:
            found = {
                name for _, name, *_ in Formatter().parse(self._text(where, wording)) if name is not None
            }
        except ValueError as error:
            self._wrong(where, f"{wording!r}: {error}")
        may = {*slot.fills, *(("thing",) if slot.names_thing else ())}
        known = ", ".join(f"{{{name}}}" for name in sorted(may)) or "none"
        for name in sorted(found - may):
            self._wrong(where, f"{wording!r} has the placeholder {{{name}}}: there may be {known}")
        for name in sorted(set(slot.fills) - found):
            self._wrong(where, f"{wording!r} lacks the placeholder {{{name}}}")

    def _feature(
        self, feature: str, data: Any, needed: Collection[str]
    ) -> tuple[dict[str, Word], dict[str, str]]:
        """Return the words by their meanings, and the meanings of all spellings."""
        self._keys(feature, data, needed, (_UNCLEAR,) if self._english else None)
        words, spellings = {}, {}
        for meaning, entry in data.items():
            where = f"{feature}.{meaning}"
            if meaning == _UNCLEAR:
                spellings |= dict.fromkeys(self._text(where, entry).lower().split(), "")
                continue
            if entry is None:
                continue
            entry = {"answer": entry} if isinstance(entry, str) else entry
            self._keys(where, entry, ("answer",), ("asked", "words"))
            answer = self._text(where, entry["answer"])
            if len(answer.split()) > 1:
                self._wrong(where, f"has the answer {answer!r}: answers are one word")
            asked = entry.get("asked", answer)
            words[meaning] = Word(answer, asked if asked is None else self._text(where, asked))
            listed = self._text(where, entry["words"]) if "words" in entry else ""
            for word in dict.fromkeys((*answer.lower().split(), *listed.lower().split())):
                if feature in FEATURES and spellings.setdefault(word, meaning) != meaning:
                    self._wrong(where, f"has {word!r}, which stands for {spellings[word] or _UNCLEAR}, too")
        return words, spellings

    def _nouns(self, data: Any) -> tuple[dict[str, Noun], dict[str, str]]:
        self._keys("nouns", data, OPTIONS["noun"], None)
        nouns, spellings = {}, {}
        for noun, entry in data.items():
            where = f"nouns.{noun}"
            if isinstance(entry, str):
                name, *others = entry.split()
                nouns[noun] = Noun(name, name, name)
            else:
                if not isinstance(entry, list) or len(entry) < 3:
                    self._wrong(
                        where, "is neither a text nor a list: [name, with the, with a, further words …]"
                    )
                name, the, a, *others = (self._text(where, text) for text in entry)
                nouns[noun] = Noun(name, the, a)
            for word in (name, *others):
                # Several nouns may have one name; a type of that name is the first.
                spellings.setdefault(word.lower(), noun)
        return nouns, spellings

    def _reader(self, name: str, spellings: dict[str, str], spaced: bool) -> Reader:
        if not self._english:
            return Reader(re.compile("[a-z]+"), spellings)
        # Listings of any language have English words, too; one that is a word of the language has its meaning there.
        english = self._english.readers[name].meanings
        # A noun is looked for as a whole word in any language: within others, ラグ (rug) would be in プラグ (plug).
        pattern = r"[^\W\d_]+"
        if not spaced and name != "noun":
            # Of a word within another, such as wood (木) in cotton (木綿), only the longer counts.
            pattern = "|".join([*map(re.escape, sorted(spellings, key=len, reverse=True)), "[a-z]+"])
        return Reader(re.compile(pattern), english | spellings)

    def _keys(self, where: str, data: Any, needed: Iterable[str], optional: Collection[str] | None) -> None:
        """Check that a section has the needed keys and otherwise only optional ones (None: any)."""
        if not isinstance(data, dict):
            self._wrong(where, "is no mapping of keys to values")
        if missing := [key for key in needed if key not in data]:
            self._wrong(where, f"lacks {', '.join(missing)}")
        unknown = [str(key) for key in data if key not in (*needed, *(optional or ()))]
        if optional is not None and unknown:
            self._wrong(where, f"has {', '.join(unknown)}, which en.yaml has not")

    def _texts(self, where: str, data: Any) -> dict[str, str]:
        self._keys(where, data, (), None)
        for key, value in data.items():
            if not isinstance(value, str):
                self._wrong(f"{where}.{key}", f"is {value!r}, not a text")
        return dict(data)

    def _text(self, where: str, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            self._wrong(where, f"is {value!r}, not a text")
        return value

    def _wrong(self, where: str, mistake: str) -> NoReturn:
        raise DataError(f"{self._path}: {where} {mistake} (docs/languages.md)")
