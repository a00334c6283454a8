"""Every command and piece of code in the documents could be run; tests/pipeline/test_documented_runs.py runs some."""

import ast
import copy
import json
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from code_blocks import Block, blocks_of, commands_of, documents, inline_code, without_blocks
from command_lines import PATHS, CommandLines, Refused

from vqatune.params import check_params

SHELL = ("", "bash", "sh")
NOT_COMMANDS = {
    ("README.md", "raw ──▶"): "the drawing of the pipeline",
    ("docs/catalogue.md", '{"image_id"'): "a line of a file of pairs",
    ("docs/layout.md", "dvc.yaml"): "a list of files",
    ("docs/own-pictures.md", "../student/questions.csv: 1,500"): "what `vqatune use` prints",
}
"""Blocks without a language that are no commands, by their document and beginning → what they are."""
INCOMPLETE = "the following arguments are required"


@pytest.fixture(scope="module")
def blocks(repository) -> list[Block]:
    return [block for path in documents(repository) for block in blocks_of(path, repository)]


@pytest.fixture(scope="module")
def command_lines(repository) -> CommandLines:
    return CommandLines(repository)


def _kept_out(block: Block) -> list[tuple[str, str]]:
    return [key for key in NOT_COMMANDS if key[0] == block.document and block.first.startswith(key[1])]


def _refusals(command_lines: CommandLines, block: Block) -> Iterator[str]:
    commands = commands_of(block.text)
    if not commands:
        yield f"{block.place}: no command is found"
    for command in commands:
        try:
            command_lines.check(command)
        except Refused as refused:
            yield f"{block.place}: {' '.join(command)}: {refused}"


def test_every_command_in_a_block_could_be_run(blocks, command_lines):
    scripts = [block for block in blocks if block.language in SHELL and not _kept_out(block)]
    assert len(scripts) > 60
    assert not [each for block in scripts for each in _refusals(command_lines, block)]


def test_what_is_no_command_is_listed_and_what_is_listed_is_there(blocks):
    assert {block.language for block in blocks} <= {*SHELL, "python", "json", "yaml"}
    found = [key for block in blocks if block.language == "" for key in _kept_out(block)]
    assert sorted(found) == sorted(NOT_COMMANDS)


def test_every_command_in_the_text_could_be_run(repository, command_lines):
    refused = []
    for path in documents(repository):
        for code in inline_code(path.read_text()):
            if not re.match(r"(vqatune|dvc|make|python|pip install) ", code):
                continue
            for command in commands_of(code):
                try:
                    command_lines.check(command)
                except Refused as problem:
                    # The text may name a command without all that it needs.
                    if INCOMPLETE not in str(problem) and not code.endswith("…"):
                        refused.append(f"{path.name}: {code}: {problem}")
    assert not refused


def test_every_path_in_the_text_exists(repository):
    missing = {}
    for path in documents(repository):
        named = {code for code in inline_code(path.read_text()) if PATHS.fullmatch(code)}
        # Modules are named without the folder of the package.
        roots = (repository, repository / "src/vqatune")
        if absent := {name for name in named if not any((root / name).exists() for root in roots)}:
            missing[path.name] = absent
    assert not missing


@pytest.mark.parametrize(
    "command",
    [
        "vqatune compare v7 v13 --tasks general",
        "vqatune shine",
        "dvc exp runs",
        "dvc repro --quickly",
        "dvc repro polish@v7",
        "dvc exp run -S lora.rank=16",
        "dvc exp run -S lora.r=8,many",
        "make all",
        "pip install 'vqatune[everything]'",
        "python stages/sample.py --part 1/4",
        "python stages/draw.py",
        "python benchmarks/loading.py --fast",
        "python -m vqatune.nothing",
        "sh run.sh",
        "cp src/vqatune/generation/prompts/varied-v0.md mine.md",
    ],
)
def test_a_command_that_is_wrong_is_found(command_lines, command):
    (words,) = commands_of(command)
    with pytest.raises(Refused):
        command_lines.check(words)


def test_python_compiles_and_imports_what_is_there(blocks):
    missing = []
    for block in blocks:
        if block.language != "python":
            continue
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.Import):
                missing += [alias.name for alias in node.names if find_spec(alias.name) is None]
            elif isinstance(node, ast.ImportFrom) and find_spec(node.module) is None:
                missing.append(node.module)
            elif isinstance(node, ast.ImportFrom) and node.module.startswith("vqatune"):
                module = import_module(node.module)
                missing += [alias.name for alias in node.names if not hasattr(module, alias.name)]
    assert not missing


def test_json_and_parameters_are_valid(blocks, parameter_values):
    for block in blocks:
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "yaml":
            values, given = copy.deepcopy(parameter_values), yaml.safe_load(block.text)
            if "v14" in given:
                given = {"versions": given}
            _update(values, given)
            if "versions" in given:
                values["predicted"] |= values["versions"]
                values["evaluated"] |= values["versions"]
            check_params(values, block.place)


def _update(values: dict, given: dict) -> None:
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(values.get(name), dict):
            _update(values[name], value)
        else:
            values[name] = value


def _anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    text = without_blocks(path.read_text())
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = [re.sub(r"\[(.*?)\]\(.*?\)", r"\1", title).replace("`", "").lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}


def test_every_link_leads_to_a_file_and_a_heading_that_are_there(repository):
    broken = []
    for path in documents(repository):
        text = re.sub(r"`[^`\n]*`", "", without_blocks(path.read_text()))
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in link:
                continue
            name, _, anchor = link.partition("#")
            target = path.parent / name if name else path
            if not target.exists() or (anchor and anchor not in _anchors(target)):
                broken.append(f"{path.name}: {link}")
    assert not broken
