"""What the gauntlet counts: added up over its processes, printed at its end, and written to .work/gauntlet.json."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

PATH = Path(".work/gauntlet.json")
FEWEST = 500
"""Kills of a whole run."""
KEY = pytest.StashKey[dict]()
_STARTED = time.monotonic()


def _counts(config: pytest.Config) -> dict[str, dict[str, Counter]]:
    return config.stash.setdefault(KEY, defaultdict(lambda: defaultdict(Counter)))


@pytest.fixture(scope="session")
def counted(request) -> Callable[[str, str, Counter], None]:
    """Keep what was counted: counted(what it is part of, its name, counts)."""

    def add(part: str, name: str, counts: Counter) -> None:
        _counts(request.config)[part][name] += counts

    return add


def pytest_testnodedown(node, error) -> None:
    """Add what a process of pytest-xdist has counted."""
    for part, names in getattr(node, "workeroutput", {}).get("gauntlet", {}).items():
        for name, counts in names.items():
            _counts(node.config)[part][name].update(counts)


def kills(counts: dict[str, dict[str, Counter]]) -> int:
    """Return how often a process was killed."""
    return sum(
        number
        for names in counts.values()
        for each in names.values()
        for kind, number in each.items()
        if kind.startswith("killed")
    )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the counts of this process over, or, in the one that has all, write them; fail where there were too few."""
    counts = _counts(session.config)
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["gauntlet"] = {
            part: {name: dict(each) for name, each in names.items()} for part, names in counts.items()
        }
        return
    if not counts:
        return
    minutes = round((time.monotonic() - _STARTED) / 60, 1)
    total = {"minutes": minutes, "kills in all": kills(counts), "failed tests": session.testsfailed}
    path = session.config.rootpath / PATH
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(total | counts, indent=2) + "\n")
    whole = not session.config.getoption("keyword") and [Path(each).name for each in session.config.args] == [
        "gauntlet"
    ]
    if whole and total["kills in all"] < FEWEST and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config) -> None:
    """Print what was counted."""
    counts = _counts(config)
    if not counts:
        return
    terminalreporter.section("gauntlet")
    for part, names in counts.items():
        for name, each in names.items():
            terminalreporter.line(
                f"{part}, {name}: {', '.join(f'{kind} {number}' for kind, number in each.items())}"
            )
    terminalreporter.line(f"{kills(counts)} kills (at least {FEWEST} belong to a whole run), {PATH} has all")
