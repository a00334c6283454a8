"""BLIP-2 with T5 beyond what holds of every family: other forms of T5, precision, what is computed once, tokenizers."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from PIL import Image
from tiny_families import prompt_ids, tiny_model

from vqatune.errors import ModelError, ParameterError
from vqatune.inference.prediction.decoding import greedy_answers, ranked_answers
from vqatune.models import lora
from vqatune.models.checkpoint import load_model
from vqatune.models.device import PRECISIONS
from vqatune.models.family_lookup import family_named, image_states_of
from vqatune.models.packing import PackedBatch, make_texts, pack_batch
from vqatune.models.prepare import autocast, prepare_model

FAMILY = family_named("blip-2")
QUESTIONS = ["What color is it?", "Is it striped?", "How many red stars are there, and how many blue?"]
LONG = "blue stars, " * 12


@pytest.fixture
def model():
    return copy.deepcopy(tiny_model("blip-2 t5")[0])


@pytest.fixture
def encoder():
    return tiny_model("blip-2 t5")[1]


def _batch(encoder, answers: list[str]) -> PackedBatch:
    """The questions of two pictures."""
    pictures = encoder.images([Image.new("RGB", (40, 30), color) for color in ("red", "blue")])
    return pack_batch(pictures, [2, 1], encoder.questions(QUESTIONS), encoder.answers(answers))


def _stock_losses(model, encoder, batch: PackedBatch, answers: list[str]) -> torch.Tensor:
    losses = []
    for pair, (question, answer) in enumerate(
        zip(encoder.questions(QUESTIONS), encoder.answers(answers), strict=True)
    ):
        picture = batch.pictures.select(pair // 2, pair // 2 + 1)
        ids = torch.tensor([prompt_ids(model, picture, question, answer)])
        own = {"input_ids": ids, "pixel_values": picture.tensors["pixel_values"]}
        losses.append(model(**own, labels=torch.tensor([answer[1:]])).loss)
    return torch.stack(losses)


@pytest.mark.parametrize("changes", [{"feed_forward_proj": "relu"}, {"num_decoder_layers": 3}], ids=str)
def test_a_t5_of_the_first_form_or_with_a_deeper_decoder_has_the_losses_of_transformers(encoder, changes):
    shape = tiny_model("blip-2 t5")[0].config.to_dict()
    # A head with the weights of the embeddings, whose inputs T5 scales.
    text = {name: value for name, value in shape["text_config"].items() if name != "scale_decoder_outputs"}
    config = type(tiny_model("blip-2 t5")[0].config)(**shape | {"text_config": text | changes})
    assert config.text_config.scale_decoder_outputs
    torch.manual_seed(0)
    model = type(tiny_model("blip-2 t5")[0])(config).eval()
    answers = ["red", "yes", "two stars"]
    batch = _batch(encoder, answers)
    expected = _stock_losses(model, encoder, batch, answers)
    torch.testing.assert_close(FAMILY.pair_losses(model, batch), expected, rtol=1e-5, atol=1e-5)
    ids, _ = greedy_answers(model, batch, 4)
    assert len(ids) == len(QUESTIONS)


def test_a_long_answer_has_the_same_logits_token_by_token_and_the_loss_of_transformers(model, encoder):
    answers = [LONG, LONG[5:], LONG[9:]]
    batch = _batch(encoder, answers)
    expected = _stock_losses(model, encoder, batch, answers)
    torch.testing.assert_close(FAMILY.pair_losses(model, batch), expected, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        questions = FAMILY.encode_questions(model, replace(batch, image_states=image_states_of(model, batch)))
        ids = batch.inputs.rows.pad(batch.inputs.ids[:, None])[..., 0]
        length = int(batch.inputs.rows.mask.sum(1).min())
        assert length > 32
        whole = make_texts(ids[:, :length].tolist())
        at_once = FAMILY.decode(model, whole, questions, whole.rows).view(3, length, -1)
        past = [None] * FAMILY.answer_tokens(model).layers
        for step in range(length):
            one = make_texts(ids[:, step : step + 1].tolist())
            now = FAMILY.decode(model, one, questions, one.rows, past)
            torch.testing.assert_close(now, at_once[:, step], rtol=1e-4, atol=1e-5)


def test_keys_and_values_are_computed_once_a_question_and_candidates_attend_to_them_in_its_row(
    model, encoder
):
    attention = model.language_model.decoder.block[0].layer[1].EncDecAttention
    computed, attended = [], []
    attention.k.register_forward_hook(lambda module, given, out: computed.append(out.shape[0]))
    attention.q.register_forward_hook(lambda module, given, out: attended.append(out.shape[:2]))
    candidates = encoder.answers(["red", "blue", "two", "yes", "no"])
    ranked_answers(model, _batch(encoder, ["", "", ""]), candidates, candidates_at_once=5)
    assert computed == [3]
    assert attended == [(3, 1), (3, sum(len(candidate) - 1 for candidate in candidates))]


@pytest.mark.parametrize("targets", ["text_query_value_dense", "all_linear"])
def test_losses_in_bf16_are_near_those_in_float32_and_train_the_adapter(model, encoder, lora_with, targets):
    batch = _batch(encoder, ["red", "yes", "two stars"])
    exact = FAMILY.pair_losses(model, batch)
    adapted = lora.new_adapter(model, lora_with(target_modules=targets))
    device = torch.device("cpu")
    prepare_model(adapted, device, "bf16")
    with autocast(device, "bf16"):
        losses = FAMILY.pair_losses(adapted, batch)
        losses.mean().backward()
        ids, _ = greedy_answers(adapted, batch, 4)
    assert losses.dtype == torch.float32
    torch.testing.assert_close(losses, exact, rtol=0.05, atol=0.05)
    trained = [weight for weight in adapted.parameters() if weight.requires_grad]
    assert trained and all(weight.grad is not None and weight.grad.isfinite().all() for weight in trained)
    assert len(ids) == len(QUESTIONS)


def test_fp16_is_refused_in_one_line(model, encoder):
    model.to(PRECISIONS["fp16"])
    batch = _batch(encoder, ["red", "yes", "two"])
    with pytest.raises(ParameterError, match="beyond the range of fp16: set compute.precision") as caught:
        FAMILY.pair_losses(model, replace(batch, pictures=batch.pictures.map(lambda tensor: _halved(tensor))))
    assert "\n" not in str(caught.value)


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.half() if tensor.is_floating_point() else tensor


@pytest.mark.parametrize(
    ("preset", "names"),
    [
        ("text_query_value", {"q", "v"}),
        ("text_query_key_value", {"q", "k", "v"}),
        ("text_query_value_out", {"q", "v", "o"}),
        ("text_query_value_dense", {"q", "v", "o", "wi_0", "wi_1", "wo"}),
    ],
)
def test_a_preset_tunes_the_layers_of_encoder_and_decoder_that_it_says(model, lora_with, preset, names):
    found = lora.target_names(model, lora_with(target_modules=preset))
    attention = len(names & set("qkvo"))
    # Two layers each of encoder and decoder: three attentions and two feed-forward parts.
    assert len(found) == 2 * (3 * attention + 2 * len(names - set("qkvo")))
    assert {path.rsplit(".", 1)[-1] for path in found} == names
    assert all(path.startswith("language_model.") for path in found)


def test_all_linear_is_every_linear_layer_but_the_head(model, lora_with):
    found = lora.target_names(model, lora_with(target_modules="all_linear"))
    linear = {path for path, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    assert linear - set(found) == {"language_model.lm_head"}


def test_a_preset_that_matches_no_layer_is_one_line(model, lora_with):
    model.language_model = torch.nn.Identity()
    with pytest.raises(
        ParameterError, match=r"text_query_value stands for .*, which match no linear layer"
    ) as caught:
        lora.new_adapter(model, lora_with(target_modules="text_query_value"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kind", "other"), [("blip-2 t5", "blip-2"), ("blip-2", "blip-2 t5")])
def test_the_tokenizer_of_another_language_model_is_one_line(kind, other, tmp_path):
    (model, own), (_, wrong) = tiny_model(kind), tiny_model(other)
    said = r"is not that of the language model, (t5|opt): model.name must be"
    with pytest.raises(ModelError, match=said) as caught:
        FAMILY.save_checkpoint(model, wrong.processor, tmp_path / "wrong", "[ENC]")
    assert "\n" not in str(caught.value)
    FAMILY.save_checkpoint(model, own.processor, tmp_path / "base", "[ENC]")
    FAMILY.save_processor(wrong.processor, tmp_path / "base")
    with pytest.raises(ModelError, match=said):
        load_model(tmp_path / "base")


def test_another_start_of_answers_than_the_tokenizers_padding_is_one_line(model, encoder, tmp_path):
    model.config.text_config.decoder_start_token_id = 2
    with pytest.raises(ModelError, match="the start of an answer is 0 for the tokenizer and 2 for the model"):
        FAMILY.save_checkpoint(model, encoder.processor, tmp_path, "[ENC]")


def test_a_language_model_that_is_neither_opt_nor_t5_is_one_line(tmp_path):
    config = {"model_type": "blip-2", "text_config": {"model_type": "umt5"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="text_config.model_type = 'umt5': it is none of"):
        load_model(tmp_path)


def test_an_answer_is_as_transformers_makes_labels_and_is_truncated_before_its_end(encoder):
    tokenizer = encoder.processor.tokenizer
    for text in ("red", "two blue stars", ""):
        assert encoder.answers([text]) == [[tokenizer.pad_token_id, *tokenizer(text).input_ids]]
    [cut] = FAMILY.answers(encoder.processor, ["red blue two"], 4)
    assert cut == [tokenizer.pad_token_id, *tokenizer("red blue").input_ids]
    assert encoder.decode(torch.tensor([cut])) == ["red blue"]
