"""A version's answer, as a part of the page: HTML that is plain without style, and read well aloud."""

import base64
from html import escape
from io import BytesIO

import numpy as np
from PIL import Image

from vqatune.demo.loaded_versions import Seen
from vqatune.demo.overlay import CONTOURS, EDGE, draw_over, most_looked_at
from vqatune.evaluation.metrics.text import plain

STYLE = """
.result { --quiet: color-mix(in srgb, var(--body-text-color) 74%, transparent); color: var(--body-text-color); }
.result h3 { margin: 0; font-size: 1rem; font-weight: 600; color: var(--quiet); }
.result .said { margin: .1rem 0 .2rem; font-size: 1.7rem; line-height: 1.25; font-weight: 650; overflow-wrap: anywhere; }
.result .said span { font-size: 1rem; font-weight: 400; color: var(--quiet); white-space: nowrap; }
.result p { margin: .2rem 0; }
.result.quiet, .result .quiet, .result caption, .result figcaption { color: var(--quiet); font-size: .875rem; }
.result table { width: 100%; border-collapse: collapse; margin: .7rem 0; table-layout: fixed; }
.result table, .result tbody, .result tr, .result th, .result td { border: 0 !important; background: none; }
.result caption { text-align: left; padding-bottom: .25rem; }
.result th, .result td { padding: .15rem .5rem .15rem 0; vertical-align: middle; font-size: .95rem; }
.result th { font-weight: 400; text-align: left; overflow-wrap: anywhere; width: 40%; }
.result tr.chosen th { font-weight: 650; }
.result td.share { text-align: right; font-variant-numeric: tabular-nums; width: 4.6rem; white-space: nowrap; }
.result td.bar { padding-right: 0; }
.result td.bar div { height: .8rem; border-radius: .2rem; min-width: 2px; background: var(--color-accent); }
.result figure { margin: .9rem 0 0; }
.result figure img.map { display: block; max-width: 100%; max-height: 21rem; border-radius: .4rem; }
.result figcaption { margin-top: .4rem; }
@media (max-width: 640px) { .result figure img.map { max-height: 12rem; } }
.result .scale span { display: inline-block; width: 1.6rem; vertical-align: middle; margin: 0 .1rem 0 .2rem; }
"""


_LEAST = 0.0005
"""A probability below is shown as less than 0.1 %."""


def show(seen: Seen, image: Image.Image, reference: str | None) -> str:
    """Return the HTML of an answer about an image in RGB; with the test set's answer, if there is one."""
    answer = seen.answer
    parts = [
        f"<h3>{escape(seen.version)}</h3>",
        f'<p class="said">{_text(answer.answer)} <span>{_percent(answer.probability)}</span></p>',
        "<p>Only the first words of the question were read: it is too long.</p>" if seen.cut else "",
        _compare(answer.answer, reference),
        _table(seen),
        "" if seen.looked is None else _figure(seen, image, seen.looked),
    ]
    label = escape(f"Answer of {seen.version}")
    return f'<article class="result" aria-label="{label}">{"".join(parts)}</article>'


def _compare(answer: str, reference: str | None) -> str:
    if reference is None:
        return ""
    if plain(answer) == plain(reference):
        return '<p class="quiet">✓ as in the test set</p>'
    return f'<p class="quiet">✗ the test set says {_text(reference)}</p>'


def _table(seen: Seen) -> str:
    rows = []
    for text, probability in seen.best:
        chosen = ' class="chosen"' if text == seen.answer.answer else ""
        # The shortest bar that can be seen would say too much of an answer that is all but impossible.
        bar = f'<div aria-hidden="true" style="width:{100 * probability:.2f}%"></div>'
        rows.append(
            f'<tr{chosen}><th scope="row">{_text(text)}</th><td class="share">{_percent(probability)}</td>'
            f'<td class="bar">{bar if probability >= _LEAST else ""}</td></tr>'
        )
    caption = "Its most probable answers"
    if not seen.proven:
        caption += ", as far as they were looked for"
    note = ""
    if not seen.answer.answer:
        note = '<p class="quiet">An answer without a word is not among them.</p>'
    elif seen.best and seen.best[0][0] != seen.answer.answer:
        note = (
            '<p class="quiet">It writes the most probable piece of a word each time, '
            "which did not lead to its most probable answer.</p>"
        )
    return f"<table><caption>{caption}</caption><tbody>{''.join(rows)}</tbody></table>{note}"


def _figure(seen: Seen, image: Image.Image, looked: np.ndarray) -> str:
    where, most = most_looked_at(looked)
    shown = seen.answer.answer or "nothing"
    alternative = (
        f"The picture with contours of where the answer “{shown}” looked: most at the {where}, "
        f"{most:.1f} times an even share."
    )
    return (
        f'<figure><img class="map" alt="{escape(alternative)}" src="{_data(draw_over(image, looked), "JPEG")}">'
        f"<figcaption>Where it looked: most at the {where}, {most:.1f} × an even share."
        f'<div class="scale quiet">Within a line, at least {_levels()} of the most.</div>'
        f"</figcaption></figure>"
    )


def _levels() -> str:
    """Return the share within each contour, behind a piece of its line."""
    pieces = [
        f'<span style="height:{contour.width}px; background:rgb{contour.colour}; outline:{EDGE}px solid #000"></span>'
        f" {100 * contour.level:.0f} %"
        for contour in CONTOURS
    ]
    return f"{', '.join(pieces[:-1])} or {pieces[-1]}"


def _text(answer: str) -> str:
    return escape(answer) if answer else "<em>nothing</em>"


def _percent(probability: float) -> str:
    if probability < _LEAST:
        return "&lt; 0.1 %"
    # An uncertain answer is not shown as 100 %.
    return f"{min(100 * probability, 99.9):.1f} %"


def _data(image: Image.Image, kind: str) -> str:
    buffer = BytesIO()
    image.save(buffer, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
