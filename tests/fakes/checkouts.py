"""Fixtures of the pipeline: copies of the repository, shrunken to two versions, a tiny model and 150 listings, with DVC."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
from filelock import FileLock, Timeout
from ruamel.yaml import YAML
from warm import CHILDREN, RUN

from vqatune.runtime.warm_start import SOCKET

VERSIONS = ["v1", "v2"]
SMALL = {
    "raw.source": "showroom",
    "raw.showroom_listings": 150,
    "sample.small_type_minimum": 0,
    "generate.provider": "template",
    "split.minimum_images": 5,
    "model.source": "tiny",
    "model.tiny.image_size": 32,
    "model.tiny.hidden_size": 32,
    "model.tiny.layers": 1,
    "model.tiny.heads": 2,
    "model.tiny.steps": 3,
    "model.tiny.images_per_step": 4,
    "lora.r": 8,
    "train.epochs": 1,
    "train.learning_rate": 2.0e-3,
    "train.images_per_step": 32,
    "predict.images_per_step": 64,
    "predict.max_answer_tokens": 3,
    "compute.device": "cpu",
    "compute.threads": 1,
    # DVC goes over the stages of all of them in every command.
    "zoo.models": {"tiny": {"path": "data/unset/zoo.path", "family": "blip"}},
}
"""Parameters under which a stage takes little longer than its imports."""

RUNS = {
    "finished": {"VQATUNE_WORKERS": "1"},
    "again": {"VQATUNE_WORKERS": "2", "PYTHONHASHSEED": "4711", SOCKET: ""},
}
"""The runs of the whole pipeline, and what must make no difference to them."""

LONGEST = 600
"""Seconds after which a command is given up."""

SAID = "said-by-repro.txt"
WARM = ("dvc", "vqatune")
"""Commands that start warm."""
OUTPUTS = ("data", "models", "metrics")
UNUSED = ("tests", "benchmarks", "docs")
"""Folders that no stage or command reads; every file makes a copy slower."""

yaml = YAML()
yaml.preserve_quotes = True


@dataclass(frozen=True)
class Outcome:
    """What a command wrote, and which stages DVC says that it ran or took from its cache of runs."""

    stdout: str
    stderr: str

    @property
    def ran(self) -> list[str]:
        return re.findall(r"^Running stage '(.+)':$", self.stdout, re.MULTILINE)

    @property
    def cached(self) -> list[str]:
        return re.findall(r"^Stage '(.+)' is cached - skipping run", self.stdout, re.MULTILINE)


@dataclass(frozen=True)
class Checkout:
    """A git repository with DVC in it, and the environment in which commands run there."""

    root: Path
    environment: dict[str, str]

    def run(self, *command: str | Path, fails: bool = False, **variables: str) -> Outcome:
        """Run a command at the root; its exit code must be 0, or with `fails` another.

        DVC and vqatune start warm where the environment says that stages do.
        """
        environment = self.environment | variables
        started = list(map(str, command))
        # What DVC's queue starts lives longer than the command.
        if started[0] in WARM and environment.get(SOCKET) and started[1] != "queue":
            started[:1] = [*RUN, str(Path(sys.executable).parent / started[0])]
            environment[CHILDREN] = environment[SOCKET]
        # Files, because a pipe stays open as long as the queue's worker, which inherits it, lives.
        with TemporaryFile("w+") as stdout, TemporaryFile("w+") as stderr:
            done = subprocess.run(
                started,
                cwd=self.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                timeout=LONGEST,
                check=False,
            )
            stdout.seek(0)
            stderr.seek(0)
            outcome = Outcome(stdout.read(), stderr.read())
        shown = (
            f"{' '.join(map(str, command))}: exit code {done.returncode}\n{outcome.stdout}\n{outcome.stderr}"
        )
        assert (done.returncode != 0) == fails, shown
        return outcome

    def said(self) -> Outcome:
        """Return what `dvc repro` wrote when the checkout was made."""
        return Outcome((self.root / ".git" / SAID).read_text(), "")

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", "a step of a test")

    def changed_files(self) -> list[str]:
        """Return what differs from the last commit, as paths."""
        lines = self.run("git", "status", "--porcelain", "--untracked-files=all").stdout.splitlines()
        return sorted(line[3:] for line in lines)

    def outputs(self) -> dict[str, bytes]:
        """Return path → content of everything that stages write, and of the .gitignore files beside it."""
        paths = [path for folder in OUTPUTS for path in (self.root / folder).rglob("*") if path.is_file()]
        return {str(path.relative_to(self.root)): path.read_bytes() for path in sorted(paths)}

    def gitignores(self) -> dict[str, bytes]:
        return {name: content for name, content in self.outputs().items() if name.endswith(".gitignore")}

    def stages(self) -> dict[str, dict]:
        """Return the stages of dvc.lock by name: their cmd, deps, params, outs."""
        return yaml.load(self.root / "dvc.lock")["stages"]

    def set_params(self, values: dict[str, Any]) -> None:
        """Set parameters by their dotted names, known ones or not, in params.yaml with its comments."""
        content = yaml.load(self.root / "params.yaml")
        for name, value in values.items():
            *sections, key = name.split(".")
            place = content
            for section in sections:
                place = place[section]
            place[key] = value
        yaml.dump(content, self.root / "params.yaml")

    def keep_versions(self, versions: list[str]) -> None:
        """Cut the chain in params.yaml down to these versions."""
        path = self.root / "params.yaml"
        lines = path.read_text().splitlines(keepends=True)
        others = re.compile(rf"  (?!(?:{'|'.join(versions)}):)v\d+: {{previous: ")
        path.write_text("".join(line for line in lines if not others.match(line)))


@pytest.fixture(scope="session")
def environment(tmp_path_factory, warm_server) -> dict[str, str]:
    """The environment of every command: this Python first, warm stages, nothing of the user's git and DVC settings."""
    own = tmp_path_factory.mktemp("settings")
    foreign = ("GIT_", "DVC_", "VQATUNE_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    person = {"NAME": "A Tester", "EMAIL": "tester@example.com"}
    return kept | {
        **warm_server.variables,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()},
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(own / "global"),
        "DVC_SYSTEM_CONFIG_DIR": str(own / "system"),
        "DVC_SITE_CACHE_DIR": str(own / "site"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "VQATUNE_WORKERS": "1",
    }


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[..., Path]:
    """Make a folder once in a run of the tests, whichever of its processes needs it first.

    once(name, make, meanwhile): `make(folder)` makes it; `meanwhile()` is what a process does that would wait.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    shared = shared / "pipeline"
    shared.mkdir(exist_ok=True)

    def make_once(
        name: str, make: Callable[[Path], None], meanwhile: Callable[[], object] | None = None
    ) -> Path:
        folder, unfinished = shared / name, shared / f"{name}.unfinished"
        lock = FileLock(f"{folder}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            if meanwhile:
                meanwhile()
            lock.acquire()
        try:
            if not folder.exists():
                shutil.rmtree(unfinished, ignore_errors=True)
                make(unfinished)
                unfinished.rename(folder)
        finally:
            lock.release()
        return folder

    return make_once


@pytest.fixture(scope="session")
def start(once, repository, environment) -> Checkout:
    """The repository, shrunken and committed, before anything was run; not to be written to."""

    def make(root: Path) -> None:
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(listed, cwd=repository, check=True, capture_output=True, text=True)
        for name in map(Path, filter(None, listed.stdout.split("\0"))):
            made = name.name == "dvc.lock" or (
                name.parts[0] in OUTPUTS and name.name != ".gitignore" and name.parts[:2] != ("data", "unset")
            )
            if not made and name.parts[0] not in UNUSED and (repository / name).is_file():
                (root / name.parent).mkdir(parents=True, exist_ok=True)
                shutil.copy(repository / name, root / name)
        checkout = Checkout(root, environment)
        checkout.set_params(SMALL)
        checkout.keep_versions(VERSIONS)
        checkout.run("git", "init", "--quiet", "--initial-branch=main")
        checkout.commit()

    return Checkout(once("start", make), environment)


def _repro(once, start: Checkout, name: str, meanwhile: Callable[[], object] | None = None) -> Checkout:
    def make(root: Path) -> None:
        start.run("git", "clone", "--quiet", start.root, root)
        checkout = Checkout(root, start.environment)
        # As `make repro` does, with a warm process of its own, as the hash seed is one of a process.
        own = [sys.executable, "-m", "vqatune.runtime.warm_start"] if name == "again" else []
        checkout.run(*own, "dvc", "repro", **RUNS[name])
        checkout.commit()
        # One file instead of hundreds to copy.
        checkout.run("git", "gc", "--quiet")

    return Checkout(once(name, make, meanwhile), start.environment)


@pytest.fixture(scope="session")
def finished(once, start, request) -> Checkout:
    """A clone after `dvc repro`, with dvc.lock and metrics/ committed; not to be written to."""
    # Two processes that need this at once make both runs side by side, where a test needs the other.
    both = any("again" in getattr(item, "fixturenames", ()) for item in request.session.items)
    meanwhile = (lambda: _repro(once, start, "again")) if both else None
    return _repro(once, start, "finished", meanwhile)


@pytest.fixture(scope="session")
def again(once, start) -> Checkout:
    """Another such clone, run with other workers and another hash seed."""
    return _repro(once, start, "again")


@pytest.fixture(scope="session")
def shorter(once, finished) -> Checkout:
    """`finished` after its chain was cut to one version and `dvc repro` has said what it did; not to be written to."""

    def make(root: Path) -> None:
        shutil.copytree(finished.root, root, symlinks=True)
        checkout = Checkout(root, finished.environment)
        checkout.keep_versions(["v1"])
        outcome = checkout.run("dvc", "repro")
        checkout.commit()
        # Beside the checkout's files, which it is none of.
        (root / ".git" / SAID).write_text(outcome.stdout)

    return Checkout(once("shorter", make), finished.environment)


@pytest.fixture
def checkout(finished, tmp_path) -> Checkout:
    """A copy of `finished`, with all data and DVC's cache, to do anything with."""
    shutil.copytree(finished.root, tmp_path / "vqatune", symlinks=True)
    return Checkout(tmp_path / "vqatune", finished.environment)


@pytest.fixture
def project(finished, tmp_path) -> Checkout:
    """A copy of `finished` without DVC's cache, to do anything with."""
    root = tmp_path / "vqatune"
    shutil.copytree(finished.root, root, symlinks=True, ignore=shutil.ignore_patterns("cache", "tmp"))
    # Commands, too, run its code.
    return Checkout(root, finished.environment | {"PYTHONPATH": str(root / "src")})


@pytest.fixture
def shortened(shorter, tmp_path) -> Checkout:
    """A copy of `shorter`, to do anything with."""
    shutil.copytree(shorter.root, tmp_path / "vqatune", symlinks=True)
    return Checkout(tmp_path / "vqatune", shorter.environment)


@pytest.fixture
def clone(tmp_path) -> Callable[[Checkout], Checkout]:
    """Clone a checkout with git, which brings neither data nor DVC's cache."""

    def make_clone(source: Checkout) -> Checkout:
        source.run("git", "clone", "--quiet", source.root, tmp_path / "clone")
        return Checkout(tmp_path / "clone", source.environment)

    return make_clone
