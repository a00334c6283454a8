"""Whether a command that a document names could be run as it stands: its program, options, parameters, files, stages."""

import argparse
import ast
import copy
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from dvc.cli import parse_args as parse_dvc
from dvc.cli.parser import DvcParser
from hydra.core.override_parser.overrides_parser import OverridesParser

from vqatune.cli import make_parser
from vqatune.errors import VqatuneError
from vqatune.params import check_params
from vqatune.runtime.outdated import stage_names

OTHERS = {
    ".": "the shell's",
    "cd": "the shell's",
    "export": "the shell's",
    "source": "the shell's",
    "%cd": "a notebook's",
    "%env": "a notebook's",
    "cp": "usual on every machine",
    "curl": "usual on every machine; what it asks for is what tests/serving asks for",
    "docker": "not on every machine",
    "git": "not ours, and not of this project's version",
    "gto": "comes with DVC",
    "pre-commit": "of the extra dev",
    "ray": "of several machines",
    "tail": "usual on every machine",
    "tar": "usual on every machine",
}
"""Programs whose arguments are not looked at → why."""
_STAGE = re.compile(r"(?:zoo/dvc\.yaml:)?([a-z]+)(?:@(\w+))?")
_TARGETS = {"commit", "dag", "repro", "run", "status"}
"""Commands of DVC that stages are named to."""
PATHS = re.compile(r"(?:src|stages|tests|benchmarks|profiles|docs)/[\w./-]+")
"""Paths of files that git has."""


class Refused(Exception):
    """Why a command could not be run."""


def _refuse(parser: argparse.ArgumentParser, message: str, *others: Any) -> None:
    raise Refused(message)


@contextmanager
def refusing() -> Iterator[None]:
    """Have parsers of ours and of DVC raise Refused, instead of printing how they are used."""
    with patch.object(argparse.ArgumentParser, "error", _refuse), patch.object(DvcParser, "error", _refuse):
        yield


class CommandLines:
    """Checks commands as in a checkout of the repository."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._values = yaml.safe_load((root / "params.yaml").read_text())
        self._stages = {name.partition("@")[0] for name in stage_names(root, self._values)}
        self._stages |= set(yaml.safe_load((root / "zoo/dvc.yaml").read_text())["stages"])
        self._targets = re.search(r"^\.PHONY:(.*)$", (root / "Makefile").read_text(), re.MULTILINE)[1].split()
        project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
        self._extras = project["optional-dependencies"].keys()
        self._programs: dict[str, Callable[[list[str]], None]] = {
            "vqatune": self._vqatune,
            "dvc": self._dvc,
            "make": self._make,
            "pip": self._pip,
            "python": self._python,
            ".venv/bin/python": self._python,
            "accelerate": self._accelerate,
        }

    def check(self, command: Sequence[str]) -> None:
        """Check a command; `Refused` says what is wrong with it."""
        program, *arguments = command
        for word in arguments:
            if PATHS.fullmatch(word) and not (self._root / word).exists():
                raise Refused(f"{word} does not exist")
        if program in self._programs:
            self._programs[program](arguments)
        elif program not in OTHERS:
            raise Refused(f"{program} is no program that is known here")

    def override(self, overrides: Sequence[str]) -> None:
        """Check what `-S` sets, each value of a sweep by itself."""
        values = copy.deepcopy(self._values)
        sweeps = []
        for override in OverridesParser.create().parse_overrides(list(overrides)):
            if override.is_sweep_override():
                sweeps += [(override.get_key_element(), value) for value in override.sweep_iterator()]
            else:
                _set(values, override.get_key_element(), override.value())
        self._checked(values)
        for name, value in sweeps:
            one = copy.deepcopy(values)
            _set(one, name, value)
            self._checked(one)

    def _checked(self, values: dict[str, Any]) -> None:
        try:
            check_params(values, "params.yaml")
        except VqatuneError as error:
            raise Refused(str(error)) from error

    def _vqatune(self, arguments: list[str]) -> None:
        with refusing():
            make_parser(arguments).parse_args(arguments)

    def _dvc(self, arguments: list[str]) -> None:
        with refusing():
            parsed = parse_dvc(arguments)
        self.override(getattr(parsed, "set_param", None) or [])
        if not _TARGETS.intersection(arguments[:2]):
            return
        for target in getattr(parsed, "targets", None) or []:
            stage = _STAGE.fullmatch(target)
            if not (stage and stage[1] in self._stages) and not (self._root / target).exists():
                raise Refused(f"{target} is no stage")

    def _make(self, arguments: list[str]) -> None:
        for target in arguments:
            if target not in self._targets:
                raise Refused(f"the Makefile has no target {target}")

    def _pip(self, arguments: list[str]) -> None:
        for argument in arguments:
            for names in re.findall(r"^(?:vqatune|\.)\[(.*)\]$", argument):
                for name in names.split(","):
                    if name not in self._extras:
                        raise Refused(f"there is no extra {name}")

    def _python(self, arguments: list[str]) -> None:
        match arguments:
            case ["-m", module, *_]:
                if find_spec(module) is None:
                    raise Refused(f"there is no module {module}")
            case ["-", code]:
                compile(code, "code", "exec")
            case [script, *options] if (self._root / script).is_file():
                known = _options(self._root / script)
                for option in options:
                    if option.startswith("--") and option not in known:
                        raise Refused(f"{script} has no option {option}")
            case _:
                raise Refused("it is neither a module nor a script that is there")

    def _accelerate(self, arguments: list[str]) -> None:
        from accelerate.commands.launch import launch_command_parser

        if arguments[0] != "launch":
            raise Refused(f"accelerate {arguments[0]} is not known here")
        with refusing():
            launch_command_parser().parse_args(arguments[1:])


def _set(values: dict[str, Any], name: str, value: Any) -> None:
    *sections, key = name.split(".")
    for section in sections:
        if not isinstance(values.get(section), dict):
            raise Refused(f"{name} is no parameter")
        values = values[section]
    values[key] = value


def _options(script: Path) -> set[str]:
    """Return the options of a script, those of the modules beside it that it imports included; --part is that of stages."""
    found = _option_texts(script)
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom) and (beside := script.with_name(f"{node.module}.py")).is_file():
            found |= _option_texts(beside)
    return found | ({"--part"} if "parts=True" in script.read_text() else set())


def _option_texts(script: Path) -> set[str]:
    texts = [node.value for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.Constant)]
    return {text for text in texts if isinstance(text, str) and text.startswith("--")}
