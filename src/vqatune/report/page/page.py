"""The report page: one file with all its data, images, styles and scripts, which opens from disk without a network."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vqatune.params import Params
from vqatune.report.figures.data import data_section
from vqatune.report.figures.versions import version_sections
from vqatune.report.history import best_version, in_chain, score_history
from vqatune.report.page.answers import read_answers
from vqatune.report.page.comparison import comparison_data
from vqatune.report.page.examples import example_data
from vqatune.report.page.provenance import Made, changed_parameters
from vqatune.report.page.summary import summarize
from vqatune.tables import replacing

FOLDER = Path(__file__).parent / "assets"
SCRIPTS = ("common", "charts", "comparison", "examples")
"""The page's own scripts, in their order."""


def write_page(
    root: Path, versions: Sequence[str], params: Params, path: Path | str, made: Made | None = None
) -> None:
    """Write the report of a finished run as one HTML file; the same run gives the same bytes.

    Args:
        root: the checkout of the run.
        versions: their names, base first; the blind guess may stand before it.
        params: those of the run.
        path: of the page.
        made: facts on this run and machine; without it the page explains how to see them.

    Raises:
        DataError: something that the page shows has not been made yet. ArchiveError: the images are missing.
        ParameterError: eval.best_by chooses by no score.
    """
    best = best_version(score_history(root / "metrics", versions, params.eval.best_by))
    answers = read_answers(root, versions)
    comparison = comparison_data(root, answers)
    # The charts' tests validate them; doing it again here takes a third of the time.
    with alt.utils.schemapi.debug_mode(False):
        charts = [data_section(root), *version_sections(root, versions)]
    own = "\n".join((FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    # Vega's script has hundreds of names of its own at its top.
    scripts = [_as_script(charting_script()), _as_script(f"(() => {{\n{own}\n}})();")]
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            style=Markup((FOLDER / "report.css").read_text(encoding="utf-8")),
            scripts=[Markup(script) for script in scripts],
            policy=_policy(scripts),
            summary=summarize(root, comparison, best),
            versions=in_chain(versions),
            charts=charts,
            comparison=comparison,
            examples=example_data(root, answers, params.seed),
            parameters=changed_parameters(params),
            made=made,
        )
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def charting_script() -> str:
    """Return the JavaScript of Vega, Vega-Lite and Vega-Embed, which it leaves in `window`."""
    import vl_convert
    from altair.utils._importers import vl_version_for_vl_convert

    return vl_convert.javascript_bundle(vl_version=vl_version_for_vl_convert())


def _as_script(code: str) -> str:
    """Return JavaScript that means the same and cannot end the element that it stands in."""
    # The browser takes any line end for \n before it looks at the hash.
    code = code.replace("\r\n", "\n").replace("\r", "\n").strip()
    return re.sub(r"<(?=/script|!--)", r"<\\", code, flags=re.IGNORECASE)


def _policy(scripts: Sequence[str]) -> str:
    """Return a Content-Security-Policy: no network at all, and no script but these."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    rules = f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:"
    return f"{rules}; base-uri 'none'; form-action 'none'"


def to_script_json(value: Any) -> Markup:
    """Return JSON that can stand in a <script> element: nothing in it can end the element, or a line of a program."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"script_json": to_script_json, "rows": _rows, "thousands": "{:,}".format}
    return environment


def _rows(table: pd.DataFrame) -> list[list[Any]]:
    return [["" if pd.isna(value) else value for value in row] for row in table.itertuples(index=False)]
