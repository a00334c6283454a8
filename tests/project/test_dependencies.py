"""pyproject.toml's ranges, the extras, and the locks made from them."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from vqatune.runtime.extras import EXTRAS

NOT_OURS = {"wandb"}
"""Modules that the user brings along: train.report_to wandb."""

WITHOUT_EXTRAS = """\
import sys

class Blocking:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        if not any(f"{name}.".startswith(f"{blocked}.") for blocked in BLOCKED):
            return self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(Blocking, sys.meta_path)
"""


@pytest.fixture(scope="module")
def project(repository) -> dict:
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def extras(project) -> dict[str, list[Requirement]]:
    """The requirements of each extra, those of extras that it names included, and of the core as ''."""

    def expand(lines: list[str]) -> Iterator[Requirement]:
        for requirement in map(Requirement, lines):
            if requirement.name == project["name"]:
                for extra in requirement.extras:
                    yield from expand(project["optional-dependencies"][extra])
            else:
                yield requirement

    named = {name: list(expand(lines)) for name, lines in project["optional-dependencies"].items()}
    return {"": list(expand(project["dependencies"]))} | named


def _pins(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    return {canonicalize_name(name): version for name, version in pins.items()}


def test_the_locks_pin_what_pyproject_asks_for(repository, extras):
    run = _pins(repository / "requirements.txt")
    demo = _pins(repository / "requirements-demo.txt")
    docs = _pins(repository / "requirements-docs.txt")
    assert not run.keys() & (demo.keys() | docs.keys())
    beside = {"demo": demo, "serve": demo, "docs": docs}
    for name, requirements in extras.items():
        pins = run | beside.get(name, {})
        for requirement in requirements:
            assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement


def test_the_locks_name_the_command_that_makes_them_and_no_host(repository):
    for name in ("requirements.txt", "requirements-demo.txt", "requirements-docs.txt"):
        text = (repository / name).read_text()
        assert "make lock" in text and "uv pip compile" in text
        assert not re.search(r"://|^-|\+", text, re.MULTILINE)


def _imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_import_of_the_package_is_declared(repository, extras):
    distributions = packages_distributions()
    declared = {
        name: {canonicalize_name(each.name) for each in requirements} for name, requirements in extras.items()
    }
    known = sys.stdlib_module_names | NOT_OURS | {"vqatune"}
    undeclared = set()
    for path in (repository / "src").rglob("*.py"):
        for module in _imported_modules(path):
            top = module.split(".")[0]
            extra = next((EXTRAS[name] for name in EXTRAS if f"{module}.".startswith(f"{name}.")), "")
            # google-auth and google itself are there with either of Google's SDKs.
            if top in known or (top == "google" and not extra):
                continue
            names = set(map(canonicalize_name, distributions.get(top, [top])))
            if not names & (declared[""] | declared[extra]):
                undeclared.add(f"{path.relative_to(repository)}: {module}")
    assert not undeclared


@pytest.fixture
def without_extras(tmp_path, repository):
    """Run a command in tmp_path as with the core installation alone."""

    def run(*arguments: str, run_main: str = "main()") -> subprocess.CompletedProcess:
        # matplotlib comes with bert-score; sentence-transformers imports datasets where that is installed.
        blocked = [module for module in EXTRAS if module not in ("matplotlib", "datasets")]
        code = f"BLOCKED = {blocked}\n{WITHOUT_EXTRAS}\nfrom vqatune.cli import main\n{run_main}"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(repository / "src"), "PATH": "/usr/bin:/bin", "COLUMNS": "100"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


HELP = """
for command in sys.argv[1:]:
    try:
        main([command, "--help"])
    except SystemExit as left:
        assert not left.code, command
"""


def test_the_core_installation_has_the_commands(without_extras):
    commands = ["score", "ask", "answer", "table", "compare", "export-qa", "replies", "serve"]
    done = without_extras(*commands, run_main=HELP)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: ") == len(commands)


@pytest.mark.slow
def test_the_core_installation_scores_a_file(without_extras, file):
    done = without_extras("score", file.name, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


def test_a_command_whose_extra_is_missing_says_what_to_install(without_extras):
    done = without_extras("report")
    assert done.returncode == 1
    assert done.stderr == "error: altair is not installed: pip install 'vqatune[report]'\n"


def test_serving_without_its_extra_says_what_to_install(without_extras):
    done = without_extras("serve")
    assert done.returncode == 1
    assert done.stderr == "error: python_multipart is not installed: pip install 'vqatune[serve]'\n"


@pytest.mark.parametrize(
    ("provider", "module", "extra"),
    [
        ("gemini", "google.genai", "gemini"),
        ("gemini_legacy", "google.generativeai", "gemini-legacy"),
        ("openai", "openai", "openai"),
    ],
)
def test_a_provider_whose_extra_is_missing_says_what_to_install(
    make_params, monkeypatch, provider, module, extra
):
    import asyncio

    from vqatune.errors import MissingExtraError
    from vqatune.generation.providers import load_provider

    params = make_params()
    monkeypatch.setitem(sys.modules, module, None)

    async def open_provider() -> None:
        async with load_provider(provider).connect(params.generate, params.compute):
            pass

    with pytest.raises(MissingExtraError, match=re.escape(f"pip install 'vqatune[{extra}]'")):
        asyncio.run(open_provider())


def test_a_newer_torch_is_left_alone(tmp_path, repository):
    """Resolves `pip install .` where a newer torch than ours is installed, or what pip takes for one."""
    major, minor, *_ = _pins(repository / "requirements.txt")["torch"].split(".")
    newer = f"{major}.{int(minor) + 1}.0"
    site = tmp_path / "site"
    metadata = site / f"torch-{newer}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {newer}\n")
    (metadata / "RECORD").write_text("")
    (metadata / "INSTALLER").write_text("pip\n")
    report = tmp_path / "report.json"
    # Everything else is in this environment already, so that nothing is downloaded to be looked at.
    code = f"import sys; sys.path.insert(0, {str(site)!r}); from pip._internal.cli.main import main; sys.exit(main())"
    source = tmp_path / "vqatune"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((repository / name).read_bytes())
    # Building writes beside the sources; their content does not matter here.
    (source / "src" / "vqatune").mkdir(parents=True)
    (source / "src" / "vqatune" / "__init__.py").touch()
    command = [
        "install",
        "--dry-run",
        "--quiet",
        "--no-build-isolation",
        "--report",
        str(report),
        str(source),
    ]
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode and re.search(r"No matching distribution found|Connection|timed out", done.stderr):
        pytest.skip("no registry is reachable: pip cannot resolve the dependencies")
    assert done.returncode == 0, done.stderr
    planned = {each["metadata"]["name"].lower() for each in json.loads(report.read_text())["install"]}
    assert "vqatune" in planned and "torch" not in planned
