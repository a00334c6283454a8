"""The command `vqatune answer`: a file of questions becomes a file with answers, however long; interrupted, it goes on.

The rows are taken in chunks. Within a chunk an image is encoded once for all of its questions, so a file whose rows
are sorted by image is the fastest. A chunk's answers are kept whole; when all chunks are there, they are put beside
the rows that they answer.
"""

import argparse
import math
import shutil
import sys
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from vqatune.errors import DataError
from vqatune.inference.answering.choices import parse_choices
from vqatune.inference.answering.chunks import Chunk, read_chunks, read_kept
from vqatune.inference.answering.picture_folder import PictureFolder
from vqatune.inference.answering.questions_file import QuestionsFile, open_questions, write_row
from vqatune.inference.answering.versions import BASE, choose_version, own_settings
from vqatune.runtime.code import digest_code
from vqatune.runtime.fingerprints import digest_folder, make_key
from vqatune.runtime.interrupt import Interrupts
from vqatune.runtime.progress import bar
from vqatune.runtime.stage import LOCKS
from vqatune.tables import replacing

if TYPE_CHECKING:
    from vqatune.inference.answering.answerer import Answerer

WORK = Path(".work/answers")
SHOWN_PROBLEMS = 20
_ANSWER = ("answer", "prediction", "model_answer")
_PROBABILITY = ("probability", "model_probability", "answer_probability")
"""What the added columns are called: the first of these that the file does not have."""


def answer_file(chosen: argparse.Namespace) -> Path:
    """Write a file of questions with the answers of a version, and return its path."""
    if chosen.out.exists():
        raise DataError(f"{chosen.out} exists: move it away, or name another file with --out")
    file = open_questions(chosen.questions, chosen.image, chosen.question, chosen.choices_column)
    added = [_free(file, _ANSWER), _free(file, _PROBABILITY)]
    pictures = PictureFolder(chosen.images)
    choices = None if chosen.choices is None else parse_choices(chosen.choices)
    version, folder = choose_version(chosen.models, chosen.version)
    settings = own_settings(chosen.device)
    image, question = file.header[file.image], file.header[file.question]
    print(
        f"{version} answers {file.count:,} questions of {file.path} (image: {image}, question: {question}; added: "
        f"{', '.join(added)})",
        file=sys.stderr,
    )
    answerer = settings.open(folder)
    if choices is None and settings.choices is not None and file.choices is None:
        choices = answerer.distinct(settings.choices)
    key = _key(answerer, folder, file, choices)
    work = WORK / key
    try:
        work.mkdir(parents=True, exist_ok=True)
        LOCKS.mkdir(parents=True, exist_ok=True)
        with FileLock(LOCKS / f"answer-{key}.lock", timeout=0):
            names = _ask(answerer, version, file, pictures, choices, work, chosen.strict)
            _write(answerer, file, added, [work / name for name in names], chosen.out, chosen.strict)
            shutil.rmtree(work)
    except Timeout as error:
        raise DataError(
            f"{file.path} is being answered already: wait for it, or stop that process"
        ) from error
    except OSError as error:
        raise DataError(
            f"answers cannot be kept in {WORK} ({error.strerror or error}): run this where that can be written, and "
            "there is room; what has been kept stays"
        ) from error
    return chosen.out


def _key(answerer: "Answerer", folder: Path, file: QuestionsFile, choices: list[str] | None) -> str:
    """Return a key of everything that the answers depend on beside the pictures, which name the chunks."""
    from vqatune.models.device import device_name

    base = folder.parent / BASE
    adapted = (folder / "adapter_config.json").exists()
    return make_key(
        model=digest_folder(folder),
        base=digest_folder(base) if adapted else None,
        questions=file.digest,
        columns=[file.image, file.question, file.choices],
        choices=choices,
        compute=answerer.compute.model_dump(exclude={"loader_processes"}),
        device=device_name(answerer.device),
        predict=[
            answerer.max_answer_tokens,
            answerer.beams,
            answerer.images_per_pass,
            answerer.pairs_per_pass,
        ],
        code=digest_code("vqatune.inference.answering.answerer", "vqatune.inference.answering.chunks"),
    )


def _ask(
    answerer: "Answerer",
    version: str,
    file: QuestionsFile,
    pictures: PictureFolder,
    choices: list[str] | None,
    work: Path,
    strict: bool,
) -> list[str]:
    """Ask what has not been asked; return the names of all chunks in `work`, in order."""
    names: list[str] = []
    pending: deque[Chunk] = deque()
    done = 0
    with Interrupts() as interrupts, bar() as progress:
        task = progress.add_task(f"answer: {version}", total=file.count)

        def groups() -> Iterator[list]:
            nonlocal done
            for chunk in read_chunks(file, pictures):
                names.append(chunk.name)
                if chunk.is_kept(work):
                    done += len(chunk.lines)
                    progress.update(task, completed=done)
                    continue
                _check_strict(chunk, file, strict)
                pending.append(chunk)
                yield chunk.asked

        if file.choices is None:
            results = answerer.ask_groups(groups(), choices)
        else:
            results = answerer.choose_groups(groups())
        place = 0
        with closing(results):
            for result in results:
                # Of some chunks there is nothing to ask.
                while not pending[0].asked:
                    done += _keep(pending, work)
                pending[0].take(place, result)
                place += 1
                if place == len(pending[0].asked):
                    _check_strict(pending[0], file, strict)
                    done, place = done + _keep(pending, work), 0
                progress.update(task, completed=done)
                if interrupts.pending is not None:
                    interrupts.stop(f"after {done:,} of {file.count:,} questions")
        while pending:
            _keep(pending, work)
    return names


def _keep(pending: deque[Chunk], work: Path) -> int:
    chunk = pending.popleft()
    chunk.save(work)
    return len(chunk.lines)


def _check_strict(chunk: Chunk, file: QuestionsFile, strict: bool) -> None:
    if not strict:
        return
    for line, said in zip(chunk.lines, chunk.said, strict=True):
        if isinstance(said, str):
            raise DataError(f"{file.path}, line {line}: {said}")


def _write(
    answerer: "Answerer", file: QuestionsFile, added: list[str], parts: list[Path], out: Path, strict: bool
) -> None:
    """Write the rows of the file with their answers, and say which have none."""
    problems, cut = _Lines(), _Lines()
    try:
        with replacing(out) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as target:
            write_row(target, [*file.header, *added], file.delimiter)
            rows = file.rows()
            for part in parts:
                # What is kept comes first: when it is at its end, no row has been taken in vain.
                for (answer, log_probability, problem), (line, cells) in zip(
                    read_kept(part), rows, strict=False
                ):
                    probability = "" if log_probability is None else f"{math.exp(log_probability):.6g}"
                    write_row(target, [*cells, answer, probability], file.delimiter)
                    question = cells[file.question]
                    if problem is not None:
                        if strict:
                            raise DataError(f"{file.path}, line {line}: {problem}")
                        problems.note(line, problem)
                    # No token is shorter than a character.
                    elif len(question) > 100 and answerer.too_long([question]):
                        cut.note(line, "the question is too long: only its first 128 tokens are read")
            # Rows of another file would stand beside answers that are not theirs.
            file.check_unchanged()
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror or error}") from error
    problems.show()
    cut.show()
    if problems.count:
        print(f"{problems.count:,} of {file.count:,} questions have no answer", file=sys.stderr)


class _Lines:
    """Lines of a file about which something is to be said: the first of each kind, and how many there are."""

    def __init__(self) -> None:
        self.count = 0
        self._first: dict[str, int] = {}
        self._times: Counter[str] = Counter()

    def note(self, line: int, what: str) -> None:
        self.count += 1
        # However many kinds there are, a few are shown.
        if what in self._first or len(self._first) < SHOWN_PROBLEMS:
            self._first.setdefault(what, line)
            self._times[what] += 1

    def show(self) -> None:
        for what, line in self._first.items():
            more = f" and {self._times[what] - 1:,} more" if self._times[what] > 1 else ""
            print(f"line {line}{more}: {what}", file=sys.stderr)
        if rest := self.count - self._times.total():
            print(f"{rest:,} more lines with something like it", file=sys.stderr)


def _free(file: QuestionsFile, names: tuple[str, ...]) -> str:
    taken = {name.strip().casefold() for name in file.header}
    for name in names:
        if name not in taken:
            return name
    raise DataError(f"{file.path} has the columns {', '.join(names)} already: rename one of them")
