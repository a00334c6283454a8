import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from stored_checkpoints import cast, store
from torch import Tensor, nn

from vqatune.errors import ModelError
from vqatune.models import lora
from vqatune.models.adapter_precision import merge
from vqatune.models.checkpoint import load_model
from vqatune.params import LoraParams


@pytest.fixture(scope="module")
def base(tiny_base, tmp_path_factory):
    """A base whose weights are stored in 16 bits."""
    return store(tiny_base, tmp_path_factory.mktemp("stored") / "base", torch.bfloat16)


def _adapter(model) -> dict[str, Tensor]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def _tuned(base: nn.Module, params: LoraParams) -> PeftModel:
    """Return the base with a new adapter, moved by a little, as training does."""
    tuned = lora.new_adapter(base, params)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in _adapter(tuned).values():
            weight += 0.1 * torch.randn(weight.shape, generator=generator)
    return tuned


def _assert_same(adapter: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert adapter.keys() == other.keys()
    for name, weight in adapter.items():
        assert weight.dtype == torch.float32, name
        assert torch.equal(weight, other[name]), name


@pytest.mark.parametrize("variant", ["lora", "dora"])
def test_a_new_adapter_has_the_values_that_it_has_on_the_same_weights_in_float32(variant, base, lora_with):
    params = lora_with(variant=variant)
    drawn = []
    for dtype in (torch.float32, None):
        torch.manual_seed(3)
        drawn.append(_adapter(lora.new_adapter(load_model(base, dtype), params)))
    _assert_same(drawn[1], drawn[0])
    assert any(weight.bfloat16().float().ne(weight).any() for weight in drawn[1].values())


def test_drawing_leaves_the_base_as_it_is(base, lora_with):
    before = load_model(base, None)
    after = lora.new_adapter(load_model(base, None), lora_with(variant="dora")).unload()
    for (name, weight), same in zip(before.named_parameters(), after.parameters(), strict=True):
        assert weight.dtype == same.dtype != torch.float32 and torch.equal(weight, same), name


@pytest.mark.parametrize("variant", ["lora", "dora", "pissa"])
def test_a_saved_adapter_is_loaded_bit_for_bit_onto_weights_of_16_bits(variant, base, lora_with, tmp_path):
    params = lora_with(variant=variant)
    tuned = _tuned(load_model(base), params)
    lora.save_adapter(tuned, tmp_path / "v1")
    lora.save_adapter(lora.load_adapter(load_model(base, None), tmp_path / "v1"), tmp_path / "again")
    # PiSSA continues on weights in float32.
    dtype = torch.float32 if variant == "pissa" else None
    continued = lora.continue_adapter(load_model(base, dtype), tmp_path / "v1", params)
    _assert_same(_adapter(continued), _adapter(tuned))
    lora.save_adapter(continued, tmp_path / "v2")
    for name in ("again", "v2"):
        _assert_same(*(load_file(tmp_path / folder / "adapter_model.safetensors") for folder in (name, "v1")))


@pytest.fixture(params=["dora", "pissa"])
def adapter(request, tiny_base, lora_with, tmp_path):
    """The folder of an adapter that changes what the base says."""
    lora.save_adapter(_tuned(load_model(tiny_base), lora_with(variant=request.param)), tmp_path / "v1")
    return tmp_path / "v1"


def _assert_same_models(model, other) -> None:
    for (name, weight), same in zip(model.named_parameters(), other.parameters(), strict=True):
        assert weight.dtype == same.dtype and torch.equal(weight, same), name


@pytest.mark.parametrize(
    ("stored", "dtype"),
    [(torch.float32, torch.bfloat16), (torch.bfloat16, torch.float32), (torch.float16, torch.bfloat16)],
)
def test_weights_are_rounded_once_after_merging_in_float32(stored, dtype, adapter, tiny_base, tmp_path):
    base = store(tiny_base, tmp_path / "base", stored)
    expected = lora.load_adapter(load_model(base), adapter).merge_and_unload()
    merged = merge(lora.load_adapter(load_model(base, None), adapter), dtype)
    _assert_same_models(merged, cast(expected, dtype))


@pytest.mark.parametrize("check", [True, False])
def test_a_merged_model_stays_in_the_dtype_of_its_base(check, adapter, tiny_base, tmp_path):
    base = store(tiny_base, tmp_path / "base", torch.bfloat16)
    expected = lora.load_adapter(load_model(base), adapter).merge_and_unload()
    merged = merge(lora.load_adapter(load_model(base, None), adapter), check=check)
    _assert_same_models(merged, cast(expected, torch.bfloat16))


def test_a_weight_beyond_the_range_of_the_dtype_is_an_error(tiny_base, lora_with):
    adapted = lora.new_adapter(load_model(tiny_base), lora_with())
    with torch.no_grad():
        next(weight for name, weight in adapted.named_parameters() if "lora_B" in name).fill_(1e6)
    with pytest.raises(ModelError, match=r"beyond the range of float16"):
        merge(adapted, torch.float16, check=True)
