"""The gauntlet's fixtures, and what it counts, over all its processes."""

from checkouts import checkout, environment, finished, once, project, start
from gauntlet_counts import counted, pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown

__all__ = [
    "checkout",
    "counted",
    "environment",
    "finished",
    "once",
    "project",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
    "start",
]
