"""Shared by the tests of the figures: a run to be changed."""

import shutil

import pytest


@pytest.fixture
def run(small_run, tmp_path):
    """A copy of what the figures read, to be changed."""
    for name in ("metrics", "models"):
        shutil.copytree(small_run.root / name, tmp_path / name)
    return tmp_path
