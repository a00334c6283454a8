"""`vqatune estimate` and `vqatune pilot` in the terminal: what the missing replies will take, what a pilot gave."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vqatune.inspection.estimate import Estimate, Estimates
from vqatune.inspection.pilot import Pilot
from vqatune.params import GenerateParams
from vqatune.report.pairs.pilot import pilot_dollars
from vqatune.runtime.terminal import Terminal


def show_estimates(estimates: Estimates, console: Console | None = None) -> None:
    """Print the missing requests with their tokens, dollars and hours, and what these come from."""
    console = console or Terminal()
    first, each = estimates.by_provider[0], estimates.figures
    there = estimates.images - first.images
    console.print(
        f"{first.model}: {there:,} of {estimates.images:,} images are done, {first.images:,} are missing",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if not first.images:
        return
    table = Table("what is missing takes")
    for one in estimates.by_provider:
        table.add_column(escape(one.provider), justify="right", no_wrap=True)
    for name, text in _ROWS.items():
        table.add_row(name, *(text(one) for one in estimates.by_provider))
    console.print(table)
    for line in _sources(estimates):
        console.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)
    if not each.images:
        console.print(
            "The figures of a request are assumed: `vqatune pilot` counts them, and its replies are kept.",
            highlight=False,
            soft_wrap=True,
        )


def show_pilot(pilot: Pilot, params: GenerateParams, console: Console | None = None) -> None:
    """Print what a pilot gave, and what its replies have cost."""
    console = console or Terminal()
    report, summary = pilot.generated.report, pilot.generated.summary
    said = f"{report['images']:,} images: {report['kept']:,} of {report['pairs']:,} pairs are kept"
    if report["images_without_pairs"]:
        said += f"; {report['images_without_pairs']:,} images have none that is kept"
    if "input_tokens" in summary:
        said += f"; {summary['input_tokens']:,} tokens in, {summary['output_tokens']:,} out"
    cost = pilot_dollars(pilot, params)
    if cost is not None:
        said += f", {_amount(cost)} US dollars"
        said += " by single requests, at twice the price of a batch job" if pilot.asked_singly else ""
    console.print(said, highlight=False, markup=False, soft_wrap=True)


def _dollars(estimate: Estimate) -> str:
    return "?" if estimate.dollars is None else _amount(estimate.dollars)


def _amount(dollars: float) -> str:
    return f"{dollars:,.2f}" if dollars >= 1 else f"{dollars:.4f}"


def _hours(estimate: Estimate) -> str:
    if estimate.provider == "gemini_batch":
        return f"up to {estimate.hours:.0f}"
    return f"{estimate.hours:,.1f}" if estimate.hours >= 0.05 else "< 0.1"


_ROWS = {
    "requests": lambda one: f"{one.requests:,}",
    "input tokens": lambda one: f"{one.input_tokens:,}",
    "output tokens": lambda one: f"{one.output_tokens:,}",
    "US dollars": _dollars,
    "hours": _hours,
}


def _sources(estimates: Estimates) -> list[str]:
    each, first = estimates.figures, estimates.by_provider[0]
    counted = f"counted on {each.images:,} images" if each.images else "assumed"
    tokens = f"{each.input_tokens:,.0f} tokens in, {each.output_tokens:,.0f} out"
    lines = [f"an image: {each.requests:.2f} requests, {tokens} ({counted})"]
    shown = next((one for one in estimates.by_provider if one.provider != "gemini_batch"), first)
    timed = f"measured on {each.timed:,} replies" if each.timed else "assumed"
    lines.append(f"hours: {shown.held_by} (seconds of a reply: {timed})")
    if first.dollars is None:
        lines.append("US dollars: set generate.price, or give --price IN OUT, in dollars per million tokens")
    return lines
