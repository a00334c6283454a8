"""Library code logs; printing is for the command line, the stages and the displays, and goes through one module."""

import ast

THE_WAY = "runtime/output.py"
"""What it prints cannot steer the terminal."""
PRINTING = (
    "cli/",
    "demo/review_server.py",
    "demo/server.py",
    "evaluation/metrics/wordnet.py",  # a command of the set-up
    "runtime/stage.py",
    "serving/server.py",
)
"""What prints for a living: commands and stages."""


def _prints(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def _says(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "vqatune.runtime.output"


def test_only_commands_and_stages_print_and_only_through_one_module(repository):
    package = repository / "src" / "vqatune"
    files = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
    nodes = {name: list(ast.walk(ast.parse(path.read_text("utf-8")))) for name, path in files.items()}
    assert {name for name, found in nodes.items() if any(map(_prints, found))} == {THE_WAY}
    saying = {name for name, found in nodes.items() if any(map(_says, found))}
    assert not {name for name in saying if not name.startswith(PRINTING)}
