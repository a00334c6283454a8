"""Gives the tests of the catalogue the helpers of archives.py, which lies beside them."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def archives() -> ModuleType:
    spec = importlib.util.spec_from_file_location("archives", Path(__file__).parent / "archives.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def abo_slice() -> Path:
    root = next(parent for parent in Path(__file__).resolve().parents if (parent / "pyproject.toml").exists())
    folder = root.parent / "shared/abo-slice"
    if not (folder / "abo-listings.tar").exists():
        pytest.skip(f"the slice of ABO is not at {folder}")
    return folder


@pytest.fixture(scope="session")
def extracted_slice(abo_slice):
    """The tables of the slice of ABO, read once by two workers."""
    from whole_tables import extract

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VQATUNE_WORKERS", "2")
        return extract(abo_slice, max_bad_lines=0)


@pytest.fixture(autouse=True)
def one_worker(monkeypatch):
    # Starting worker processes takes longer than these tests' work; a test that is about them sets its own number.
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
