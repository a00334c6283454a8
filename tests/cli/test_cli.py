import os
import shutil
import subprocess
import sys

import pytest
import yaml

from vqatune.cli import main


@pytest.fixture
def vqatune(tmp_path, repository):
    shutil.copy(repository / "params.yaml", tmp_path)
    shutil.copytree(repository / "profiles", tmp_path / "profiles")

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", "from vqatune.cli import main; main()", *arguments]
        environment = os.environ | {"PYTHONPATH": str(repository / "src")}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_a_profile_is_set_and_said(vqatune, tmp_path):
    done = vqatune("profile", "abo")
    assert done.returncode == 0
    assert "raw.source: showroom → abo" in done.stdout
    assert done.stdout.endswith("params.yaml is set for abo\n")
    assert yaml.safe_load((tmp_path / "params.yaml").read_text())["raw"]["source"] == "abo"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("profile", "moon"), "'moon'"), (("table",), "dvc repro"), (("timings",), "dvc repro")],
)
def test_what_cannot_be_done_is_one_line_and_a_failure(vqatune, arguments, said):
    done = vqatune(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and said in done.stderr and done.stderr.count("\n") == 1


def test_below_the_root_of_a_repository_the_root_is_named(tmp_path, monkeypatch, capsys):
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path / "data")
    with pytest.raises(SystemExit):
        main(["table"])
    assert (
        f"(this folder is below {tmp_path}, the root of the repository: run it there)"
        in capsys.readouterr().err
    )
