import csv
import io
import time

import pytest


@pytest.fixture
def queued(shortened):
    """A checkout with one version, whose worker of the queue is gone after the test."""
    yield shortened
    shortened.run("dvc", "queue", "stop", "--kill")


def test_the_queue_runs_another_rank_and_shows_it_beside_what_is_there(queued):
    queued.run("dvc", "exp", "run", "--queue", "-S", "lora.r=16", "eval@v1")
    queued.run("dvc", "queue", "start")
    _wait_for_queue(queued, experiments=1)
    assert queued.changed_files() == []

    table = csv.DictReader(io.StringIO(queued.run("dvc", "exp", "show", "--csv").stdout))
    rows = list(table)
    (experiment,) = [row for row in rows if row["State"] == "Success"]
    (workspace,) = [row for row in rows if row["rev"] == "workspace"]
    assert (experiment["lora.r"], workspace["lora.r"]) == ("16", "8")
    assert all(float(row["metrics/v1.json:fuzzy"]) > 0 for row in (experiment, workspace))
    assert experiment["models/v1"] != workspace["models/v1"]
    assert "> python stages/train.py" in queued.run("dvc", "queue", "logs", experiment["Experiment"]).stdout


def _wait_for_queue(checkout, experiments: int) -> None:
    """Wait until this many experiments of the queue have ended, and see that all ended well."""
    for poll in range(600):
        time.sleep(0.5)
        refs = checkout.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").stdout.split()
        done = [name for name in refs if not name.startswith("refs/exps/exec/")]
        # Only now and then, because DVC takes a while to say it; an experiment that failed leaves no ref.
        if len(done) >= experiments or poll % 40 == 39:
            status = checkout.run("dvc", "queue", "status").stdout
            if status.count("Success") + status.count("Failed") == experiments:
                break
    assert status.count("Success") == experiments, status
