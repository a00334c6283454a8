import json
from io import StringIO

import pandas as pd
import pytest
from rich.console import Console

from vqatune.errors import DataError
from vqatune.report.history import loss_history, score_history
from vqatune.report.table import show_history
from vqatune.tables import write_csv

VERSIONS = ["base", "v1", "v2"]


@pytest.fixture
def metrics(tmp_path):
    for number, version in enumerate(VERSIONS):
        scores = {"exact_match": number / 4, "fuzzy": 0.5, "pairs": 1200, "images": 100}
        (tmp_path / f"{version}.json").write_text(json.dumps(scores))
    return tmp_path


def test_the_history_has_a_row_a_version_in_the_order_of_the_chain(metrics):
    history = score_history(metrics, VERSIONS)
    assert history["version"].tolist() == VERSIONS
    assert history["number"].tolist() == [0, 1, 2]
    assert history["exact_match"].tolist() == [0, 0.25, 0.5]


def test_a_version_without_scores_is_named_with_what_to_run(metrics):
    with pytest.raises(DataError, match="v3.json does not exist: run `dvc repro eval@v3`"):
        score_history(metrics, [*VERSIONS, "v3"])


def test_the_losses_of_the_tuned_versions_stand_under_each_other(tmp_path):
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        write_csv(pd.DataFrame({"step": [1, 2], "loss": [2.0, 1.0]}), tmp_path / version / "log.csv")
    losses = loss_history(tmp_path, VERSIONS)
    assert losses["version"].tolist() == ["v1", "v1", "v2", "v2"]
    assert losses["number"].tolist() == [1, 1, 2, 2]
    with pytest.raises(DataError, match="no training log"):
        loss_history(tmp_path / "nowhere", VERSIONS)


def test_the_table_shows_every_version_with_its_scores(metrics, tmp_path):
    write_csv(score_history(metrics, VERSIONS), tmp_path / "history.csv")
    console = Console(width=100, record=True, file=StringIO())
    show_history(tmp_path / "history.csv", console)
    shown = console.export_text()
    assert all(version in shown for version in VERSIONS)
    assert "exact match" in shown and "0.250" in shown and "1,200 test" in shown
    with pytest.raises(DataError, match="run `dvc repro`"):
        show_history(tmp_path / "none.csv")
