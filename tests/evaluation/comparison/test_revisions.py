"""Versions of this checkout, of other commits and of experiments: git and DVC for real, in a tiny repository."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from warm import RUN, Warm

from vqatune import tables
from vqatune.errors import DataError
from vqatune.evaluation.comparison.revisions import read_pairs, read_version, runs_of

STAGE = """
stages:
  predict:
    cmd: mkdir -p data/predictions && cp -r made/*.parquet data && cp made/answers/${answer}.parquet data/predictions/v1.parquet
    deps: [made]
    outs: [data/test.parquet, data/train.parquet, data/sampled.parquet, data/predictions/v1.parquet]
"""
CONFIG = """
[core]
    analytics = false
    remote = shared
['remote "shared"']
    url = ../../remote
"""
TABLES = ("test", "train", "sampled")


@pytest.fixture(scope="module", autouse=True)
def settings(tmp_path_factory):
    """Nothing of the user's git and DVC settings, here and in the commands."""
    own = tmp_path_factory.mktemp("settings")
    person = {"NAME": "A Tester", "EMAIL": "tester@example.com"}
    values = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()},
        "DVC_NO_ANALYTICS": "1",
        "DVC_GLOBAL_CONFIG_DIR": str(own / "global"),
        "DVC_SYSTEM_CONFIG_DIR": str(own / "system"),
        "DVC_SITE_CACHE_DIR": str(own / "site"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GIT_", "DVC_")):
                patch.delenv(name)
        for name, value in values.items():
            patch.setenv(name, value)
        yield


def _run(root: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def dvc(warm_server) -> Callable[..., str]:
    """Run DVC, which starts warm: dvc(root, "status")."""

    def run(root: Path, *arguments: str) -> str:
        command = [*RUN, str(Path(sys.executable).parent / "dvc"), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = Warm(warm_server, command, cwd=root, **pipes)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, f"{arguments}\n{out}\n{err}"
        return out

    return run


@pytest.fixture(scope="module")
def repository_and_remote(tmp_path_factory, make_version, dvc) -> Path:
    """A folder with `repository` and `remote`; not to be written to.

    v1 says "first" at the first commit, "second" at the second, and "tried" in the experiment `exp-tried`.
    """
    folder = tmp_path_factory.mktemp("revisions")
    root = folder / "repository"
    for answer in ("first", "second", "tried"):
        predictions, test = make_version(("red", answer), ("two", "two"), tiers={"CHAIR": 0})
        tables.write_table(predictions, root / f"made/answers/{answer}.parquet", tables.PREDICTIONS)
    for name in ("test", "train"):
        tables.write_table(test.pairs, root / f"made/{name}.parquet", tables.PAIRS)
    sampled = test.tiers.reindex(columns=tables.SAMPLED.names)
    # A table of parts, which is a folder.
    with tables.replacing_parts(root / "made/sampled.parquet", 2) as part_of:
        for part in range(2):
            tables.write_table(sampled.iloc[part::2], part_of(part), tables.SAMPLED)
    (root / ".dvc").mkdir()
    (root / ".dvc/config").write_text(CONFIG)
    (root / ".dvc/.gitignore").write_text("/tmp\n/cache\n")
    (root / "dvc.yaml").write_text(STAGE)
    _run(root, "git", "init", "--quiet", "--initial-branch=main")
    for answer in ("first", "second"):
        (root / "params.yaml").write_text(f"answer: {answer}\n")
        dvc(root, "repro", "--quiet")
        _run(root, "git", "add", "--all")
        _run(root, "git", "commit", "--quiet", "--message", answer)
        dvc(root, "push", "--quiet")
    _run(root, "git", "branch", "topic/first", "HEAD~1")
    dvc(root, "exp", "run", "--quiet", "--name", "exp-tried", "--set-param", "answer=tried")
    _run(root, "git", "checkout", "--quiet", ".")
    dvc(root, "checkout", "--quiet")
    return folder


@pytest.fixture(scope="module")
def root(repository_and_remote) -> Path:
    return repository_and_remote / "repository"


@pytest.fixture
def copied(repository_and_remote, tmp_path) -> Path:
    """A copy of the repository with its remote, to do anything with."""
    shutil.copytree(repository_and_remote, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy/repository"


def _said(name: str, root: Path) -> str:
    return read_version(name, root)[0]["prediction"][0]


def _error(name: str, root: Path) -> str:
    with pytest.raises(DataError) as error:
        read_version(name, root)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("v1", "second"),
        ("HEAD:v1", "second"),
        ("HEAD~1:v1", "first"),
        ("topic/first:v1", "first"),
        ("exp-tried:v1", "tried"),
    ],
)
def test_a_version_is_read_from_the_checkout_a_commit_a_branch_or_an_experiment(root, name, said):
    assert _said(name, root) == said


def test_a_commit_may_be_named_by_the_start_of_its_hash(root):
    assert _said(_run(root, "git", "rev-parse", "--short", "HEAD~1").strip() + ":v1", root) == "first"


def test_a_version_comes_with_the_test_set_of_its_revision(copied, make_version):
    _, other = make_version(("green", "x"))
    tables.write_table(other.pairs, copied / "data/test.parquet", tables.PAIRS)
    assert list(read_version("v1", copied)[1].pairs["answer"]) == ["green"]
    _, test = read_version("HEAD:v1", copied)
    assert list(test.pairs["answer"]) == list(test.training["answer"]) == ["red", "two"]
    assert list(test.tiers["product_type"]) == ["CHAIR"]


def test_reading_leaves_no_trace(root, tmp_path, monkeypatch, dvc):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("v1", "HEAD~1:v1", "exp-tried:v1"):
        read_version(name, root)
    assert list(tmp_path.iterdir()) == []
    assert _run(root, "git", "status", "--porcelain") == ""
    assert dvc(root, "status").startswith("Data and pipelines are up to date")


def test_several_trainings_of_a_version_are_named_at_once():
    assert runs_of("exp-a,exp-b, HEAD:v13") == ["exp-a:v13", "exp-b:v13", "HEAD:v13"]
    for name in ("v13", "HEAD~1:v13", "topic/first:base"):
        assert runs_of(name) == [name]


@pytest.mark.parametrize("name", ["w1", "v", "HEAD", "HEAD:x", "v1:", ":v1", "v-1", "V1", "v1.parquet", ""])
def test_what_names_no_version_is_an_error(root, name):
    assert _error(name, root) == f"{name!r} names no version: give blind, base, v1 … v13, or REVISION:v13"


def test_a_version_that_was_not_predicted_here_is_an_error_that_says_what_to_run(root):
    said = _error("v2", root)
    assert said == "data/predictions/v2.parquet does not exist: run `dvc repro predict@v2` or `dvc pull`"
    said = _error("blind", root)
    assert said == "data/predictions/blind.parquet does not exist: run `dvc repro blind` or `dvc pull`"


def test_a_version_that_a_revision_does_not_have_is_an_error(root):
    assert _error("HEAD:v2", root).startswith("HEAD has no data/predictions/v2.parquet: name a version")


@pytest.mark.parametrize("revision", ["nowhere", "exp-trie", "HEAD~2", "main/x", "--all"])
def test_an_unknown_revision_or_experiment_is_an_error(root, revision):
    said = _error(f"{revision}:v1", root)
    assert said.startswith(f"{revision!r} is no revision or experiment") and "`dvc exp show`" in said


def test_a_folder_that_git_does_not_know_has_no_revisions(root, tmp_path):
    shutil.copytree(root / "data", tmp_path / "data")
    assert _said("v1", tmp_path) == "second"
    assert "of a git repository here" in _error("HEAD:v1", tmp_path)


@pytest.fixture
def within_another_repository(copied, tmp_path) -> Path:
    """The project, its two commits included, as the folder `ml/project` of another git repository."""
    outer = tmp_path / "outer"
    root = outer / "ml/project"
    shutil.copytree(copied, root, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    _run(outer, "git", "init", "--quiet", "--initial-branch=main")
    for revision in ("HEAD~1", "HEAD"):
        for name in ("dvc.lock", "params.yaml"):
            (root / name).write_text(_run(copied, "git", "show", f"{revision}:{name}"))
        _run(outer, "git", "add", "--all")
        _run(outer, "git", "commit", "--quiet", "--message", revision)
    return root


@pytest.mark.parametrize(("name", "said"), [("v1", "second"), ("HEAD:v1", "second"), ("HEAD~1:v1", "first")])
def test_a_project_may_be_a_folder_of_another_repository(within_another_repository, name, said):
    assert _said(name, within_another_repository) == said


def test_a_version_that_such_a_project_does_not_have_is_called_as_in_the_project(within_another_repository):
    said = _error("HEAD:v2", within_another_repository)
    assert said.startswith("HEAD has no data/predictions/v2.parquet: name a version")


def test_what_is_not_in_the_cache_comes_from_the_remote(copied):
    shutil.rmtree(copied / ".dvc/cache")
    assert _said("HEAD~1:v1", copied) == "first"


@pytest.mark.parametrize("revision", ["HEAD~1", "exp-tried"])
def test_data_that_are_neither_in_the_cache_nor_in_a_remote_are_an_error_that_says_what_to_run(
    copied, revision
):
    shutil.rmtree(copied / ".dvc/cache")
    shutil.rmtree(copied.parent / "remote", ignore_errors=True)
    said = _error(f"{revision}:v1", copied)
    assert said.startswith(
        f"data/predictions/v1.parquet of {revision} is neither in DVC's cache nor in a remote"
    )
    wanted = " ".join(["data/predictions/v1.parquet", *(f"data/{name}.parquet" for name in TABLES)])
    assert f"`dvc fetch --all-commits {wanted}`" in said and "`dvc exp pull`" in said
    assert said.endswith("if nobody has pushed it, run `dvc repro predict@v1` at that commit")
    assert _said("v1", copied) == "second"


def test_missing_test_pairs_are_the_same_error_with_all_that_the_version_needs(copied):
    shutil.rmtree(copied / ".dvc/cache")
    shutil.rmtree(copied.parent / "remote")
    with pytest.raises(DataError) as error:
        read_pairs("HEAD~1:v1", copied)
    wanted = " ".join(["data/predictions/v1.parquet", *(f"data/{name}.parquet" for name in TABLES)])
    assert f"`dvc fetch --all-commits {wanted}`" in str(error.value)


def test_a_name_that_experiments_of_two_commits_have_is_an_error_that_asks_for_a_hash(copied):
    (reference,) = _run(
        copied, "git", "for-each-ref", "--format=%(refname)", "refs/exps/*/*/exp-tried"
    ).split()
    first = _run(copied, "git", "rev-parse", "HEAD~1").strip()
    _run(copied, "git", "update-ref", f"refs/exps/{first[:2]}/{first[2:]}/exp-tried", reference)
    _run(copied, "git", "commit", "--quiet", "--allow-empty", "--message", "newer")
    said = _error("exp-tried:v1", copied)
    assert said.startswith("'exp-tried' names several experiments or commits: give a hash instead")
    assert _said(f"{_run(copied, 'git', 'rev-parse', reference).strip()}:v1", copied) == "tried"


def test_a_damaged_cache_is_an_error_that_names_the_table(copied):
    for path in (copied / ".dvc/cache/files").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"PAR1")
    said = _error("HEAD~1:v1", copied)
    assert said.startswith("at HEAD~1, data/predictions/v1.parquet is not a readable Parquet table")
