"""A page as one file with all its data, images, styles and scripts, which opens from disk without a network."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vqatune.tables import replacing

FOLDER = Path(__file__).parent / "assets"


def write_document(
    template: Path, scripts: Sequence[str], path: Path | str, with_charts: bool = True, **content: Any
) -> None:
    """Write a page, the same bytes for the same content.

    Args:
        template: of the page, which extends base.html.j2 of assets.
        scripts: the page's own, by their names, in their order: beside the template, or in assets.
        path: of the page.
        with_charts: whether Vega comes before the scripts.
        content: what the template shows.
    """
    files = [template.parent / f"{name}.js" for name in scripts]
    files = [file if file.exists() else FOLDER / file.name for file in files]
    own = "\n".join(file.read_text(encoding="utf-8") for file in files)
    # Vega's script has hundreds of names of its own at its top.
    code = [as_script(charting_script())] if with_charts else []
    code.append(as_script(f"(() => {{\n{own}\n}})();"))
    page = (
        _environment(template.parent)
        .get_template(template.name)
        .render(
            style=Markup((FOLDER / "report.css").read_text(encoding="utf-8")),
            scripts=[Markup(script) for script in code],
            policy=_policy(code),
            **content,
        )
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def charting_script() -> str:
    """Return the JavaScript of Vega, Vega-Lite and Vega-Embed, which it leaves in `window`."""
    import vl_convert
    from altair.utils._importers import vl_version_for_vl_convert

    return vl_convert.javascript_bundle(vl_version=vl_version_for_vl_convert())


def as_script(code: str) -> str:
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


def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder, FOLDER]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"script_json": to_script_json, "rows": _rows, "thousands": "{:,}".format}
    return environment


def _rows(table: pd.DataFrame) -> list[list[Any]]:
    return [["" if pd.isna(value) else value for value in row] for row in table.itertuples(index=False)]
