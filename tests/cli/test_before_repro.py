"""What `make repro` says before it starts."""

import re

import pytest
import yaml

from vqatune.cli.before_repro import ALL_SECONDS, GROUPS, how_long, main
from vqatune.errors import DataError, ParameterError
from vqatune.runtime.outdated import stage_names


@pytest.fixture
def root(repository, tmp_path, monkeypatch):
    """A fresh clone, without the code."""
    for name in ("params.yaml", "dvc.yaml", "dvc.lock"):
        (tmp_path / name).write_bytes((repository / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stages(repository, parameter_values):
    return stage_names(repository, parameter_values)


def test_in_a_fresh_clone_all_stages_are_to_do_in_the_time_that_was_measured(root, stages, capsys):
    main()
    said = capsys.readouterr().out
    assert f"To do: {len(stages)} of {len(stages)} stages" in said
    assert "train of v1 to v13" in said and "eval of blind to v13" in said
    assert f"About {ALL_SECONDS / 60:.0f} minutes on two cores" in said


def test_every_stage_is_in_a_group(stages):
    grouped = [kind for kinds, _ in GROUPS.values() for kind in kinds]
    assert sorted(grouped) == sorted({stage.partition("@")[0] for stage in stages})


def test_the_measured_seconds_are_those_of_the_document(repository):
    text = " ".join((repository / "docs/performance.md").read_text().split())
    found = re.search(
        r"takes (\d+) s: base ([\d.]+) s, train (\d+) s, predict (\d+) s, eval ([\d.]+) s", text[-2000:]
    )
    from vqatune.cli import before_repro as told

    assert list(map(float, found.groups())) == [
        *(told.ALL_SECONDS, told.BASE_SECONDS, told.TRAIN_SECONDS, told.PREDICT_SECONDS, told.EVAL_SECONDS)
    ]


def test_with_other_parameters_no_time_is_made_up(root, stages, make_params):
    said = how_long(stages, stages, make_params({"lora.r": 4, "train.seed": 9}))
    assert said.endswith("here others are lora.r, train.seed.") and "estimate" not in said
    asked = make_params({"generate.provider": "openai", "generate.endpoint": "http://localhost:1/v1"})
    assert "`vqatune estimate` says what the model's replies take" in how_long(stages, stages, asked)


def test_stages_that_have_run_here_are_timed_by_that(root, stages, make_params):
    (root / ".work/timings").mkdir(parents=True)
    for stage in ("train@v13", "predict@v13", "eval@v13", "report"):
        (root / f".work/timings/{stage}.json").write_text(
            f'{{"stage": "{stage}", "seconds": 60, "peak_mb": 1}}'
        )
    params = make_params({"lora.r": 4})
    said = how_long(["train@v13", "predict@v13", "eval@v13", "report"], stages, params)
    assert said == "About 4 minutes, as long as their last runs on this machine."
    assert "known for the default parameters alone" in how_long(["train@v12", "report"], stages, params)


def test_what_dvc_could_not_read_is_an_error_that_says_what_to_do(root):
    (root / "dvc.lock").write_text("schema: [")
    with pytest.raises(DataError, match="dvc.lock is damaged"):
        main()
    values = yaml.safe_load((root / "params.yaml").read_text())
    values["lora"]["r"] = "many"
    (root / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(ParameterError, match="lora.r"):
        main()
