"""What versions say, in the terminal: a row a question, several versions side by side, a closed list ranked."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vqatune.inference.answering.answer import Answer
from vqatune.report.terminal.tables import in_parts

SHOWN_CHOICES = 10
EMPTY = "(empty)"
"""Stands for an answer without words."""
_NARROWEST_QUESTION, _LONGEST_QUESTION, _LONGEST_PICTURE, _LONGEST_ANSWER = 16, 120, 28, 30


@dataclass(frozen=True)
class Said:
    """What a version says to a question about a picture; with choices all of them, the most probable first."""

    picture: str
    version: str
    answers: list[Answer]

    @property
    def best(self) -> Answer:
        """The answer."""
        return self.answers[0]


def show_answers(said: Sequence[Said], console: Console) -> None:
    """Print answers and their probabilities (with choices their shares of what all choices have).

    Several versions stand side by side or, where there is no room for that, below each other, with a table a
    picture; answers that are not those of the last version are marked.
    """
    versions = list(dict.fromkeys(one.version for one in said))
    if len(versions) == 1:
        console.print(_plain_table(said))
        return
    differs = "≠" if console.encoding.lower().startswith("utf") else "!="
    last = {(one.picture, one.best.question): one for one in said if one.version == versions[-1]}

    def cell(one: Said) -> str:
        best = one.best
        mark = f"{differs} " if best.answer != last[one.picture, best.question].best.answer else ""
        number = best.probability if best.share is None else best.share
        return mark + f"{shortened(best.answer or EMPTY, _LONGEST_ANSWER)} {shown_number(number)}"

    cells = {(one.version, one.picture, one.best.question): escape(cell(one)) for one in said}
    beside = in_parts(lambda some: _side_by_side(said, some, cells), versions, console)
    if len(beside) == 1:
        console.print(beside[0])
    else:
        for picture in dict.fromkeys(one.picture for one in said):
            _print_below(picture, versions, cells, console)
    different = any(text.startswith(differs) for text in cells.values())
    note = f"{differs} not what {versions[-1]} says" if different else "all versions say the same"
    console.print(note, style="dim", markup=False, highlight=False, soft_wrap=True)


def show_ranking(said: Sequence[Said], console: Console) -> None:
    """Print the choices of every question to one version, the most probable first, with share and probability."""
    several = _several(said)
    table = Table(title=_title(said))
    if several:
        table.add_column("picture", overflow="fold")
    table.add_column("question", min_width=_NARROWEST_QUESTION)
    for name in ("choice", "share", "probability"):
        table.add_column(name, no_wrap=True, justify="left" if name == "choice" else "right")
    for one in said:
        shown = one.answers[:SHOWN_CHOICES]
        more = len(one.answers) - len(shown)
        for place, answer in enumerate(shown):
            first = [_picture(one.picture)] * several + [_question(answer.question)]
            numbers = (shown_number(answer.share), shown_number(answer.probability))
            table.add_row(
                *(first if place == 0 else [""] * len(first)),
                escape(shortened(answer.answer, _LONGEST_ANSWER)),
                *numbers,
                end_section=place == len(shown) - 1 and not more,
            )
        if more:
            table.add_row(*[""] * (1 + several), f"… and {more:,} more", "", "", end_section=True)
    console.print(table)


def _plain_table(said: Sequence[Said]) -> Table:
    several = _several(said)
    table = Table(title=_title(said))
    if several:
        table.add_column("picture", overflow="fold")
    table.add_column("question", min_width=_NARROWEST_QUESTION)
    table.add_column("answer", overflow="fold")
    table.add_column("probability", no_wrap=True, justify="right")
    for one in said:
        best = one.best
        first = [_picture(one.picture)] * several + [_question(best.question)]
        table.add_row(*first, escape(best.answer or EMPTY), shown_number(best.probability))
    return table


def _side_by_side(
    said: Sequence[Said], versions: Sequence[str], cells: dict[tuple[str, str, str], str]
) -> Table:
    several = _several(said)
    table = Table(title=None if several else _picture(said[0].picture))
    if several:
        table.add_column("picture", no_wrap=True)
    table.add_column("question", min_width=_NARROWEST_QUESTION)
    for version in versions:
        table.add_column(version, no_wrap=True)
    for picture, question in dict.fromkeys((one.picture, one.best.question) for one in said):
        first = [_picture(picture)] * several + [_question(question)]
        table.add_row(*first, *(cells[version, picture, question] for version in versions))
    return table


def _print_below(
    picture: str, versions: list[str], cells: dict[tuple[str, str, str], str], console: Console
) -> None:
    """Print a row a version, a column a question, in as many tables as that takes."""
    questions = list(dict.fromkeys(question for _, shown, question in cells if shown == picture))

    def make(some: Sequence[str]) -> Table:
        table = Table(title=_picture(picture))
        table.add_column("version", no_wrap=True)
        for question in some:
            # The question may be broken into lines, the answers not.
            widest = max(len(cells[version, picture, question]) for version in versions)
            table.add_column(_question(question), min_width=widest)
        for version in versions:
            table.add_row(version, *(cells[version, picture, question] for question in some))
        return table

    for table in in_parts(make, questions, console):
        console.print(table)


def shortened(text: str, longest: int) -> str:
    """Return text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _several(said: Sequence[Said]) -> bool:
    return len({one.picture for one in said}) > 1


def _title(said: Sequence[Said]) -> str:
    version = escape(said[0].version)
    return version if _several(said) else f"{_picture(said[0].picture)}, {version}"


def _picture(name: str) -> str:
    # The end of a path or an address says more than its beginning.
    return escape(name if len(name) <= _LONGEST_PICTURE else "…" + name[1 - _LONGEST_PICTURE :])


def _question(text: str) -> str:
    return escape(shortened(text, _LONGEST_QUESTION))


def shown_number(probability: float | None) -> str:
    """Return a probability as a table shows it; None as nothing."""
    if probability is None:
        return ""
    return "<0.001" if 0 < probability < 0.0005 else f"{probability:.3f}"
