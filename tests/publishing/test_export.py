import json
import runpy
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from stored_checkpoints import cast, store
from transformers import BlipForQuestionAnswering, BlipProcessor

from vqatune.cli import main
from vqatune.loading.reader import ImageReader
from vqatune.models import lora
from vqatune.models.families.blip import load_model
from vqatune.publishing.export import export_merged
from vqatune.tables import BATCH, write_json, write_table
from vqatune.training.loop import train_version

SCORES = {"exact_match": 0.5931969026548672, "bleu": None, "pairs": 3616, "by": {"easy": 1.0}}


@pytest.fixture(scope="module")
def make_root(tiny_params, tiny_base, pairs, places, repository, tmp_path_factory):
    """A repository with a base and two versions of a LoRA variant."""

    def make(variant: str) -> Path:
        root = tmp_path_factory.mktemp(variant)
        params = tiny_params.model_copy(
            update={
                "lora": tiny_params.lora.model_copy(update={"variant": variant}),
                "train": tiny_params.train.model_copy(update={"learning_rate": 0.01}),
            }
        )
        models = root / "models"
        shutil.copytree(tiny_base, models / "base")
        train_version(params, "v1", models / "base", None, pairs, places, models / "v1")
        train_version(params, "v2", models / "base", models / "v1", pairs.head(9), places, models / "v2")
        shutil.copy(repository / "params.yaml", root)
        return root

    return make


@pytest.fixture(scope="module")
def made(make_root) -> Path:
    return make_root("lora")


@pytest.fixture
def root(made, tmp_path) -> Path:
    """A repository of this test's own."""
    return shutil.copytree(made, tmp_path / "repository")


def _refused(arguments: list[str], capsys) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    return said


@torch.no_grad()
def _logits(model: BlipForQuestionAnswering, inputs: dict) -> torch.Tensor:
    options = {
        "max_new_tokens": 4,
        "do_sample": False,
        "output_logits": True,
        "return_dict_in_generate": True,
    }
    return torch.stack(model.eval().generate(**inputs, **options).logits)


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora", "pissa"])
def test_stock_transformers_loads_the_merged_version_and_answers_as_the_adapter_does(
    variant, make_root, places, tmp_path
):
    root = make_root(variant)
    export_merged("v2", tmp_path / "merged", root)
    model, loading = BlipForQuestionAnswering.from_pretrained(tmp_path / "merged", output_loading_info=True)
    assert not any(loading.values())
    processor = BlipProcessor.from_pretrained(tmp_path / "merged")
    picture = ImageReader(places).read("image03")
    inputs = processor(images=picture, text="how many stars are there?", return_tensors="pt")
    adapted = lora.load_adapter(load_model(root / "models" / "base"), root / "models" / "v2")
    expected = _logits(adapted.get_base_model(), inputs)
    torch.testing.assert_close(_logits(model, inputs), expected, rtol=1e-4, atol=1e-4)
    bare = _logits(load_model(root / "models" / "base"), inputs)
    assert (bare[0] - expected[0]).abs().max() > 0.1


def test_the_command_writes_the_same_bytes_again_and_leaves_nothing_else(made, tmp_path, warm_process):
    root = shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    done = warm_process("export", "v2", "--merged", "one")
    assert done.status == 0, done.err
    assert done.out == "one holds v2, merged into its base model\n"
    export_merged("v2", root / "two", root)
    one, two = ({path.name: path.read_bytes() for path in (root / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert {
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "processor_config.json",
        "README.md",
    } <= set(one)
    assert {path.name for path in root.iterdir()} == {"models", "params.yaml", "one", "two"}
    assert {path.stat().st_mode & 0o044 for path in (root / "one").iterdir()} == {0o044}


def test_the_card_says_data_parameters_scores_and_lineage(root, pairs, tmp_path):
    write_table(pairs, root / "data" / "batches" / "01.parquet", BATCH)
    repeated = pd.concat([pairs.head(9).assign(copy=copy) for copy in range(2)])
    write_table(repeated, root / "data" / "batches" / "02.parquet", BATCH)
    write_json(SCORES, root / "metrics" / "v2.json")
    write_json(SCORES | {"exact_match": 0.125}, root / "metrics" / "base.json")
    export_merged("v2", tmp_path / "merged", root)
    card = (tmp_path / "merged" / "README.md").read_text()
    base = json.loads((root / "models" / "v2" / "training_state" / "position.json").read_text())["base"]
    assert "24 question-answer pairs about 12 images of 2 product types, in 2 batches; language en_US" in card
    assert "Images of small product types are repeated, which makes 42 pairs to train on." in card
    for line in (
        "| variant | lora |",
        "| r | 8 |",
        "| target_modules | dense, key, projection, qkv, query, value |",
        "| learning_rate | 0.001 |",
        "| score | base | v2 |",
        "| exact_match | 0.125 | 0.5932 |",
        "| bleu | – | – |",
        "| pairs | 3616 | 3616 |",
        f"a tiny BLIP trained on drawn pictures; SHA-256 of its configuration and weights: `{base}`.",
        "| v1 | base | 12 | 24 | 24 | 2 |",
        "| v2 | v1 | 10 | 18 | 33 | 3 |",
    ):
        assert line in card
    assert "easy" not in card


@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_the_card_says_what_its_base_was_quantized_to(root, quantization, tmp_path):
    values = yaml.safe_load((root / "params.yaml").read_text())
    values["compute"]["quantization"] = quantization
    (root / "params.yaml").write_text(yaml.safe_dump(values))
    export_merged("v2", tmp_path / "merged", root)
    said = "bitsandbytes had quantized to nf4" in (tmp_path / "merged" / "README.md").read_text()
    assert said == (quantization == "nf4")


def test_the_front_matter_names_a_base_of_the_hub_and_no_other(root, tmp_path):
    def front(name: str) -> dict:
        export_merged("v1", tmp_path / name, root)
        return yaml.safe_load((tmp_path / name / "README.md").read_text().split("---\n")[1])

    expected = {"pipeline_tag": "visual-question-answering", "library_name": "transformers"}
    assert expected.items() <= front("showroom").items()
    assert "base_model" not in front("again")
    values = yaml.safe_load((root / "params.yaml").read_text())
    values["model"]["source"] = "hub"
    (root / "params.yaml").write_text(yaml.safe_dump(values))
    assert front("hub")["base_model"] == "Salesforce/blip-vqa-base"


def test_the_card_says_what_a_version_was_trained_with_not_what_is_planned(root, tmp_path):
    ran = {"train@v2": {"params": {"params.yaml": {"train": {"learning_rate": 0.00001}}}}}
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": ran}))
    export_merged("v2", tmp_path / "merged", root)
    card = (tmp_path / "merged" / "README.md").read_text()
    assert "| learning_rate | 1e-05 |" in card and "learning_rate | 0.001" not in card


def test_the_card_reads_parameters_that_were_named_one_by_one(root, tmp_path):
    ran = {"train@v2": {"params": {"params.yaml": {"train.learning_rate": 0.00001, "train.epochs": 7}}}}
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": ran}))
    export_merged("v2", tmp_path / "merged", root)
    card = (tmp_path / "merged" / "README.md").read_text()
    assert (
        "| learning_rate | 1e-05 |" in card
        and "| epochs | 7 |" in card
        and "learning_rate | 0.001" not in card
    )


def test_the_card_has_intervals_where_they_are_known(root, tmp_path):
    write_json(SCORES, root / "metrics" / "v2.json")
    (root / "metrics" / "intervals").mkdir()
    (root / "metrics" / "intervals" / "v2.csv").write_text(
        "metric,value,low,high,pairs,absent\nexact_match,0.59319,0.58123,0.60456,3616,\n"
    )
    export_merged("v2", tmp_path / "merged", root)
    card = (tmp_path / "merged" / "README.md").read_text()
    assert "| exact_match | 0.5932 (0.5812 … 0.6046) |" in card
    assert "| bleu | – |" in card


def test_the_code_in_the_card_runs_as_it_stands(root, places, tmp_path, monkeypatch, capsys):
    export_merged("v2", tmp_path / "merged", root)
    monkeypatch.chdir(tmp_path / "merged")
    ImageReader(places).read("image03").save("picture.jpg")
    code = Path("README.md").read_text().split("```python\n")[1].split("```")[0]
    Path("use.py").write_text(code)
    ran = runpy.run_path("use.py")
    said = capsys.readouterr().out.strip()
    assert said == ran["processor"].decode(ran["answer"][0], skip_special_tokens=True).strip()


def test_what_is_not_here_is_said_to_be_unknown(root, tmp_path):
    shutil.rmtree(root / "models" / "v1")
    export_merged("v2", tmp_path / "merged", root)
    card = (tmp_path / "merged" / "README.md").read_text()
    assert "What the batches held is not known" in card
    assert "has not been measured" in card
    assert "| v1 | base | – | – | – | – |" in card and "| v2 | v1 | – | – | 33 | 3 |" in card
    (root / "metrics" / "data").mkdir(parents=True)
    (root / "metrics" / "data" / "batches.csv").write_text("batch,images,pairs\n1,12,24\n2,5,9\n")
    export_merged("v2", tmp_path / "again", root)
    card = (tmp_path / "again" / "README.md").read_text()
    assert "33 question-answer pairs about 17 images, repeats counted, in 2 batches." in card
    assert "| v2 | v1 | 5 | 9 | 33 | 3 |" in card


def test_a_version_of_a_base_in_16_bits_is_exported_in_16_bits(
    tiny_with, tiny_base, pairs, places, repository, tmp_path
):
    models = tmp_path / "models"
    base = store(tiny_base, models / "base", torch.float16)
    train_version(tiny_with({"compute.precision": "bf16"}), "v1", base, None, pairs, places, models / "v1")
    shutil.copy(repository / "params.yaml", tmp_path)
    export_merged("v1", tmp_path / "merged", tmp_path)
    expected = lora.load_adapter(load_model(base), models / "v1").merge_and_unload()
    expected = dict(cast(expected, torch.float16).named_parameters())
    for name, weight in load_file(tmp_path / "merged" / "model.safetensors").items():
        assert weight.dtype == torch.float16 and torch.equal(weight, expected[name]), name


def test_an_empty_folder_is_filled(root, tmp_path):
    (tmp_path / "merged").mkdir()
    export_merged("v1", tmp_path / "merged", root)
    assert (tmp_path / "merged" / "model.safetensors").exists()


@pytest.mark.parametrize("version", ["v3", "v01", "base", "../v1", ""])
def test_a_version_that_does_not_exist_is_named_with_those_that_do(version, root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    said = _refused(["export", version, "--merged", "merged"], capsys)
    assert f"no version {version} (it has v1, v2)" in said
    assert not (root / "merged").exists()


def test_a_folder_that_holds_something_is_left_as_it_is(root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    for name in ("models", "params.yaml"):
        assert f"{name} exists and is not an empty folder" in _refused(
            ["export", "v1", "--merged", name], capsys
        )
    assert sorted(path.name for path in (root / "models").iterdir()) == ["base", "v1", "v2"]
    with pytest.raises(SystemExit) as caught:
        main(["export", "v1"])
    assert caught.value.code == 2 and "--merged" in capsys.readouterr().err


def _no_base(models: Path) -> None:
    shutil.rmtree(models / "base")


def _other_base(models: Path) -> None:
    weights = load_file(models / "base" / "model.safetensors")
    weights["vision_model.post_layernorm.weight"] += 1
    save_file(weights, models / "base" / "model.safetensors", {"format": "pt"})


def _cut_base(models: Path) -> None:
    (models / "base" / "model.safetensors").write_bytes(b"short")


def _no_adapter(models: Path) -> None:
    (models / "v2" / "adapter_model.safetensors").unlink()


def _odd_adapter(models: Path) -> None:
    path = models / "v2" / "adapter_model.safetensors"
    weights = load_file(path)
    save_file(weights | {min(weights): torch.zeros(1, 1)}, path)


def _not_finite(models: Path) -> None:
    path = models / "v2" / "adapter_model.safetensors"
    weights = load_file(path)
    save_file({name: tensor * float("nan") for name, tensor in weights.items()}, path)


def _no_position(models: Path) -> None:
    (models / "v2" / "training_state" / "position.json").unlink()


def _other_chain(models: Path) -> None:
    path = models / "v1" / "training_state" / "position.json"
    write_json(json.loads(path.read_text()) | {"base": "0" * 64}, path)


def _no_processor(models: Path) -> None:
    (models / "v2" / "processor_config.json").write_text("{")


def _no_tokenizer(models: Path) -> None:
    (models / "v2" / "tokenizer_config.json").unlink()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_no_tokenizer, "models/v2 lacks tokenizer_config.json"),
        (_no_base, "models/base does not exist: run `dvc repro base`"),
        (_other_base, "models/v2 was tuned from another base model than models/base now is"),
        (_cut_base, "models/base cannot be loaded as a BlipForQuestionAnswering"),
        (_no_adapter, "models/v2/adapter_model.safetensors does not exist"),
        (_odd_adapter, "models/v2 does not fit its base model"),
        (_not_finite, "models/v2 holds weights that are not finite"),
        (_no_position, "models/v2/training_state/position.json is missing or damaged"),
        (_other_chain, "models/v1 was tuned from another base model than models/v2"),
        (_no_processor, "models/v2 cannot be loaded: neither config.json nor"),
    ],
)
def test_what_does_not_fit_is_one_line_and_nothing_is_written(damage, said, root, monkeypatch, capsys):
    damage(root / "models")
    monkeypatch.chdir(root)
    assert said in _refused(["export", "v2", "--merged", "merged"], capsys)
    assert sorted(path.name for path in root.iterdir()) == ["models", "params.yaml"]


def test_a_place_that_cannot_be_written_is_one_line(root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    assert "params.yaml/merged cannot be written" in _refused(
        ["export", "v2", "--merged", "params.yaml/merged"], capsys
    )
