"""Tables of answers in the terminal: one version, several versions side by side, or ranked choices."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vqatune.inference.answering.abstaining import NOT_SURE
from vqatune.inference.answering.answer import Answer
from vqatune.report.terminal.tables import in_parts

SHOWN_CHOICES = 10
EMPTY = "(empty)"
"""Shown for an empty answer."""
_NARROWEST_QUESTION, _LONGEST_QUESTION, _LONGEST_IMAGE_NAME, _LONGEST_ANSWER = 16, 120, 28, 30


@dataclass(frozen=True)
class AnswerRow:
    """A version's answer to a question about an image; with choices, all of them, the most probable first."""

    image: str
    version: str
    answers: list[Answer]
    abstained: bool | None = None
    """Whether the answer is not probable enough to be given; None where every answer is."""

    @property
    def best(self) -> Answer:
        """The most probable answer."""
        return self.answers[0]

    @property
    def shown(self) -> str:
        """What a table has as the answer."""
        return NOT_SURE if self.abstained else self.best.answer or EMPTY


def show_answers(rows: Sequence[AnswerRow], console: Console) -> None:
    """Print answers with their probabilities, or with choices their shares.

    Several versions are columns or, where the terminal is too narrow, rows of one table per image; answers that differ
    from the last version's are marked.
    """
    versions = list(dict.fromkeys(row.version for row in rows))
    if len(versions) == 1:
        console.print(_plain_table(rows))
        return
    differs = "≠" if console.encoding.lower().startswith("utf") else "!="
    last = {(row.image, row.best.question): row for row in rows if row.version == versions[-1]}

    def cell(row: AnswerRow) -> str:
        best = row.best
        mark = f"{differs} " if _given(row) != _given(last[row.image, best.question]) else ""
        number = best.probability if best.share is None else best.share
        return mark + f"{shortened(row.shown, _LONGEST_ANSWER)} {shown_number(number)}"

    cells = {(row.version, row.image, row.best.question): escape(cell(row)) for row in rows}
    beside = in_parts(lambda some: _side_by_side(rows, some, cells), versions, console)
    if len(beside) == 1:
        console.print(beside[0])
    else:
        for image in dict.fromkeys(row.image for row in rows):
            _print_below(image, versions, cells, console)
    different = any(text.startswith(differs) for text in cells.values())
    note = f"{differs} not what {versions[-1]} says" if different else "all versions say the same"
    console.print(note, style="dim", markup=False, highlight=False, soft_wrap=True)


def show_ranking(rows: Sequence[AnswerRow], console: Console) -> None:
    """Print one version's choices for every question, the most probable first, with share and probability."""
    several = _of_several_images(rows)
    table = Table(title=_title(rows))
    if several:
        table.add_column("picture", overflow="fold")
    table.add_column("question", min_width=_NARROWEST_QUESTION)
    for name in ("choice", "share", "probability"):
        table.add_column(name, no_wrap=True, justify="left" if name == "choice" else "right")
    for row in rows:
        shown = row.answers[:SHOWN_CHOICES]
        more = len(row.answers) - len(shown)
        if row.abstained:
            first = [_image(row.image)] * several + [_question(row.best.question)]
            table.add_row(*first, NOT_SURE, "", "")
        for place, answer in enumerate(shown):
            first = [_image(row.image)] * several + [_question(answer.question)]
            numbers = (shown_number(answer.share), shown_number(answer.probability))
            table.add_row(
                *(first if place == 0 and not row.abstained else [""] * len(first)),
                escape(shortened(answer.answer, _LONGEST_ANSWER)),
                *numbers,
                end_section=place == len(shown) - 1 and not more,
            )
        if more:
            table.add_row(*[""] * (1 + several), f"… and {more:,} more", "", "", end_section=True)
    console.print(table)


def _plain_table(rows: Sequence[AnswerRow]) -> Table:
    several = _of_several_images(rows)
    table = Table(title=_title(rows))
    if several:
        table.add_column("picture", overflow="fold")
    table.add_column("question", min_width=_NARROWEST_QUESTION)
    table.add_column("answer", overflow="fold")
    table.add_column("probability", no_wrap=True, justify="right")
    for row in rows:
        best = row.best
        first = [_image(row.image)] * several + [_question(best.question)]
        table.add_row(*first, escape(row.shown), shown_number(best.probability))
    return table


def _given(row: AnswerRow) -> str | None:
    return None if row.abstained else row.best.answer


def _side_by_side(
    rows: Sequence[AnswerRow], versions: Sequence[str], cells: dict[tuple[str, str, str], str]
) -> Table:
    several = _of_several_images(rows)
    table = Table(title=None if several else _image(rows[0].image))
    if several:
        table.add_column("picture", no_wrap=True)
    table.add_column("question", min_width=_NARROWEST_QUESTION)
    for version in versions:
        table.add_column(version, no_wrap=True)
    for image, question in dict.fromkeys((row.image, row.best.question) for row in rows):
        first = [_image(image)] * several + [_question(question)]
        table.add_row(*first, *(cells[version, image, question] for version in versions))
    return table


def _print_below(
    image: str, versions: list[str], cells: dict[tuple[str, str, str], str], console: Console
) -> None:
    """Print a row per version and a column per question, in as many tables as the width requires."""
    questions = list(dict.fromkeys(question for _, shown, question in cells if shown == image))

    def make(some: Sequence[str]) -> Table:
        table = Table(title=_image(image))
        table.add_column("version", no_wrap=True)
        for question in some:
            # Questions may wrap, answers may not.
            widest = max(len(cells[version, image, question]) for version in versions)
            table.add_column(_question(question), min_width=widest)
        for version in versions:
            table.add_row(version, *(cells[version, image, question] for question in some))
        return table

    for table in in_parts(make, questions, console):
        console.print(table)


def shortened(text: str, longest: int) -> str:
    """Return the text on one line, truncated to `longest` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _of_several_images(rows: Sequence[AnswerRow]) -> bool:
    return len({row.image for row in rows}) > 1


def _title(rows: Sequence[AnswerRow]) -> str:
    version = escape(rows[0].version)
    return version if _of_several_images(rows) else f"{_image(rows[0].image)}, {version}"


def _image(name: str) -> str:
    # The end of a path or URL identifies it better than its beginning.
    return escape(name if len(name) <= _LONGEST_IMAGE_NAME else "…" + name[1 - _LONGEST_IMAGE_NAME :])


def _question(text: str) -> str:
    return escape(shortened(text, _LONGEST_QUESTION))


def shown_number(probability: float | None) -> str:
    """Format a probability for a table; None as an empty string."""
    if probability is None:
        return ""
    return "<0.001" if 0 < probability < 0.0005 else f"{probability:.3f}"
