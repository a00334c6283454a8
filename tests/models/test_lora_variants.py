import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import BlipForQuestionAnswering

from vqatune.errors import ModelError, ParameterError
from vqatune.models import lora
from vqatune.models.families.blip import load_model

VARIANTS = ["lora", "rslora", "dora", "pissa"]


@pytest.fixture
def logits():
    """What a model, with or without an adapter, says of fixed pictures and questions."""
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randn(2, 3, 32, 32, generator=generator)
    ids = torch.randint(5, 60, (2, 6), generator=generator)

    def ask(model) -> torch.Tensor:
        blip = model.get_base_model() if hasattr(model, "get_base_model") else model
        blip.eval()
        with torch.no_grad():
            images = blip.vision_model(pixels).last_hidden_state
            states = blip.text_encoder(ids, encoder_hidden_states=images).last_hidden_state
            return blip.text_decoder(ids, encoder_hidden_states=states).logits

    return ask


def _tuned(model: PeftModel, seed: int) -> PeftModel:
    """Move all that is trained by a little, as training does."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


@pytest.fixture(params=VARIANTS)
def variant_params(request, lora_with):
    return lora_with(variant=request.param, r=4)


def test_every_variant_starts_with_the_answers_of_the_base(variant_params, tiny_base, logits):
    model = lora.new_adapter(load_model(tiny_base), variant_params)
    torch.testing.assert_close(logits(model), logits(load_model(tiny_base)), rtol=2e-6, atol=1e-5)


def test_every_variant_is_told_apart_by_what_peft_knows_of_it(tiny_base, lora_with):
    made = {
        variant: lora.new_adapter(load_model(tiny_base), lora_with(variant=variant)) for variant in VARIANTS
    }
    layers = {
        name: model.get_base_model().vision_model.encoder.layers[0].self_attn.qkv
        for name, model in made.items()
    }
    assert [name for name, layer in layers.items() if "default" in layer.lora_magnitude_vector] == ["dora"]
    assert layers["rslora"].scaling["default"] == pytest.approx(32 / 8**0.5)
    assert layers["lora"].scaling["default"] == 32 / 8
    assert [name for name, layer in layers.items() if layer.lora_B["default"].weight.any()] == ["pissa"]


def test_every_variant_loads_with_nothing_but_peft_onto_the_base_as_it_is(
    variant_params, tiny_base, tmp_path, logits
):
    tuned = _tuned(lora.new_adapter(load_model(tiny_base), variant_params), 1)
    lora.save_adapter(tuned, tmp_path / "v1")
    stock = PeftModel.from_pretrained(BlipForQuestionAnswering.from_pretrained(tiny_base), tmp_path / "v1")
    expected = logits(tuned)
    assert (expected - logits(load_model(tiny_base))).abs().max() > 0.1
    torch.testing.assert_close(logits(stock), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        logits(lora.load_adapter(load_model(tiny_base), tmp_path / "v1")), logits(stock), rtol=0, atol=0
    )


def test_every_variant_goes_on_with_the_same_weights_to_the_last_bit(
    variant_params, tiny_base, tmp_path, logits
):
    tuned = _tuned(lora.new_adapter(load_model(tiny_base), variant_params), 1)
    for version in ("v1", "v2"):
        lora.save_adapter(tuned, tmp_path / version)
        continued = lora.continue_adapter(load_model(tiny_base), tmp_path / version, variant_params)
        before, after = dict(tuned.named_parameters()), dict(continued.named_parameters())
        assert before.keys() == after.keys()
        for name, weight in before.items():
            assert torch.equal(weight, after[name]), name
            assert weight.requires_grad == after[name].requires_grad, name
        assert torch.equal(logits(continued), logits(tuned))
        tuned = _tuned(continued, 2)


def test_every_variant_is_written_with_the_same_bytes(variant_params, tiny_base, tmp_path):
    tuned = _tuned(lora.new_adapter(load_model(tiny_base), variant_params), 1)
    lora.save_adapter(tuned, tmp_path / "v1")
    again = lora.continue_adapter(load_model(tiny_base), tmp_path / "v1", variant_params)
    lora.save_adapter(again, tmp_path / "again")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "v1" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_no_variant_is_continued_as_another(variant_params, tiny_base, tmp_path):
    lora.save_adapter(lora.new_adapter(load_model(tiny_base), variant_params), tmp_path / "v1")
    # PiSSA is saved as LoRA of twice the rank and alpha, and must not be taken for that either.
    doubled = {"r": 2 * variant_params.r, "alpha": 2 * variant_params.alpha}
    for other in VARIANTS:
        for changes in ({}, doubled):
            params = variant_params.model_copy(update={"variant": other, **changes})
            if params == variant_params:
                continue
            with pytest.raises(ModelError, match="was tuned with lora"):
                lora.continue_adapter(load_model(tiny_base), tmp_path / "v1", params)


def test_the_next_versions_optimizer_finds_the_parameters_of_pissa_in_their_shapes(tiny_base, lora_with):
    model = lora.new_adapter(load_model(tiny_base), lora_with(variant="pissa", r=4))
    plain = lora.new_adapter(load_model(tiny_base), lora_with(r=4))

    def trained(model) -> dict:
        return {name: weight.shape for name, weight in model.named_parameters() if weight.requires_grad}

    assert trained(model) == trained(plain)


def test_pissa_takes_the_largest_singular_parts_out_of_the_base(tiny_base, lora_with):
    params = lora_with(variant="pissa", r=4)
    before = load_model(tiny_base).text_encoder.encoder.layer[0].attention.self.query.weight
    model = lora.new_adapter(load_model(tiny_base), params).get_base_model()
    left = model.text_encoder.encoder.layer[0].attention.self.query.base_layer.weight
    expected = torch.linalg.svdvals(before)[params.r :]
    torch.testing.assert_close(torch.linalg.svdvals(left)[: len(expected)], expected, rtol=1e-4, atol=1e-5)


def test_pissa_of_a_rank_that_a_layer_does_not_have_is_refused(tiny_base, lora_with):
    params = lora_with(variant="pissa", r=33)
    with pytest.raises(ParameterError, match=r"lora.r is 33, but .* has 32: lower lora.r"):
        lora.new_adapter(load_model(tiny_base), params)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_adapter_stays_float32_where_the_base_is_cast(variant, tiny_base, lora_with, tmp_path, logits):
    params = lora_with(variant=variant, r=4)
    tuned = _tuned(lora.new_adapter(load_model(tiny_base), params), 1)
    expected = logits(tuned)
    for parameter in tuned.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.bfloat16()
    lora.save_adapter(tuned, tmp_path / "v1")
    assert {tensor.dtype for tensor in load_file(tmp_path / "v1" / "adapter_model.safetensors").values()} == {
        torch.float32
    }
    again = lora.continue_adapter(load_model(tiny_base), tmp_path / "v1", params)
    assert torch.equal(logits(again), expected)
