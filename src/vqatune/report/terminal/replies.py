"""`vqatune replies show`: counts of the stored replies, in the terminal."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vqatune.generation.replies.store import REPLIES, open_existing
from vqatune.report.terminal.tables import widest
from vqatune.runtime.terminal import Terminal

_NAMES = ("provider", "model", "prompt")
_ORDER = (*_NAMES, "settings", "replies", "images", "requests", "failures")
_BY_WORTH = ("model", "prompt", "replies", "images", "provider", "requests", "failures", "settings")


def show_replies(path: Path = REPLIES, console: Console | None = None) -> None:
    """Print a row per provider, model and prompt: replies, images, requests and failures.

    Settings are shown where only they distinguish two rows. Raises DataError where there is no store.
    """
    console = console or Terminal()
    with open_existing(path) as store:
        totals = {about: (*counts, store.tallies(about)) for about, counts in store.totals().items()}
    known = {about: json.loads(about) for about in totals}
    settings = _settings(known)
    rows = [
        {name: str(known[about].get(name, "?")) for name in _NAMES}
        | {
            "settings": settings[about],
            "replies": f"{replies:,}",
            "images": f"{images:,}",
            "requests": f"{tallies.get('requests', 0):,.0f}",
            "failures": f"{sum(amount for name, amount in tallies.items() if name.startswith('failed: ')):,.0f}",
        }
        for about, (replies, images, tallies) in totals.items()
    ]
    rows.sort(key=lambda row: [row[name] for name in (*_NAMES, "settings")])

    def make(columns: Sequence[str]) -> Table:
        table = Table()
        shown = [name for name in _ORDER if name in columns]
        for name in shown:
            is_text = name in (*_NAMES, "settings")
            table.add_column(name, justify="left" if is_text else "right", no_wrap=name != "settings")
        for row in rows:
            table.add_row(*(escape(row[name]) for name in shown))
        return table

    columns = [name for name in _BY_WORTH if name != "settings" or any(settings.values())]
    console.print(widest(make, columns, console))
    console.print("Requests and failures are those of this machine.", style="dim", soft_wrap=True)


def _settings(known: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the settings that distinguish rows with the same provider, model and prompt; '' where none do."""
    alike = defaultdict(list)
    for about in known.values():
        alike[_shared(about)].append(about)
    said = {}
    for key, about in known.items():
        others = alike[_shared(about)]
        names = sorted({name for other in others for name in other} - {*_NAMES})
        differing = [name for name in names if any(other.get(name) != about.get(name) for other in others)]
        said[key] = ", ".join(f"{name} {json.dumps(about.get(name))}" for name in differing)
    return said


def _shared(about: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(about.get(name)) for name in _NAMES)
