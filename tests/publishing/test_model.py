import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from huggingface_hub import ModelCard

from vqatune.errors import DataError, ModelError
from vqatune.inference.prediction.predict import predict
from vqatune.publishing.publish import prepare
from vqatune.publishing.request import Request
from vqatune.tables import write_csv, write_json

BLIP = {"name": "Salesforce/blip-vqa-base", "revision": "787b3d35d57e49572baabd22884b3d5a05acf072"}


def _prepare(root: Path, **changes) -> Path:
    options = {"dataset": "me/abo-vqa", "with_dataset": False} | changes
    prepare(Request(version="v2", repo="me/blip", **options), root / "out", root)
    return root / "out" / "model"


def _card(root: Path, **changes) -> str:
    return (_prepare(root, **changes) / "README.md").read_text()


def _base_was(root: Path, **changes: object) -> None:
    """Have dvc.lock say what the base model is."""
    model = yaml.safe_load((root / "params.yaml").read_text())["model"] | changes
    stages = {"base": {"params": {"params.yaml": {"model": model}}}}
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


@pytest.fixture
def expected(made, tiny_params, pairs, places) -> str:
    """What the engine answers about the picture that the card's code is given."""
    asked = pairs[(pairs["image_id"] == "image03") & (pairs["question"] == "what color is it?")]
    models = made / "models"
    return predict(tiny_params, "v2", models / "base", models / "v2", asked, places)["prediction"].item()


def _elsewhere(model: Path, content, place: Path) -> Path:
    """Make a folder with the code of a card, in which me/blip is the prepared folder."""
    (place / "me").mkdir(parents=True)
    shutil.copytree(model, place / "me" / "blip")
    (place / "picture.jpg").write_bytes(content("image03"))
    code = (model / "README.md").read_text().split("```python\n")[1].split("```")[0]
    (place / "use.py").write_text(code)
    return place


RUN_ALL = """
import os, runpy, sys
for place in sys.argv[1:]:
    os.chdir(place)
    runpy.run_path("use.py")
assert "vqatune" not in sys.modules
"""


@pytest.mark.slow
def test_the_cards_code_answers_as_the_engine_does_with_the_base_beside_the_adapter_or_one_of_the_hub(
    root, content, expected, tmp_path
):
    model = _prepare(root)
    config = json.loads((model / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("base", None)
    beside = _elsewhere(model, content, tmp_path / "beside")

    _base_was(root, source="hub", **BLIP)
    model = _prepare(root)
    config = json.loads((model / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == BLIP["name"] and config["revision"] == BLIP["revision"]
    assert not (model / "base").exists()
    cached = tmp_path / "hf" / "hub" / "models--Salesforce--blip-vqa-base"
    shutil.copytree(root / "models" / "base", cached / "snapshots" / BLIP["revision"])
    of_hub = _elsewhere(model, content, tmp_path / "of_hub")

    # Nothing of where they were made is needed, nor vqatune.
    shutil.move(root / "models", root / "gone")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN_ALL, beside, of_hub],
        env=environment | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "missing" not in done.stderr.lower() and "unexpected" not in done.stderr.lower()
    assert expected != "" and done.stdout.splitlines() == [expected, expected]


def test_the_front_matter_is_what_the_hub_expects(root):
    _base_was(root, source="hub", **BLIP)
    card = ModelCard(_card(root))
    assert {
        "library_name": "peft",
        "base_model": BLIP["name"],
        "base_model_relation": "adapter",
        "pipeline_tag": "visual-question-answering",
        "language": ["en"],
        "license": "bsd-3-clause",
        "datasets": ["me/abo-vqa"],
    }.items() <= card.data.to_dict().items()
    (result,) = card.data.eval_results[:1]
    assert (result.metric_type, result.metric_value) == ("exact_match", 0.5932)
    assert (result.dataset_type, result.dataset_split) == ("me/abo-vqa", "test")
    # A count is no metric, and neither is what has no value.
    assert {each.metric_type for each in card.data.eval_results} == {"exact_match", "grounding"}


def test_the_front_matter_names_no_base_and_no_licence_that_are_not_known(root):
    front = ModelCard(_card(root, dataset=None)).data.to_dict()
    assert not {"base_model", "base_model_relation", "license", "datasets"} & set(front)


def test_the_card_says_scores_weaknesses_and_lineage(root):
    card = _card(root)
    for line in (
        "| score | blind | base | v2 |",
        "| exact_match | 0.25 | 0.5932 | 0.5932 (0.5812 … 0.6046) |",
        "| grounding | – | 0.7 | 0.7 |",
        "`blind` is a guess without the image, the most",
        "- questions about count (25% of 30), color (75% of 40)",
        "- difficulty 3 (50% of 30)",
        "8 images of 2 product types, in 2 batches",
        "| v1 | base | 8 | 15 | 24 | 2 | 0.5932 |",
        "| v2 | v1 | 8 | 15 | 33 | 3 | 0.5932 |",
        "| variant | lora |",
        "it is here, in the folder `base`",
    ):
        assert line in card, line
    assert "shape (" not in card, "five pairs say nothing"


def test_the_card_names_the_version_that_validation_chooses(root):
    assert "validation" not in _card(root)
    history = pd.DataFrame(
        {"version": ["base", "v1", "v2"], "validation_exact_match": [0.1, 0.6, 0.5], "validation_pairs": 40}
    )
    write_csv(history, root / "metrics" / "history.csv")
    assert "Of the chain, `v1` is the best by `exact_match` on the validation set, 40 other" in _card(root)
    write_csv(history.assign(validation_exact_match=[0.1, 0.6, 0.7]), root / "metrics" / "history.csv")
    assert "Of the chain, this version is the best" in _card(root)
    (root / "metrics" / "history.csv").write_text("no,table\n1\n1,2,3\n")
    with pytest.raises(DataError, match=r"history.csv is damaged .*dvc repro -s -f report"):
        _card(root)


def test_of_scores_that_are_equal_everywhere_the_card_has_one(root):
    for name in ("blind", "base", "v2"):
        path = root / "metrics" / f"{name}.json"
        scores = json.loads(path.read_text())
        write_json({"exact_match": scores["exact_match"], "bleu1": scores["exact_match"], "fuzzy": 0.5}, path)
    card = _card(root)
    assert "| fuzzy | 0.5 | 0.5 | 0.5 |" in card and "| bleu1 |" not in card
    assert "\n\nEqual to exact_match here: bleu1.\n\n" in card
    # What programs read has all.
    assert {each.metric_type for each in ModelCard(card).data.eval_results} == {
        "exact_match",
        "bleu1",
        "fuzzy",
    }


def test_the_folder_holds_the_scores_and_the_log_and_the_training_state_where_asked_for(root):
    model = _prepare(root)
    for name, kept in (
        ("metrics.json", "metrics/v2.json"),
        ("by.csv", "metrics/by/v2.csv"),
        ("intervals.csv", "metrics/intervals/v2.csv"),
        ("log.csv", "models/v2/log.csv"),
        ("adapter_model.safetensors", "models/v2/adapter_model.safetensors"),
    ):
        assert (model / name).read_bytes() == (root / kept).read_bytes()
    assert not (model / "training_state").exists()
    state = _prepare(root, training_state=True) / "training_state"
    assert sorted(path.name for path in state.iterdir()) == ["optimizer.safetensors", "position.json"]
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in model.rglob("*") if path.is_file())


def test_a_version_that_was_not_measured_says_so(root):
    shutil.rmtree(root / "metrics")
    card = _card(root)
    assert "has not been measured" in card and "Where it fails most has not been measured" in card
    assert ModelCard(card).data.eval_results is None


def test_the_commit_is_told_with_what_was_not_committed(root):
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=me", "-c", "user.email=me@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)

    assert "at commit" not in _card(root)
    git("init")
    git("add", "params.yaml")
    git("commit", "-m", "first")
    shutil.rmtree(root / "out")
    card = _card(root)
    assert "The repository was at commit `" in card and "not committed" not in card
    (root / "params.yaml").write_text((root / "params.yaml").read_text() + "# changed\n")
    shutil.rmtree(root / "out")
    assert "`, with changes that were not committed." in _card(root)


def test_the_path_of_a_base_that_is_no_hubs_is_not_told(root):
    _base_was(root, source="hub", name="/home/someone/private/checkpoint", revision=None)
    card = _card(root)
    assert "private" not in card and "a checkpoint that is not on the hub" in card
    assert 'from_pretrained(adapter, subfolder="base")' in card


def _no_base(root: Path) -> None:
    shutil.rmtree(root / "models" / "base")


def _half_a_base(root: Path) -> None:
    (root / "models" / "base" / "model.safetensors").unlink()


def _other_base(root: Path) -> None:
    path = root / "models" / "base" / "config.json"
    write_json(json.loads(path.read_text()) | {"another": True}, path)


def _no_processor(root: Path) -> None:
    (root / "models" / "v2" / "processor_config.json").write_text("{")


def _no_tokenizer(root: Path) -> None:
    (root / "models" / "v2" / "tokenizer.json").unlink()


def _no_adapter(root: Path) -> None:
    (root / "models" / "v2" / "adapter_model.safetensors").unlink()


def _cut_adapter(root: Path) -> None:
    (root / "models" / "v2" / "adapter_model.safetensors").write_bytes(b"short")


def _damaged_scores(root: Path) -> None:
    (root / "metrics" / "v2.json").write_text("{")


def _scores_that_are_none(root: Path) -> None:
    (root / "metrics" / "v2.json").write_text('{"exact_match": "high"}')


def _scores_without_end(root: Path) -> None:
    (root / "metrics" / "v1.json").write_text('{"exact_match": NaN}')


def _damaged_lock(root: Path) -> None:
    (root / "dvc.lock").write_bytes(b"\xff\xfe")


def _damaged_slices(root: Path) -> None:
    (root / "metrics" / "by" / "v2.csv").write_text("slice,value\n1,2\n")


def _damaged_intervals(root: Path) -> None:
    (root / "metrics" / "intervals" / "v2.csv").write_text("metric\n")


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (_no_base, ModelError, "models/base does not exist"),
        (_half_a_base, ModelError, "models/base is incomplete"),
        (_other_base, ModelError, "was tuned from another base model"),
        (_no_processor, ModelError, "models/v2 cannot be loaded: neither config.json nor"),
        (_no_tokenizer, ModelError, "models/v2 lacks tokenizer.json"),
        (_no_adapter, ModelError, "adapter_model.safetensors does not exist"),
        (_cut_adapter, ModelError, "adapter_model.safetensors is damaged"),
        (_damaged_scores, DataError, "metrics/v2.json is not a version's scores"),
        (_scores_that_are_none, DataError, "v2.json is not a version's scores .exact_match is 'high'"),
        (_scores_without_end, DataError, "v1.json is not a version's scores .exact_match is nan"),
        (_damaged_lock, DataError, "dvc.lock is damaged"),
        (_damaged_slices, DataError, "by/v2.csv is damaged"),
        (_damaged_intervals, DataError, "intervals/v2.csv is damaged"),
    ],
)
def test_what_is_damaged_is_named_and_nothing_is_written(damage, error, said, root):
    damage(root)
    with pytest.raises(error, match=said):
        _prepare(root)
    assert not list((root / "out").glob("*")) and not list((root / "out").glob(".*"))
