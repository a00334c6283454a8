"""`vqatune ask`: versions answer questions about an image, or about the images in a folder."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from rich.console import Console

from vqatune.cli.models import add_model_arguments
from vqatune.errors import DataError, ImageError
from vqatune.inference.answering.answer import check_question
from vqatune.inference.answering.choices import parse_choices
from vqatune.inference.answering.image_input import is_url, open_picture, pictures_in
from vqatune.inference.answering.versions import Settings, choose_version, choose_versions, own_settings
from vqatune.report.terminal.answers import Said, shortened, show_answers, show_ranking
from vqatune.runtime.progress import track

if TYPE_CHECKING:
    from vqatune.inference.answering.answerer import Answerer

KEPT_PIXELS = 200_000_000
"""Pictures of so many pixels in all stay opened for the next version; more are opened again."""


class _Opened:
    """Pictures that are opened once for all versions, as far as there is room for them."""

    def __init__(self, names: Sequence[str | Path]) -> None:
        self.names = list(names)
        self._kept: dict[str | Path, Image.Image] = {}
        self._room = KEPT_PIXELS

    def __iter__(self) -> Iterator[tuple[str, Image.Image]]:
        """Yield name and picture; of several pictures those that do not open are named, and left out from then on."""
        for name in list(self.names):
            if name in self._kept:
                yield str(name), self._kept[name]
                continue
            try:
                picture = open_picture(name)
            except ImageError as error:
                print(f"{error}; it is left out", file=sys.stderr)
                self.names.remove(name)
                continue
            self._room -= picture.width * picture.height
            if self._room >= 0:
                self._kept[name] = picture
            yield str(name), picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("picture", metavar="PICTURE", help="a file, a folder of pictures, or an http(s) URL")
    parser.add_argument("questions", metavar="QUESTION", nargs="*", help='such as "What colour is it?"')
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--version", metavar="NAME", help="such as v13 or base; the last one if not given")
    which.add_argument("--versions", metavar="NAMES", help="side by side: v1,v7,v13, or all")
    add_model_arguments(parser)
    parser.add_argument("--choices", metavar="LIST", help='rank these answers: "red,blue,green"')
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(chosen: argparse.Namespace) -> None:
    """Print what versions say."""
    if not chosen.questions:
        raise DataError(f'no question is asked: vqatune ask {chosen.picture} "What colour is it?"')
    for question in chosen.questions:
        check_question(question)
    questions = list(dict.fromkeys(chosen.questions))
    choices = None if chosen.choices is None else parse_choices(chosen.choices)
    if chosen.versions is None:
        versions = dict([choose_version(chosen.models, chosen.version)])
    else:
        versions = choose_versions(chosen.models, parse_names(chosen.versions))
    pictures = _pictures(chosen.picture)
    settings = own_settings(chosen.device)
    said: list[Said] = []
    for number, (name, folder) in enumerate(versions.items()):
        answerer = settings.open(folder)
        if number == 0:
            for question in answerer.too_long(questions):
                print(
                    f"the question {shortened(question, 60)!r} is too long: only its first 128 tokens are read",
                    file=sys.stderr,
                )
        said += _ask(answerer, name, pictures, questions, choices, settings)
    if not said:
        raise DataError(f"{chosen.picture} holds no picture that opens: name a folder that does")
    if chosen.json:
        _print_json(said, choices is not None)
        return
    show = show_ranking if choices is not None and len(versions) == 1 else show_answers
    show(said, Console())


def parse_names(text: str) -> list[str]:
    """Return names that are separated by commas, each once."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _pictures(given: str) -> _Opened:
    if not given:
        raise DataError("no picture is named: give a file, a folder or a URL")
    if not is_url(given) and Path(given).is_dir():
        return _Opened(pictures_in(Path(given)))
    # The only picture: without it there is nothing to ask about.
    opened = _Opened([given])
    opened._kept[given] = open_picture(given)
    return opened


def _ask(
    answerer: "Answerer",
    version: str,
    pictures: _Opened,
    questions: list[str],
    choices: list[str] | None,
    settings: Settings,
) -> Iterator[Said]:
    if choices is not None:
        for name, picture in track(pictures, version, total=len(pictures.names)):
            for question in questions:
                yield Said(name, version, answerer.rank(picture, question, choices))
        return
    closed = None if settings.choices is None else answerer.distinct(settings.choices)
    names: list[str] = []

    def asked() -> Iterator[tuple[Image.Image, list[str]]]:
        for name, picture in pictures:
            names.append(name)
            yield picture, questions

    results = answerer.ask_many(asked(), closed)
    for number, answers in enumerate(track(results, version, total=len(pictures.names))):
        for answer in answers:
            yield Said(names[number], version, [answer])


def _print_json(said: Sequence[Said], ranked: bool) -> None:
    rows = []
    for one in said:
        best = one.best
        row = {"picture": one.picture, "question": best.question, "version": one.version}
        row |= {
            "answer": best.answer,
            "probability": best.probability,
            "log_probability": best.log_probability,
        }
        if ranked:
            row["choices"] = [
                {"answer": answer.answer, "share": answer.share, "probability": answer.probability}
                for answer in one.answers
            ]
        rows.append(row)
    # JSON has escapes for what the terminal's encoding has not.
    unicode = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    print(json.dumps(rows, indent=2, ensure_ascii=not unicode, allow_nan=False))
