"""A small finished run, and its page."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from report_page import charts
from small_run import CHANGES, EVALUATED, make_run


@dataclass(frozen=True)
class Run:
    """A finished run: not to be written to."""

    root: Path
    params: object
    versions: list[str]

    @property
    def test(self) -> pd.DataFrame:
        """The test set with a column a version, whether it is right, and one with its answer: v1, v1_answer, …"""
        table = pd.read_parquet(self.root / "data/test.parquet")
        for version in self.versions:
            predicted = pd.read_parquet(self.root / "data/predictions" / f"{version}.parquet")
            answers = predicted.set_index("qa_id")["prediction"].reindex(table["qa_id"]).to_numpy()
            table[f"{version}_answer"] = answers
            table[version] = [
                " ".join(one.lower().split()) == " ".join(other.lower().split())
                for one, other in zip(answers, table["answer"], strict=True)
            ]
        return table


@pytest.fixture(scope="session")
def small_run(tmp_path_factory, make_params) -> Run:
    params = make_params(CHANGES)
    root = tmp_path_factory.mktemp("run") / "small"
    with pytest.MonkeyPatch.context() as patch:
        # Processes that draw eighty listings would take longer to start.
        patch.setenv("VQATUNE_WORKERS", "1")
        make_run(root, params)
    return Run(root, params, EVALUATED)


@pytest.fixture(scope="session")
def small_page(small_run, tmp_path_factory) -> Path:
    from vqatune.report.page.page import write_page

    path = tmp_path_factory.mktemp("page") / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(small_run.root)
        write_page(Path(), small_run.versions, small_run.params, path)
    return path


@pytest.fixture
def opened(page, small_page):
    """The page in a browser: it fails where it logs an error or asks for anything from a network."""
    page.goto(small_page.as_uri())
    return page


@pytest.fixture
def settled(opened):
    """The page with all its charts drawn: none moves what is below it between the press and the release of a mouse button."""
    charts(opened)
    return opened


@pytest.fixture(scope="module")
def pairs(small_run) -> pd.DataFrame:
    """What the page shows examples of."""
    return small_run.test
