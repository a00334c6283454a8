"""Library code logs; printing is for the command line, the stages and the displays."""

import ast
from pathlib import Path

PRINTING = (
    "cli/",
    "demo/review_server.py",
    "demo/server.py",
    "evaluation/metrics/wordnet.py",  # a command of the set-up
    "params/render.py",  # a command of its own
    "report/terminal/",
    "runtime/launch.py",
    "runtime/live_display.py",
    "runtime/progress.py",
    "runtime/stage.py",
    "runtime/warm_start.py",
    "serving/server.py",
)
"""What prints for a living: commands, stages and displays."""


def _prints(path: Path) -> bool:
    calls = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    return any(isinstance(call.func, ast.Name) and call.func.id == "print" for call in calls)


def test_no_library_module_prints(repository):
    package = repository / "src" / "vqatune"
    printing = {str(path.relative_to(package)) for path in package.rglob("*.py") if _prints(path)}
    assert not {name for name in printing if not name.startswith(PRINTING)}
