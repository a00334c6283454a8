import json
import re
import shlex

import pandas as pd
import yaml

from vqatune.cli import after_repro, before_repro
from vqatune.runtime.outdated import outdated_stages

WHOLE = [
    *[
        "raw",
        "extract",
        "filter",
        "sample",
        "generate",
        "split",
        "tasks",
        "batch",
        "base",
        "train@v1",
        "train@v2",
    ],
    *["blind", "predict@base", "predict@v1", "predict@v2"],
    *["eval@blind", "eval@base", "eval@v1", "eval@v2", "report"],
]


def told(checkout) -> list[str]:
    """Return the stages of which `make repro` says beforehand that they are out of date."""
    return outdated_stages(checkout.root, yaml.safe_load((checkout.root / "params.yaml").read_text()))


def test_two_clones_give_the_same_bytes_whatever_the_workers_and_the_hash_seed(finished, again):
    # DVC writes the stages in the order in which it ran them.
    assert again.stages() == finished.stages()
    assert again.outputs() == finished.outputs()


def test_one_repro_makes_and_measures_every_version(finished):
    assert sorted(finished.stages()) == sorted(WHOLE)
    history = pd.read_csv(finished.root / "metrics/history.csv")
    assert list(history["version"]) == ["blind", "base", "v1", "v2"]
    for version, exact_match in zip(history["version"], history["exact_match"], strict=True):
        assert (
            json.loads((finished.root / f"metrics/{version}.json").read_text())["exact_match"] == exact_match
        )
    losses = pd.read_csv(finished.root / "metrics/loss.csv")
    assert set(losses["version"]) == {"v1", "v2"}
    for version in ("v1", "v2"):
        assert (finished.root / "models" / version / "adapter_model.safetensors").exists()
    table = finished.run("vqatune", "table").stdout
    assert all(version in table for version in history["version"])


def test_a_second_repro_does_nothing(checkout):
    assert told(checkout) == []
    outcome = checkout.run("dvc", "repro")
    assert outcome.ran == outcome.cached == []
    assert "up to date" in outcome.stdout
    assert checkout.changed_files() == []


def test_its_end_names_the_best_version_the_page_and_commands_that_work(checkout, monkeypatch, capsys):
    monkeypatch.chdir(checkout.root)
    before_repro.main()
    assert capsys.readouterr().out.startswith("Nothing is out of date")
    after_repro.main()
    said = capsys.readouterr().out
    assert re.search(
        r"^Best version: (base|v1|v2) answers [\d.]+% of the \d+ test questions right", said, re.MULTILINE
    )
    assert f"{checkout.root.as_uri()}/metrics/report.html\n" in said
    commands = [shlex.split(line) for line in re.findall(r"^  (\w.*)$", said, re.MULTILINE)]
    assert [command[:2] for command in commands] == [["vqatune", "ask"], ["dvc", "exp"], ["vqatune", "use"]]
    assert commands[0][3] in checkout.run(*commands[0]).stdout
    assert checkout.changed_files() == []


def test_a_change_in_the_reports_code_runs_the_report_alone_and_in_the_checkouts_own_words(checkout):
    with (checkout.root / "src/vqatune/report/history.py").open("a") as code:
        code.write('\nprint("words of this checkout")\n')
    assert told(checkout) == ["report"]
    outcome = checkout.run("dvc", "repro")
    assert outcome.ran == ["report"] and outcome.cached == []
    assert "words of this checkout" in outcome.stdout


def test_a_changed_batch_retrains_from_its_version_on_and_only_as_far_as_asked(checkout):
    path = checkout.root / "data/batches/02.parquet"
    pd.read_parquet(path).iloc[:-1].to_parquet(path, index=False)
    checkout.run("dvc", "commit", "--force", "batch")
    assert checkout.run("dvc", "repro", "eval@v1").ran == []
    assert checkout.run("dvc", "repro", "eval@v2").ran == ["train@v2", "predict@v2", "eval@v2"]
    assert checkout.run("dvc", "repro").ran == ["report"]


def test_a_shorter_chain_leaves_no_scores_and_predictions_of_the_versions_that_are_gone(shortened):
    outcome = shortened.said()
    assert outcome.ran == ["batch", "train@v1", "predict@v1", "eval@v1", "report"]
    [said] = [line for line in outcome.stdout.splitlines() if "are removed" in line]
    assert re.fullmatch(r"\d+ files of versions that the chain no longer has are removed: v2", said)
    files = [path for folder in ("metrics", "data") for path in (shortened.root / folder).rglob("*v2*")]
    assert files == [] and (shortened.root / "models/v2").exists()
    assert "v2" not in shortened.run("vqatune", "table").stdout
    assert [path.name for path in sorted((shortened.root / "data/batches").iterdir())] == ["01.parquet"]
    assert shortened.run("dvc", "repro").ran == []


def test_a_longer_chain_is_one_edit(checkout):
    chain = {f"v{n}": {"previous": f"v{n - 1}" if n > 1 else "base", "batch": f"{n:02d}"} for n in (1, 2, 3)}
    checkout.set_params(
        {"versions": chain, "predicted": {"base": {}} | chain, "evaluated": {"blind": {}, "base": {}} | chain}
    )
    # Of the stages that DVC runs again, those that read other bytes than before.
    assert {"batch", "train@v1", "train@v3", "predict@v3", "eval@v3", "report"} <= set(told(checkout))
    ran = checkout.run("dvc", "repro", "eval@v3").ran
    assert ran == ["batch", "train@v1", "train@v2", "train@v3", "predict@v3", "eval@v3"]
    # As the last step of `dvc repro`, which would evaluate the other versions of the new batches first.
    assert checkout.run("dvc", "repro", "--single-item", "report").ran == ["report"]
    assert list(pd.read_csv(checkout.root / "metrics/history.csv")["version"]) == [
        *("blind", "base", "v1", "v2", "v3")
    ]


def test_a_file_outside_of_the_repository_is_watched(checkout, tmp_path):
    answers = tmp_path / "answers.txt"
    answers.write_text("red\nblue\n")
    checkout.set_params({"predict.mode": "rank", "predict.candidates": str(answers)})
    assert "predict@v1" in checkout.run("dvc", "repro", "predict@v1").ran
    assert checkout.run("dvc", "repro", "predict@v1").ran == []
    assert not any(name.startswith("predict@v1") for name in told(checkout))
    answers.write_text("red\ngreen\n")
    assert "predict@v1" in told(checkout) and "train@v1" not in told(checkout)
    assert checkout.run("dvc", "repro", "predict@v1").ran == ["predict@v1"]
