"""The code of the documents: blocks between fences, commands in them, and commands in the text."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/*.md")
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_ASSIGNED = re.compile(r"([A-Z_]+)=(.*)", re.DOTALL)
_BETWEEN = {"&&", "||", ";", "|", "&"}
_REDIRECTED = {">", ">>", "<", "2>"}


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    document: str
    line: int
    """Of the first fence, from 1."""
    language: str
    text: str

    @property
    def first(self) -> str:
        return self.text.split("\n", 1)[0].strip()

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


def documents(root: Path) -> list[Path]:
    return sorted(path for pattern in DOCUMENTS for path in root.glob(pattern))


def blocks_of(path: Path, root: Path) -> list[Block]:
    """Return the blocks of a document, without their indentation."""
    text = path.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        indentation, language, content = match.groups()
        lines = [line.removeprefix(indentation) for line in content.splitlines()]
        number = text.count("\n", 0, match.start()) + 1
        found.append(Block(path.relative_to(root).as_posix(), number, language, "\n".join(lines) + "\n"))
    return found


def without_blocks(text: str) -> str:
    """Return a document without its blocks, each line in its place."""
    return _BLOCK.sub(lambda match: "\n" * match[0].count("\n"), text)


def inline_code(text: str) -> list[str]:
    """Return what stands between backticks in a document, outside of blocks, its white space as single spaces."""
    return [" ".join(match[2].split()) for match in _INLINE.finditer(without_blocks(text))]


def commands_of(text: str) -> list[list[str]]:
    """Return the simple commands of a script, as lists of words, variables that it sets filled in.

    Where lines begin with "$ ", those alone are commands, and the others are what they print. What a command reads
    from `<<'END'` is its last word.
    """
    variables: dict[str, str] = {}
    found = []
    for line, document in _lines(text):
        words = [part for word in _words(line) for part in _filled(word, variables)]
        if document is not None:
            words.append(document)
        for command in _simple(words):
            assigned = 0
            while assigned < len(command) and (match := _ASSIGNED.fullmatch(command[assigned])):
                assigned += 1
                if len(command) == assigned:
                    variables[match[1]] = match[2]
            if command[assigned:]:
                found.append(command[assigned:])
    return found


def _lines(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield lines of commands, continued ones as one, and the text that follows one as its `<<'END'`."""
    lines = iter(text.splitlines())
    printed = any(line.startswith("$ ") for line in text.splitlines())
    for line in lines:
        line = line.strip() if not printed else line
        if (printed and not line.startswith("$ ")) or not line or line.startswith("#"):
            continue
        line = line.removeprefix("$ ")
        # As a notebook has them.
        line = line.removeprefix("!")
        while line.endswith("\\"):
            line = line[:-1] + " " + next(lines).strip()
        # A quoted word that goes on in the next line.
        while line.count('"') % 2:
            line += " " + next(lines).strip().removesuffix("\\")
        heredoc = re.search(r"<<'(\w+)'", line)
        if heredoc:
            content = "".join(f"{each}\n" for each in iter(lambda: next(lines), heredoc[1]))
            yield line.replace(heredoc[0], ""), content
        else:
            yield line, None


def _words(line: str) -> list[str]:
    # What another command prints is one word, and so is a variable between quotes.
    line = re.sub(r'"\$([A-Z_]+)"', r"'\0\1'", re.sub(r"\$\([^()]*\)", "PRINTED", line))
    splitter = shlex.shlex(line.rstrip("… "), posix=True, punctuation_chars="|&;<>")
    splitter.whitespace_split = True
    splitter.commenters = "#"
    return list(splitter)


def _filled(word: str, variables: dict[str, str]) -> list[str]:
    """Return a word with the values of the variables in it; one that is nothing else and not quoted may be several words."""
    for name, value in variables.items():
        if word == f"${name}":
            return shlex.split(value)
        word = value if word == f"\0{name}" else word.replace(f"${name}", value)
    return [word.replace("\0", "$")]


def _simple(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    skipping = False
    for word in words:
        if skipping:
            skipping = False
        elif word in _REDIRECTED:
            skipping = True
        elif word in _BETWEEN:
            yield command
            command = []
        else:
            command.append(word)
    yield command
