"""Answering a CSV of questions, of any length; interrupted work resumes.

Rows are answered in chunks. Within a chunk an image is encoded once for all its questions, so files sorted by image
are the fastest. Each chunk's results are saved in one file; when all are there, they are merged with the rows.
"""

import logging
import shutil
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from vqatune.errors import DataError
from vqatune.inference.answering.abstaining import Abstaining
from vqatune.inference.answering.answer import make_answer
from vqatune.inference.answering.chunks import Chunk, read_chunks, read_saved
from vqatune.inference.answering.image_folder import ImageFolder
from vqatune.inference.answering.questions_file import QuestionsFile, write_row
from vqatune.inference.answering.settings import Settings
from vqatune.runtime.code import digest_code
from vqatune.runtime.fingerprints import digest_folder, make_key
from vqatune.runtime.formulas import is_formula, quoted, warn_of_formulas
from vqatune.runtime.interrupt import Interrupts
from vqatune.runtime.locks import LOCKS, only_one
from vqatune.runtime.progress import bar
from vqatune.runtime.versions import BASE
from vqatune.tables import replacing

if TYPE_CHECKING:
    from vqatune.inference.answering.answerer import Answerer

_logger = logging.getLogger(__name__)

WORK = Path(".work/answers")
SHOWN_PROBLEMS = 20
_ANSWER = ("answer", "prediction", "model_answer")
_PROBABILITY = ("probability", "model_probability", "answer_probability")
"""Names of the added columns: the first of each that the file does not have."""


def answer_file(
    file: QuestionsFile,
    images: ImageFolder,
    version: str,
    folder: Path,
    settings: Settings,
    out: Path,
    choices: list[str] | None = None,
    strict: bool = False,
    quote_formulas: bool = False,
    abstaining: Abstaining | None = None,
) -> None:
    """Write the rows of a file of questions with a version's answers and their probabilities.

    Args:
        file: of `open_questions`.
        images: where the images are found.
        version: its name, for messages.
        folder: of the version.
        settings: that it answers with.
        out: written atomically.
        choices: the answers to choose from, for all questions; None for those of the file or the settings, or none.
        strict: whether a row without an answer is an error.
        quote_formulas: whether all cells that a spreadsheet would run have an apostrophe before them.
        abstaining: which answers are left empty; None for none. With `choices` all of them are then scored, for the share.

    Raises:
        DataError: `out` cannot be written, this file is being answered already, it changes meanwhile, or
            with `strict` a row has no answer.
        ModelError: the version is incomplete.
        Stopped: a signal came; the answers so far are saved.
    """
    added = [_free(file, _ANSWER), _free(file, _PROBABILITY)]
    _logger.info(
        "%s answers %s questions of %s (image: %s, question: %s; added: %s)",
        version,
        f"{file.count:,}",
        file.path,
        file.header[file.image],
        file.header[file.question],
        ", ".join(added),
    )
    answerer = settings.open(folder)
    # Of choices that were asked for, not of the settings' list, which may be long.
    shares = abstaining is not None and choices is not None
    if choices is None and settings.choices is not None and file.choices is None:
        choices = answerer.distinct(settings.choices)
    key = _key(answerer, folder, file, choices, shares)
    work = WORK / key
    running = f"{file.path} is being answered already: wait for it, or stop that process"
    try:
        work.mkdir(parents=True, exist_ok=True)
        with only_one(LOCKS / f"answer-{key}.lock", running):
            names = _answer_chunks(answerer, version, file, images, choices, shares, work, strict)
            parts = [work / name for name in names]
            _write(answerer, file, added, parts, out, strict, quote_formulas, abstaining)
            shutil.rmtree(work)
    except OSError as error:
        raise DataError(
            f"answers cannot be kept in {WORK} ({error.strerror or error}): run this where that can be written, and "
            "there is room; what has been kept stays"
        ) from error


def _key(
    answerer: "Answerer", folder: Path, file: QuestionsFile, choices: list[str] | None, shares: bool
) -> str:
    """Return a key of everything that determines the answers but the images, which are in the chunks' names."""
    from vqatune.models.device import device_name

    base = folder.parent / BASE
    adapted = (folder / "adapter_config.json").exists()
    return make_key(
        model=digest_folder(folder),
        base=digest_folder(base) if adapted else None,
        questions=file.digest,
        columns=[file.image, file.question, file.choices],
        choices=choices,
        shares=shares,
        compute=answerer.compute.model_dump(exclude={"loader_processes"}),
        device=device_name(answerer.device),
        predict=[
            answerer.max_answer_tokens,
            answerer.beams,
            answerer.images_per_micro_batch,
            answerer.pairs_per_micro_batch,
        ],
        code=digest_code("vqatune.inference.answering.answerer", "vqatune.inference.answering.chunks"),
    )


def _answer_chunks(
    answerer: "Answerer",
    version: str,
    file: QuestionsFile,
    images: ImageFolder,
    choices: list[str] | None,
    shares: bool,
    work: Path,
    strict: bool,
) -> list[str]:
    """Answer the chunks that are not yet saved in `work`; return the names of all, in order.

    shares: whether answers have their share of `choices`.
    """
    names: list[str] = []
    pending: deque[Chunk] = deque()
    done = 0
    with Interrupts() as interrupts, bar() as progress:
        task = progress.add_task(f"answer: {version}", total=file.count)

        def groups() -> Iterator[list]:
            nonlocal done
            for chunk in read_chunks(file, images):
                names.append(chunk.name)
                if chunk.is_saved(work):
                    done += len(chunk.lines)
                    progress.update(task, completed=done)
                    continue
                _check_strict(chunk, file, strict)
                pending.append(chunk)
                if shares:
                    yield [(path, [(one, choices) for one in questions]) for path, questions in chunk.images]
                else:
                    yield chunk.images

        if shares and choices is not None:
            answerer.candidates(choices)
        if file.choices is None and not shares:
            results = answerer.ask_groups(groups(), choices)
        else:
            results = answerer.choose_groups(groups())
        image = 0
        with closing(results):
            for result in results:
                # Some chunks have no question that can be answered.
                while not pending[0].images:
                    done += _save_first(pending, work)
                pending[0].set_result(image, result)
                image += 1
                if image == len(pending[0].images):
                    _check_strict(pending[0], file, strict)
                    done, image = done + _save_first(pending, work), 0
                progress.update(task, completed=done)
                if interrupts.pending is not None:
                    interrupts.stop(f"after {done:,} of {file.count:,} questions")
        while pending:
            _save_first(pending, work)
    return names


def _save_first(pending: deque[Chunk], work: Path) -> int:
    chunk = pending.popleft()
    chunk.save(work)
    return len(chunk.lines)


def _check_strict(chunk: Chunk, file: QuestionsFile, strict: bool) -> None:
    if not strict:
        return
    for line, result in zip(chunk.lines, chunk.results, strict=True):
        if isinstance(result, str):
            raise DataError(f"{file.path}, line {line}: {result}")


def _write(
    answerer: "Answerer",
    file: QuestionsFile,
    added: list[str],
    parts: list[Path],
    out: Path,
    strict: bool,
    quote_formulas: bool,
    abstaining: Abstaining | None,
) -> None:
    """Write the rows of the file with their answers, and log which have none."""
    problems, truncated = _LineMessages(), _LineMessages()
    formulas = abstained = 0

    def shown(cells: list[str]) -> list[str]:
        return list(map(quoted, cells)) if quote_formulas else cells

    try:
        with replacing(out) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as target:
            write_row(target, shown([*file.header, *added]), file.delimiter)
            rows = file.rows()
            for part in parts:
                # Saved results come first in zip, which then takes no row beyond this part.
                for (answer, log_probability, share, problem), (line, cells) in zip(
                    read_saved(part), rows, strict=False
                ):
                    probability = ""
                    if log_probability is not None:
                        given = make_answer("", answer, log_probability, share)
                        probability = f"{given.probability:.6g}"
                        if abstaining is not None and abstaining.abstains(given):
                            answer, abstained = "", abstained + 1
                    # The other cells are those of the user's own file.
                    formulas += is_formula(answer)
                    write_row(target, shown([*cells, answer, probability]), file.delimiter)
                    question = cells[file.question]
                    if problem is not None:
                        if strict:
                            raise DataError(f"{file.path}, line {line}: {problem}")
                        problems.add(line, problem)
                    # A token has at least one character.
                    elif len(question) > 100 and answerer.too_long([question]):
                        read = answerer.encoder.tokens_read(question)
                        truncated.add(
                            line, f"the question is too long: only its first {read} tokens are read"
                        )
            # Otherwise the rows could differ from those that were answered.
            file.check_unchanged()
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror or error}") from error
    if not quote_formulas:
        warn_of_formulas(formulas, out)
    problems.log()
    truncated.log()
    if problems.count:
        _logger.warning("%s of %s questions have no answer", f"{problems.count:,}", f"{file.count:,}")
    if abstaining is not None:
        _logger.info(
            "%s of %s answers are below %g and left empty",
            f"{abstained:,}",
            f"{file.count - problems.count:,}",
            abstaining.below,
        )


class _LineMessages:
    """Messages about lines of a file: the first line of each message, and the number of lines."""

    def __init__(self) -> None:
        self.count = 0
        self._first: dict[str, int] = {}
        self._times: Counter[str] = Counter()

    def add(self, line: int, message: str) -> None:
        self.count += 1
        # Only the first few messages are shown.
        if message in self._first or len(self._first) < SHOWN_PROBLEMS:
            self._first.setdefault(message, line)
            self._times[message] += 1

    def log(self) -> None:
        for message, line in self._first.items():
            more = f" and {self._times[message] - 1:,} more" if self._times[message] > 1 else ""
            _logger.warning("line %s%s: %s", line, more, message)
        if rest := self.count - self._times.total():
            _logger.warning("%s more lines with something like it", f"{rest:,}")


def _free(file: QuestionsFile, names: tuple[str, ...]) -> str:
    taken = {name.strip().casefold() for name in file.header}
    for name in names:
        if name not in taken:
            return name
    raise DataError(f"{file.path} has the columns {', '.join(names)} already: rename one of them")
