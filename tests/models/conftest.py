"""Shared by the tests of models: LoRA's parameters without its dropout."""

from collections.abc import Callable

import pytest

from vqatune.params import LoraParams


@pytest.fixture(scope="session")
def lora_with(tiny_params) -> Callable[..., LoraParams]:
    """The tiny parameters of LoRA, without dropout, with changes: lora_with(r=4)."""
    return lambda **changes: tiny_params.lora.model_copy(update={"dropout": 0.0, **changes})
