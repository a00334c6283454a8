import pytest
import torch
from stored_checkpoints import cast, store

from vqatune.inference.answering.load_version import load_version
from vqatune.models import lora
from vqatune.models.checkpoint import load_model
from vqatune.training.loop import train_version


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_version_is_merged_before_it_is_rounded(dtype, tiny_with, tiny_base, pairs, places, tmp_path):
    base = store(tiny_base, tmp_path / "base", torch.float16)
    params = tiny_with({"compute.precision": "bf16", "train.learning_rate": 0.01})
    train_version(params, "v1", base, None, pairs, places, tmp_path / "v1")
    model, _ = load_version(tmp_path / "v1", dtype=dtype)
    expected = cast(lora.load_adapter(load_model(base), tmp_path / "v1").merge_and_unload(), dtype)
    for (name, weight), same in zip(model.named_parameters(), expected.named_parameters(), strict=True):
        assert weight.dtype == dtype and torch.equal(weight, same[1]), name
