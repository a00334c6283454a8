"""DVC's plot templates, from the charts of the report page: `python -m vqatune.report.dvc_templates` writes .dvc/plots.

DVC puts data and fields in place of the anchors. Its page loads Vega-Lite 5, so nothing of a later one may be used.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt

from vqatune.report.charts.common import to_spec
from vqatune.report.charts.lines import Axes, loss_lines, score_lines
from vqatune.tables import replacing

FOLDER = Path(".dvc/plots")
REVISION = "rev"
"""The field by which DVC tells compared revisions apart."""

_ANCHORS = Axes("<DVC_METRIC_X>", "<DVC_METRIC_Y>", "<DVC_METRIC_X_LABEL>", "<DVC_METRIC_Y_LABEL>")
_DATA, _TITLE = "<DVC_METRIC_DATA>", "<DVC_METRIC_TITLE>"
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"


def templates() -> dict[str, dict[str, Any]]:
    """Return every template by its name: Vega-Lite 5 with DVC's anchors."""
    score = {"value": ".3f", "low": ".3f", "high": ".3f"}
    bands = score_lines(_DATA, _ANCHORS, "metric", dash=REVISION, hover=_hover("metric", score))
    right = {"exact_match": ".3f", "pairs": ","}
    by_difficulty = score_lines(
        _DATA, _ANCHORS, "difficulty", band=False, dash=REVISION, hover=_hover("difficulty", right)
    )
    return {
        "bands": _template(bands, 400),
        "by_difficulty": _template(by_difficulty, 400),
        "by_version": _template(loss_lines(_DATA, _ANCHORS, dash=REVISION), 300),
        "by_version_log": _template(loss_lines(_DATA, _ANCHORS, dash=REVISION, logarithmic=True), 300),
    }


def write_templates(folder: Path = FOLDER) -> None:
    """Write every template as JSON into a folder."""
    for name, content in templates().items():
        with replacing(folder / f"{name}.json") as temporary:
            temporary.write_text(_text(content), encoding="utf-8")


def _hover(group: str, numbers: Mapping[str, str]) -> dict[str, str]:
    return {"version": "", group: "", **numbers, REVISION: ""}


def _template(chart: alt.TopLevelMixin, height: int) -> dict[str, Any]:
    title = {"text": _TITLE, "anchor": "middle"}
    return to_spec(chart) | {"$schema": _SCHEMA, "title": title, "width": 700, "height": height}


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_templates()
