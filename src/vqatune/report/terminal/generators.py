"""`vqatune pairs --compare`: two generators side by side, in the terminal."""

from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vqatune.inspection.generator_figures import Comparison, GeneratorFigures
from vqatune.inspection.shares import Share
from vqatune.report.terminal.reviews import interval
from vqatune.runtime.terminal import Terminal


def show_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print two generators on the images that both have."""
    console = console or Terminal()
    both = comparison.first, comparison.second
    table = Table(f"on the same {comparison.images:,} images", *(escape(each.name) for each in both))
    for column in table.columns[1:]:
        column.justify = "right"
    for name, text in _ROWS.items():
        table.add_row(name, *map(text, both))
    for title, shares in (("dropped", "dropped"), ("type", "question_types")):
        names = dict.fromkeys(name for each in both for name in getattr(each, shares))
        table.add_section()
        for name in names:
            of = [getattr(each, shares).get(name) for each in both]
            table.add_row(f"{title}: {name.replace('_', ' ')}", *map(_of_pairs, of))
    console.print(table)
    same = comparison.same_answer
    console.print(
        f"They ask alike in {same.of:,} pairs, and give the same answer in {same.count:,} ({interval(same)}).",
        highlight=False,
        soft_wrap=True,
    )
    console.print("Intervals are 95 % (Wilson).", style="dim", highlight=False, soft_wrap=True)


def _of_pairs(share: Share | None) -> str:
    return "0" if share is None else f"{share.count:,} ({100 * (share.value or 0):.1f} %)"


def _number(amount: float | None, form: str) -> str:
    return "–" if amount is None else format(amount, form)


def _reviewed(each: GeneratorFigures) -> str:
    return f"{interval(each.wrong)} of {each.wrong.of:,}" if each.wrong.of else "–"


_ROWS: dict[str, Callable[[GeneratorFigures], str]] = {
    "images without a pair": lambda each: f"{each.without_pairs:,}",
    "pairs": lambda each: f"{each.pairs:,}",
    "kept": lambda each: f"{each.kept.count:,}",
    "kept, share": lambda each: interval(each.kept),
    "words a question": lambda each: _number(each.question_words, ".2f"),
    "words an answer": lambda each: _number(each.answer_words, ".2f"),
    "distinct questions": lambda each: _of_pairs(each.distinct_questions),
    "distinct answers": lambda each: f"{each.distinct_answers:,}",
    "answered by yes or no": lambda each: "–" if each.yes_no is None else f"{100 * each.yes_no:.1f} %",
    "wrong or to mend, reviewed": _reviewed,
    "input tokens a kept pair": lambda each: _number(each.per_kept(each.input_tokens), ",.1f"),
    "output tokens a kept pair": lambda each: _number(each.per_kept(each.output_tokens), ",.1f"),
    "US dollars per 1,000 kept pairs": lambda each: _number(
        None if each.dollars is None else each.per_kept(1000 * each.dollars), ",.4f"
    ),
}
