"""What DVC was stopped while it wrote: one line that says what to do, before DVC says something else."""

import subprocess
import sys

import pytest

from vqatune.errors import DataError
from vqatune.runtime.dvc_files import check_dvc_files

LOCK = """\
schema: '2.0'
stages:
  sample:
    cmd: python stages/sample.py
    outs:
    - path: data/sampled.parquet
      hash: md5
      md5: 39c5b80395ed6053405b7c425b80395e
      size: 16523
"""


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "dvc.lock").write_text(LOCK)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / ".dvc/tmp/rwlock").write_text('{"read": {}, "write": {}}')
    return tmp_path


def test_whole_files_and_those_that_are_not_there_are_well(checkout, repository):
    check_dvc_files(checkout, ["dvc.lock", "zoo/dvc.lock"])
    check_dvc_files(repository, ["dvc.lock", "zoo/dvc.lock"])
    check_dvc_files(checkout / "data", ["dvc.lock"])


@pytest.mark.parametrize("length", [0, 3, 15, LOCK.index("39c5") + 2])
def test_a_cut_lock_names_the_file_and_how_to_go_on(checkout, length):
    (checkout / "dvc.lock").write_text(LOCK[:length])
    with pytest.raises(DataError, match=r"dvc.lock is damaged .*: DVC was stopped .*`git restore dvc.lock`"):
        check_dvc_files(checkout, ["dvc.lock"])


def test_a_conflict_of_a_merge_and_bytes_that_are_no_text_do_so_too(checkout):
    for content in (b"<<<<<<< HEAD\n" + LOCK.encode() + b"=======\n>>>>>>> other\n", b"\xff\xfe\x00"):
        (checkout / "dvc.lock").write_bytes(content)
        with pytest.raises(DataError, match="a merge left a conflict"):
            check_dvc_files(checkout, ["dvc.lock"])


def test_as_a_command_it_is_one_line_and_an_exit_code(checkout):
    (checkout / ".dvc/tmp/rwlock").write_text('{"read": {"/data')
    command = [sys.executable, "-m", "vqatune.runtime.dvc_files", "dvc.lock"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: .dvc/tmp/rwlock is damaged (Unterminated string")
    assert "Delete it once no other `dvc` runs here" in done.stderr
