"""`vqatune ask`: ask versions about an image, or about the images in a folder."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from vqatune.cli.abstain_argument import add_abstain_argument, chosen_abstaining
from vqatune.cli.model_arguments import add_model_arguments, add_version_argument
from vqatune.cli.terminal_encoding import is_unicode
from vqatune.errors import DataError, ImageError
from vqatune.inference.answering.answer import check_question, parse_choices
from vqatune.inference.answering.image_input import images_in, is_url, open_image
from vqatune.inference.answering.settings import Settings, choose_version, choose_versions, own_settings
from vqatune.report.terminal.answers import AnswerRow, shortened, show_answers, show_ranking
from vqatune.runtime.output import say, say_json
from vqatune.runtime.progress import track
from vqatune.runtime.terminal import Terminal

if TYPE_CHECKING:
    from vqatune.inference.answering.answerer import Answerer

KEPT_PIXELS = 200_000_000
"""The most pixels of decoded images that are kept for the next version; other images are decoded again."""


class _OpenedImages:
    """Images that are decoded once for all versions, as far as they fit into KEPT_PIXELS."""

    def __init__(self, names: Sequence[str | Path]) -> None:
        self.names = list(names)
        self._kept: dict[str | Path, Image.Image] = {}
        self._room = KEPT_PIXELS

    def __iter__(self) -> Iterator[tuple[str, Image.Image]]:
        """Yield names and images; images that do not open are reported once and removed."""
        for name in list(self.names):
            if name in self._kept:
                yield str(name), self._kept[name]
                continue
            try:
                image = open_image(name)
            except ImageError as error:
                say(f"{error}; it is left out", error=True)
                self.names.remove(name)
                continue
            self._room -= image.width * image.height
            if self._room >= 0:
                self._kept[name] = image
            yield str(name), image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("picture", metavar="PICTURE", help="a file, a folder of images, or an http(s) URL")
    parser.add_argument("questions", metavar="QUESTION", nargs="*", help='such as "What colour is it?"')
    which = parser.add_mutually_exclusive_group()
    add_version_argument(which)
    which.add_argument("--versions", metavar="NAMES", help="side by side: v1,v7,v13, or all")
    add_model_arguments(parser)
    parser.add_argument("--choices", metavar="LIST", help='rank these answers: "red,blue,green"')
    add_abstain_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(chosen: argparse.Namespace) -> None:
    """Print the versions' answers."""
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
    abstaining = {name: chosen_abstaining(chosen.abstain_below, name, chosen.models) for name in versions}
    images = _open_images(chosen.picture)
    settings = own_settings(chosen.device, chosen.quantization)
    answer_rows: list[AnswerRow] = []
    for number, (name, folder) in enumerate(versions.items()):
        answerer = settings.open(folder)
        if number == 0:
            for question in answerer.too_long(questions):
                say(
                    f"the question {shortened(question, 60)!r} is too long: "
                    f"only its first {answerer.encoder.tokens_read(question)} tokens are read",
                    error=True,
                )
        for row in _ask(answerer, name, images, questions, choices, settings):
            rule = abstaining[name]
            answer_rows.append(row if rule is None else replace(row, abstained=rule.abstains(row.best)))
    if not answer_rows:
        raise DataError(f"{chosen.picture} holds no picture that opens: name a folder that does")
    if chosen.json:
        _print_json(answer_rows, choices is not None)
        return
    show = show_ranking if choices is not None and len(versions) == 1 else show_answers
    show(answer_rows, Terminal())


def parse_names(text: str) -> list[str]:
    """Return names that are separated by commas, each once."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _open_images(name: str) -> _OpenedImages:
    if not name:
        raise DataError("no picture is named: give a file, a folder or a URL")
    if not is_url(name) and Path(name).is_dir():
        return _OpenedImages(images_in(Path(name)))
    # A single image that does not open is an error.
    opened = _OpenedImages([name])
    opened._kept[name] = open_image(name)
    return opened


def _ask(
    answerer: "Answerer",
    version: str,
    images: _OpenedImages,
    questions: list[str],
    choices: list[str] | None,
    settings: Settings,
) -> Iterator[AnswerRow]:
    if choices is not None:
        for name, image in track(images, version, total=len(images.names)):
            for question in questions:
                yield AnswerRow(name, version, answerer.rank(image, question, choices))
        return
    candidates = None if settings.choices is None else answerer.distinct(settings.choices)
    names: list[str] = []

    def image_questions() -> Iterator[tuple[Image.Image, list[str]]]:
        for name, image in images:
            names.append(name)
            yield image, questions

    results = answerer.ask_many(image_questions(), candidates)
    for number, answers in enumerate(track(results, version, total=len(images.names))):
        for answer in answers:
            yield AnswerRow(names[number], version, [answer])


def _print_json(answer_rows: Sequence[AnswerRow], ranked: bool) -> None:
    rows = []
    for answer_row in answer_rows:
        best = answer_row.best
        row = {"picture": answer_row.image, "question": best.question, "version": answer_row.version}
        row |= {
            "answer": None if answer_row.abstained else best.answer,
            "probability": best.probability,
            "log_probability": best.log_probability,
        }
        if answer_row.abstained is not None:
            row["abstained"] = answer_row.abstained
        if ranked:
            row["choices"] = [
                {"answer": answer.answer, "share": answer.share, "probability": answer.probability}
                for answer in answer_row.answers
            ]
        rows.append(row)
    # Escape characters that the terminal's encoding lacks.
    say_json(json.dumps(rows, indent=2, ensure_ascii=not is_unicode(), allow_nan=False))
