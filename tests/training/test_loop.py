import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from stored_checkpoints import store
from tiny_families import tiny_model

from vqatune.errors import ArchiveError, DataError, ModelError
from vqatune.loading.steps import epoch_groups
from vqatune.tables import read_csv
from vqatune.training.loop import train_version


@pytest.fixture
def train(tiny_params, tiny_base, pairs, places, tmp_path):
    def run(
        version: str,
        previous: str | None = None,
        params=tiny_params,
        chosen=pairs,
        base=tiny_base,
        where=places,
        work=None,
    ) -> Path:
        before = None if previous is None else tmp_path / previous
        train_version(params, version, base, before, chosen, where, tmp_path / version, work)
        return tmp_path / version

    return run


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_version_holds_adapter_processor_state_and_log(train, pairs):
    folder = train("v1")
    names = set(_digests(folder))
    assert {
        "adapter_model.safetensors",
        "adapter_config.json",
        "processor_config.json",
        "tokenizer.json",
        "training_state/optimizer.safetensors",
        "training_state/position.json",
        "log.csv",
    } <= names
    log = read_csv(folder / "log.csv")
    assert list(log.columns) == [
        "step",
        "loss",
        "smoothed_loss",
        "learning_rate",
        "gradient_norm",
        "padding",
        "pairs_seen",
        "images_skipped",
    ]
    assert (log["gradient_norm"] > 0).all() and log["padding"].between(0, 0.5).all()
    assert log["pairs_seen"].iloc[-1] == len(pairs)
    assert len(log) == 2


def test_training_brings_the_loss_down(train, tiny_with, pairs):
    params = tiny_with({"train.images_per_step": 2, "train.learning_rate": 0.002})
    many = pd.concat([pairs.assign(copy=copy) for copy in range(10)], ignore_index=True)
    log = read_csv(train("v1", params=params, chosen=many) / "log.csv")
    assert log["loss"].tail(10).mean() < 0.6 * log["loss"].head(10).mean()


def test_the_same_inputs_give_the_same_bytes(train, tmp_path):
    first = _digests(train("v1"))
    (tmp_path / "v1").rename(tmp_path / "first")
    assert _digests(train("v1")) == first


def test_a_base_stored_in_16_bits_trains_as_the_same_weights_in_float32(
    train, tiny_with, tiny_base, tmp_path
):
    params = tiny_with({"compute.precision": "bf16", "lora.variant": "pissa"})
    stored = store(tiny_base, tmp_path / "stored", torch.bfloat16)
    adapters = []
    for base in (stored, store(stored, tmp_path / "float32")):
        adapters.append((train("v1", params=params, base=base) / "adapter_model.safetensors").read_bytes())
        shutil.rmtree(tmp_path / "v1")
    assert adapters[0] == adapters[1]


def test_the_optimizer_carries_over_to_the_next_version(train):
    train("v1")
    carried = train("v2", "v1")
    steps = load_file(carried / "training_state" / "optimizer.safetensors")
    assert {int(value) for name, value in steps.items() if name.endswith("/step")} == {4}
    position = json.loads((carried / "training_state" / "position.json").read_text())
    assert position["step"] == 4 and position["version"] == "v2"


def test_a_fresh_optimizer_would_train_another_adapter(train, tmp_path):
    train("v1")
    carried = load_file(train("v2", "v1") / "adapter_model.safetensors")
    (tmp_path / "v2").rename(tmp_path / "carried")
    state = tmp_path / "v1" / "training_state" / "optimizer.safetensors"
    save_file({name: torch.zeros_like(value) for name, value in load_file(state).items()}, state)
    fresh = load_file(train("v2", "v1") / "adapter_model.safetensors")
    assert any(not torch.equal(carried[name], fresh[name]) for name in carried)


def test_without_carry_optimizer_a_version_starts_with_a_fresh_one(train, tiny_with, tmp_path):
    train("v1")
    folder = train("v2", "v1", params=tiny_with({"train.carry_optimizer": False}))
    steps = load_file(folder / "training_state" / "optimizer.safetensors")
    assert {int(value) for name, value in steps.items() if name.endswith("/step")} == {2}
    assert json.loads((folder / "training_state" / "position.json").read_text())["step"] == 4


@pytest.mark.slow
def test_two_versions_in_two_processes_are_those_of_one(train, stage_folder, tmp_path):
    train("v1")
    expected = _digests(train("v2", "v1"))
    stages = stage_folder()
    stages.run("train", "v1", "base", "01")
    stages.run("train", "v2", "v1", "02")
    made = _digests(stages.root / "models/v2")
    # It holds where the base lies, which is another place there.
    assert made.keys() == expected.keys() and made.pop("adapter_config.json")
    assert made == {name: expected[name] for name in made}


def test_another_base_model_than_the_last_version_had_is_refused(train, tiny_params, tmp_path):
    from vqatune.base_model.base import make_base

    train("v1")
    make_base(tiny_params.model_copy(update={"seed": 5}), ["what color is it?", "red"], tmp_path / "other")
    with pytest.raises(ModelError):
        train("v2", "v1", base=tmp_path / "other")
    assert not (tmp_path / "v2").exists()


def test_a_loss_that_is_not_finite_stops_with_step_and_pairs_and_keeps_the_last_state(
    train, tiny_with, tmp_path
):
    params = tiny_with({"train.images_per_step": 2, "train.learning_rate": 1e30})
    with pytest.raises(
        ModelError, match=r"the loss of v1 is (nan|inf) at step \d+, pairs image\d+"
    ) as caught:
        train("v1", params=params, work=tmp_path / "work")
    assert "learning_rate" in str(caught.value)
    assert not (tmp_path / "v1").exists()
    step = int(str(caught.value).split(" at step ")[1].split(",")[0])
    (kept,) = (tmp_path / "work").glob("training/v1/*/*")
    assert int(kept.name) == step - 1
    state = load_file(kept / "state.safetensors")
    assert state and all(value.isfinite().all() for value in state.values())


def test_only_the_pairs_at_fault_are_named(train, tiny_base, tmp_path, pairs):
    spoilt = tmp_path / "spoilt"
    shutil.copytree(tiny_base, spoilt)
    weights = load_file(spoilt / "model.safetensors")
    words = json.loads((spoilt / "tokenizer.json").read_text())["model"]["vocab"]
    weights["text_encoder.embeddings.word_embeddings.weight"][words["stars"]] = float("nan")
    save_file(weights, spoilt / "model.safetensors", {"format": "pt"})
    asked = pairs.loc[pairs["question"].str.contains("stars"), "qa_id"].tolist()
    with pytest.raises(ModelError, match="the loss of v1 is nan at step 1") as caught:
        train("v1", base=spoilt)
    named = str(caught.value).split("pairs ")[1].split(":")[0].split(" and ")[0].split(", ")
    assert len(named) == 3 and set(named) <= set(asked)


def test_an_empty_batch_is_an_error(train, pairs):
    with pytest.raises(DataError, match="holds no pairs"):
        train("v1", chosen=pairs.iloc[:0])


def _outcome(folder: Path) -> tuple[pd.DataFrame, dict[str, torch.Tensor]]:
    return read_csv(folder / "log.csv"), load_file(folder / "adapter_model.safetensors")


UNCUT = {"lora.dropout": 0.0, "train.images_per_step": 12}


@pytest.fixture(scope="module")
def three_times(pairs) -> pd.DataFrame:
    return pd.concat([pairs.assign(copy=copy) for copy in range(3)], ignore_index=True)


@pytest.fixture(scope="module")
def uncut(
    tiny_with, tiny_base, places, three_times, tmp_path_factory
) -> tuple[pd.DataFrame, dict[str, torch.Tensor]]:
    """The log and the adapter of steps of one micro-batch each."""
    folder = tmp_path_factory.mktemp("uncut") / "v1"
    train_version(tiny_with(UNCUT), "v1", tiny_base, None, three_times, places, folder)
    return _outcome(folder)


@pytest.mark.parametrize(
    "packed",
    [
        {"train.max_pairs_per_step": 7},
        {"train.images_per_step": 4, "train.accumulation_steps": 3},
        {"train.images_per_step": 1, "train.accumulation_steps": 12},
        {"train.gradient_checkpointing": True},
    ],
    ids=str,
)
def test_how_a_step_is_cut_into_micro_batches_changes_nothing_but_the_last_digits(
    train, tiny_with, three_times, uncut, packed
):
    log, adapter = uncut
    other_log, other = _outcome(train("v1", params=tiny_with(UNCUT | packed), chosen=three_times))
    assert len(other_log) == len(log) == 3
    assert other_log["loss"].tolist() == pytest.approx(log["loss"].tolist(), rel=2e-6, abs=1e-5)
    assert other_log["pairs_seen"].tolist() == log["pairs_seen"].tolist()
    for name, value in adapter.items():
        # Where a gradient is nearly nothing AdamW enlarges its last digits, up to steps of the learning rate, 2e-3.
        torch.testing.assert_close(other[name], value, rtol=2e-6, atol=5e-5)


def test_epochs_go_over_the_batch_again_and_one_question_an_image_is_as_many_pairs_as_images(
    train, tiny_with, pairs, tmp_path
):
    log = read_csv(train("v1", params=tiny_with({"train.epochs": 3})) / "log.csv")
    assert log["pairs_seen"].iloc[-1] == 3 * len(pairs)
    (tmp_path / "v1").rename(tmp_path / "all")
    params = tiny_with({"train.epochs": 2, "train.questions_per_image": "one"})
    log = read_csv(train("v1", params=params) / "log.csv")
    assert log["pairs_seen"].iloc[-1] == 2 * pairs["image_id"].nunique()


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.0, 0.5, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [0.0, 0.5, 1.0, 0.75, 0.5, 0.25]),
        ("cosine", [0.0, 0.5, 1.0, 0.8535534, 0.5, 0.1464466]),
    ],
)
def test_the_learning_rate_follows_its_schedule(train, tiny_with, schedule, expected):
    changes = {"train.schedule": schedule, "train.warmup_steps": 2, "train.images_per_step": 2}
    log = read_csv(train("v1", params=tiny_with(changes | {"train.learning_rate": 1e-3})) / "log.csv")
    assert log["learning_rate"].tolist() == pytest.approx([1e-3 * factor for factor in expected])


def test_a_long_gradient_is_shortened(train, tiny_with, tmp_path):
    free = tiny_with({"train.max_gradient_norm": None, "train.learning_rate": 1e-3})
    log, adapter = _outcome(train("v1", params=free))
    (tmp_path / "v1").rename(tmp_path / "free")
    # So short that AdamW's epsilon is felt.
    short = tiny_with({"train.max_gradient_norm": 1e-9, "train.learning_rate": 1e-3})
    short_log, short_adapter = _outcome(train("v1", params=short))
    assert short_log["gradient_norm"].iloc[0] == pytest.approx(log["gradient_norm"].iloc[0])

    def length(adapter):
        return sum(value.square().sum() for name, value in adapter.items() if "lora_B" in name)

    assert length(short_adapter) < 0.1 * length(adapter)


@pytest.mark.parametrize(
    ("precision", "variant"), [("bf16", "lora"), ("fp16", "dora"), ("bf16", "pissa")], ids=str
)
def test_low_precision_trains_a_float32_adapter(train, tiny_with, pairs, precision, variant):
    changes = {"compute.precision": precision, "lora.variant": variant, "train.images_per_step": 4}
    many = pd.concat([pairs.assign(copy=copy) for copy in range(8)], ignore_index=True)
    params = tiny_with(changes | {"train.learning_rate": 0.01, "lora.dropout": 0.0})
    log, adapter = _outcome(train("v1", params=params, chosen=many))
    assert log["loss"].tail(5).mean() < 0.85 * log["loss"].head(5).mean()
    assert {value.dtype for value in adapter.values()} == {torch.float32}


def test_a_text_adapter_leaves_the_vision_tower_alone(train, tiny_with):
    log, adapter = _outcome(train("v1", params=tiny_with({"lora.target_modules": "text_query_value"})))
    assert log["loss"].iloc[-1] > 0
    assert adapter and not [name for name in adapter if "vision" in name]


def test_a_picture_that_does_not_open_is_named_once_and_left_out(train, pairs, places, capfd):
    damaged = places.assign(length=places["length"].where(places["image_id"] != "image04", 30))
    twice = pd.concat([pairs.assign(copy=copy) for copy in range(2)], ignore_index=True)
    log = read_csv(train("v1", chosen=twice, where=damaged) / "log.csv")
    said = capfd.readouterr().err
    assert said.count("image04") == 1 and "its questions are left out" in said
    assert log["images_skipped"].iloc[-1] == 1
    assert log["pairs_seen"].iloc[-1] == len(twice) - 2 * (pairs["image_id"] == "image04").sum()


def test_a_batch_without_a_picture_that_opens_is_an_error(train, places, tmp_path):
    with pytest.raises(DataError, match="no picture of the batch of v1 opens"):
        train("v1", where=places.assign(length=20))
    assert not (tmp_path / "v1").exists()


def test_pictures_are_read_when_their_step_comes(train, tiny_with, pairs, places, tmp_path):
    params = tiny_with({"train.images_per_step": 2, "train.checkpoint_every": 1})
    last = epoch_groups(pairs, params.train.seed, 0, "all")[-1:][0][0]
    gone = places.assign(
        archive=places["archive"].where(places["image_id"] != pairs["image_id"][last], "gone.tar")
    )
    with pytest.raises(ArchiveError, match=r"gone\.tar does not exist"):
        train("v1", params=params, where=gone, work=tmp_path / "work")
    # All steps but the last, whose micro-batch is read while the one before is trained on.
    assert max(int(path.name) for path in (tmp_path / "work").glob("training/v1/*/*")) == 5


def test_a_version_of_a_base_of_another_family_is_said_to_be_of_another_base(train, tmp_path):
    train("v1")
    model, encoder = tiny_model("llava")
    other = tmp_path / "llava"
    encoder.family.save_checkpoint(model, encoder.processor, other, "")
    with pytest.raises(ModelError, match="v1 was tuned from another base model than models/base now is"):
        train("v2", "v1", base=other)
