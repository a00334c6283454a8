"""docs/try.ipynb runs from top to bottom, after a run of two versions in place of thirteen."""

import json
import re
import sys
from pathlib import Path

import pytest
from code_blocks import commands_of
from command_lines import CommandLines
from warm import RUN

COMMANDS = """\
import shlex, subprocess, sys

def run(line):
    words = shlex.split(line)
    # `dvc repro` has nothing to do, and needs no warm process of its own.
    command = REPRO if words[-1] == "repro" else [sys.executable, *words[1:]]
    subprocess.run(command, check=True)

"""
"""What a notebook's `!` becomes: `run`."""


@pytest.fixture(scope="module")
def cells(repository) -> list[dict]:
    return json.loads((repository / "docs/try.ipynb").read_text())["cells"]


def _code(cells: list[dict]) -> list[str]:
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_notebook_has_no_outputs_and_commands_that_could_be_run(cells, repository):
    assert not any(cell.get("outputs") for cell in cells)
    lines = re.findall(r"^(?:# )?([!%].*)$", "\n".join(_code(cells)), re.MULTILINE)
    assert len(lines) > 5
    command_lines = CommandLines(repository)
    for line in lines:
        for command in commands_of(line):
            command_lines.check(command)


def test_the_notebook_runs_from_top_to_bottom(cells, checkout):
    repro = [*RUN, str(Path(sys.executable).with_name("dvc")), "repro"]
    code = re.sub(r"^!(.*)$", lambda line: f"run({line[1]!r})", "\n".join(_code(cells)), flags=re.MULTILINE)
    (checkout.root / "notebook.py").write_text(COMMANDS.replace("REPRO", repr(repro)) + code)
    # Its modules are those of the checkout, too.
    done = checkout.run(*RUN, checkout.root / "notebook.py", PYTHONPATH=str(checkout.root / "src"))
    asked = [line.split(" – ")[:2] for line in done.stdout.splitlines() if " – " in line]
    assert asked == [
        [version, question]
        for version, other in (("v2", "What product is shown?"), ("mine", "What shape is it?"))
        for question in ("What color is it?", other)
    ]
    assert "Nothing is out of date" in done.stdout and "Best version" in done.stdout
    assert (checkout.root / "my-model/v1/adapter_model.safetensors").exists()
    assert "train v1" in done.stderr and "pairs/s" in done.stderr
