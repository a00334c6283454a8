import signal
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from stored_checkpoints import store

from vqatune.errors import DataError, ModelError
from vqatune.inference.prediction.predict import predict, remove_partial_results
from vqatune.training.loop import train_version


@pytest.fixture(scope="module")
def ask(tiny_params, tiny_base, pairs, places, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "v1"
    train_version(tiny_params, "v1", tiny_base, None, pairs, places, folder)

    def run(chosen: pd.DataFrame, images_per_step: int = 3, adapter=folder) -> pd.DataFrame:
        stepped = tiny_params.predict.model_copy(update={"images_per_step": images_per_step})
        params = tiny_params.model_copy(update={"predict": stepped})
        return predict(params, "v1", tiny_base, adapter, chosen, places)

    return run


def test_every_pair_gets_an_answer_and_its_log_probability(ask, pairs):
    answers = ask(pairs)
    assert sorted(answers["qa_id"]) == sorted(pairs["qa_id"])
    assert (answers["log_probability"] <= 0).all()
    assert answers["grounding"].between(0, 1).all()
    assert answers["prediction"].str.len().gt(0).any()


def test_neither_the_order_of_the_rows_nor_the_size_of_a_step_changes_an_answer(ask, pairs):
    expected = ask(pairs)
    shuffled = ask(pairs.sample(frac=1, random_state=3), images_per_step=5)
    pd.testing.assert_frame_equal(shuffled, expected, atol=1e-4)
    assert shuffled["prediction"].tolist() == expected["prediction"].tolist()


def test_the_base_model_answers_without_an_adapter(ask, pairs):
    base = ask(pairs, adapter=None)
    assert len(base) == len(pairs)
    assert base["log_probability"].tolist() != ask(pairs)["log_probability"].tolist()


def test_a_batch_of_beams_and_a_ranked_list_answer_too(tiny_with, tiny_base, pairs, places):
    beams = predict(tiny_with({"predict.beams": 3}), "base", tiny_base, None, pairs, places)
    greedy = predict(tiny_with({}), "base", tiny_base, None, pairs, places)
    assert sorted(beams["qa_id"]) == sorted(greedy["qa_id"]) and beams["prediction"].str.len().gt(0).any()
    listed = ["yes", "red", "Red", "3"]
    ranked = predict(tiny_with({"predict.mode": "rank"}), "base", tiny_base, None, pairs, places, listed)
    assert set(ranked["prediction"]) <= {"yes", "red", "3"}
    assert (ranked["log_probability"] < 0).all()


def test_references_that_no_answer_can_be_as_long_as_are_counted(tiny_with, tiny_base, pairs, places, capfd):
    longer = pairs.assign(answer=["red and blue and green", *pairs["answer"].iloc[1:]])
    predict(tiny_with({"predict.max_answer_tokens": 3}), "base", tiny_base, None, longer, places)
    said = capfd.readouterr().err
    assert f"1 of {len(pairs)} references have more than predict.max_answer_tokens (3) tokens" in said
    predict(tiny_with({}), "base", tiny_base, None, pairs, places)
    assert "max_answer_tokens" not in capfd.readouterr().err


def test_a_picture_that_does_not_open_has_empty_answers_without_a_probability(
    tiny_with, tiny_base, pairs, places, capfd
):
    damaged = places.assign(length=places["length"].where(places["image_id"] != "image02", 30))
    answers = predict(tiny_with({}), "base", tiny_base, None, pairs, damaged).set_index("qa_id")
    assert capfd.readouterr().err.count("image02") == 1
    for name, row in answers.iterrows():
        lost = name.startswith("image02")
        assert pd.isna(row["log_probability"]) == pd.isna(row["grounding"]) == lost
        assert not lost or row["prediction"] == ""


def written(root: Path) -> dict[str, bytes]:
    """Return the predictions of the base for the test set, the validation set and the tasks."""
    files = [root / f"data/predictions/{folder}base.parquet" for folder in ("", "validation/", "tasks/")]
    return {str(file.relative_to(root)): file.read_bytes() for file in files}


@pytest.mark.slow
def test_stopped_in_every_way_and_started_again_it_ends_with_the_same_bytes(stage_folder):
    changes = {
        "predict.images_per_step": 1,
        "predict.checkpoint_every": 1,
        "predict.grounding_questions": 0,
    }
    whole = stage_folder(changes, name="whole", copies=8)
    whole.run("predict", "base")
    expected = written(whole.root)
    stages = stage_folder(changes, copies=8)
    for parts, number in ((5, signal.SIGKILL), (30, signal.SIGTERM)):
        process = stages.start("predict", "base")
        while len(list(stages.root.glob(".work/predictions/base/*/0/[0-9]*"))) < parts:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
        assert not (stages.root / "data/predictions/base.parquet").exists()
        if number == signal.SIGTERM:
            assert process.returncode == 128 + number and "stopped after" in said and "Traceback" not in said
    damaged = sorted(stages.root.glob(".work/predictions/base/*/0/[0-9]*"))[20]
    damaged.write_bytes(b"damaged")
    assert "what comes after it is done again" in stages.run("predict", "base")
    assert written(stages.root) == expected
    assert not list(stages.root.glob(".work/predictions/base/*"))


def test_a_test_set_without_pairs_is_an_error(tiny_with, tiny_base, pairs, places):
    with pytest.raises(DataError, match="the test set holds no pairs"):
        predict(tiny_with({}), "base", tiny_base, None, pairs.iloc[:0], places)


def test_vision_states_are_kept_for_all_versions_that_leave_the_tower_alone(
    tiny_with, tiny_base, pairs, places, tmp_path
):
    work, plain = tmp_path / "work", tiny_with({"lora.target_modules": "text_query_value"})
    train_version(plain, "v1", tiny_base, None, pairs, places, tmp_path / "v1")
    params = tiny_with({"predict.keep_vision_states": True, "predict.images_per_step": 5})

    def answers(adapter, where=places, **kept):
        remove_partial_results("v1", work)
        return predict(params, "v1", tiny_base, adapter, pairs, where, **kept)

    expected = answers(None), answers(tmp_path / "v1")
    pd.testing.assert_frame_equal(answers(None, work=work), expected[0])
    kept = sorted(work.glob("vision/*/*.safetensors"))
    # Three micro-batches of predictions, and three of grounding.
    assert len(kept) == 6
    pd.testing.assert_frame_equal(answers(tmp_path / "v1", work=work), expected[1])

    train_version(tiny_with({}), "v1", tiny_base, None, pairs, places, tmp_path / "seeing")
    seeing = answers(tmp_path / "seeing")
    for path in kept:
        save_file(
            {
                name: torch.zeros_like(tensor) if name == "states" else tensor
                for name, tensor in load_file(path).items()
            },
            path,
        )
    assert (answers(tmp_path / "v1", work=work)["log_probability"] != expected[1]["log_probability"]).all()
    pd.testing.assert_frame_equal(answers(tmp_path / "seeing", work=work), seeing)

    kept[0].write_bytes(b"damaged")
    with pytest.raises(ModelError, match="is damaged .*: delete it"):
        answers(tmp_path / "v1", work=work)


@pytest.mark.parametrize("tuned", [True, False])
def test_a_base_stored_in_16_bits_predicts_as_the_same_weights_in_float32(
    tuned, tiny_with, tiny_base, pairs, places, tmp_path
):
    params = tiny_with({"compute.precision": "bf16", "train.learning_rate": 0.01})
    stored = store(tiny_base, tmp_path / "stored", torch.float16)
    train_version(params, "v1", stored, None, pairs, places, tmp_path / "v1")
    adapter = tmp_path / "v1" if tuned else None
    found = [
        predict(params, "v1", base, adapter, pairs, places)
        for base in (stored, store(stored, tmp_path / "float32"))
    ]
    pd.testing.assert_frame_equal(*found, check_exact=True)
