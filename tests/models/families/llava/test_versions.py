"""Versions of a LLaVA: tuned, resumed, predicted, asked, exported, and loaded by stock peft and transformers."""

import json
import shutil

import pandas as pd
import pytest
import torch
from peft import PeftModel
from tiny_llava import tiny_llava, tiny_processor
from transformers import LlavaForConditionalGeneration

from vqatune.base_model.base import make_base
from vqatune.errors import ModelError, ParameterError
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.answering.attention import can_be_followed
from vqatune.inference.prediction.predict import predict
from vqatune.loading.loader import ImageReader
from vqatune.models import lora
from vqatune.models.checkpoint import load_model
from vqatune.models.encoder import load_encoder
from vqatune.models.families import llava
from vqatune.models.family import VisionOptions, model_type
from vqatune.publishing.export import export_merged
from vqatune.publishing.publish import prepare
from vqatune.publishing.request import Request
from vqatune.training.loop import train_version


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llava") / "models" / "base"
    folder.mkdir(parents=True)
    processor = tiny_processor()
    llava.save_checkpoint(tiny_llava(processor), processor, folder, "[ENC]")
    return folder


@pytest.fixture(scope="module")
def params(tiny_params, lora_with):
    changed = lora_with(target_modules="text_query_value_dense")
    return tiny_params.model_copy(update={"lora": changed})


@pytest.fixture(scope="module")
def versions(base, params, pairs, places):
    """The folder of a base and two versions."""
    train_version(params, "v1", base, None, pairs, places, base.parent / "v1")
    train_version(params, "v2", base, base.parent / "v1", pairs.head(9), places, base.parent / "v2")
    return base.parent


def test_a_version_learns_and_goes_on_from_the_one_before(versions):
    log = pd.read_csv(versions / "v2" / "log.csv")
    assert log["loss"].notna().all()
    before, after = (
        lora.load_adapter(load_model(versions / "base"), versions / name) for name in ("v1", "v2")
    )
    weights = [dict(model.named_parameters()) for model in (before, after)]
    changed = [name for name in weights[0] if not torch.equal(weights[0][name], weights[1][name])]
    assert changed and all("lora_" in name and "language_model" in name for name in changed)


def test_predictions_are_those_of_stock_peft_and_transformers_one_question_at_a_time(
    versions, params, pairs, places
):
    predictions = predict(params, "v2", versions / "base", versions / "v2", pairs, places).set_index("qa_id")
    assert predictions["grounding"].notna().any()
    stock = LlavaForConditionalGeneration.from_pretrained(versions / "base", dtype="float32")
    stock = PeftModel.from_pretrained(stock, versions / "v2").eval()
    encoder = load_encoder(versions / "v2")
    reader = ImageReader(places)
    for row in pairs.itertuples():
        prompt = llava.processor.PROMPT.format(row.question)
        inputs = encoder.processor(images=reader.read(row.image_id), text=prompt, return_tensors="pt")
        most = params.predict.max_answer_tokens
        with torch.inference_mode():
            answer = stock.generate(**inputs, max_new_tokens=most, do_sample=False)
        text = encoder.processor.decode(answer[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        assert predictions.loc[row.qa_id, "prediction"] == text.strip(), row.qa_id


def test_a_version_answers_as_it_predicts_and_ranks(versions, params, pairs, places):
    predictions = predict(params, "v1", versions / "base", versions / "v1", pairs, places).set_index("qa_id")
    answerer = Answerer(versions / "v1", max_answer_tokens=params.predict.max_answer_tokens)
    row = pairs.iloc[0]
    picture = ImageReader(places).read(row["image_id"])
    [answer] = answerer.ask(picture, row["question"])
    assert answer.answer == predictions.loc[row["qa_id"], "prediction"]
    ranked = answerer.rank(picture, row["question"], ["red", "blue"])
    assert sum(one.share for one in ranked) == pytest.approx(1)


def test_the_vision_tower_is_tuned_where_its_preset_says_so(base, lora_with):
    vision = lora.new_adapter(load_model(base), lora_with(target_modules="vision"))
    text = lora.new_adapter(load_model(base), lora_with(target_modules="text_query_value"))
    by_name = lora.new_adapter(load_model(base), lora_with(target_modules=["q_proj"]))
    # q_proj is a name of both parts.
    assert [lora.tunes_vision(model) for model in (vision, text, by_name)] == [True, False, True]


def test_a_layer_that_the_family_lacks_is_one_line_that_says_what_it_has(base, lora_with):
    with pytest.raises(ParameterError, match=r"query is no linear layer of this model; it has .*q_proj"):
        lora.new_adapter(load_model(base), lora_with(target_modules=["query"]))


def test_an_adapter_of_another_family_is_one_line(tiny_base, versions):
    with pytest.raises(ModelError, match="does not fit its base model") as caught:
        lora.load_adapter(load_model(tiny_base), versions / "v1")
    assert "\n" not in str(caught.value)


def test_a_processor_that_makes_another_number_of_tokens_is_one_line(tmp_path):
    processor = tiny_processor()
    model = tiny_llava(processor)
    processor.patch_size = 16
    with pytest.raises(ModelError, match="makes 4 tokens of an image, and the model 16"):
        llava.save_checkpoint(model, processor, tmp_path / "base", "[ENC]")


def test_the_ids_of_prefix_and_question_are_those_of_transformers_own_processor(pairs, places):
    processor = tiny_processor()
    reader = ImageReader(places)
    for row in pairs.head(6).itertuples():
        picture = reader.read(row.image_id)
        prompt = llava.processor.PROMPT.format(row.question)
        stock = processor(images=picture, text=prompt, return_tensors="pt")
        ours = llava.pictures(processor, [picture])
        [question] = llava.questions(processor, [row.question], 128)
        [answer] = llava.answers(processor, ["red"], 128)
        assert [*ours.tensors["prefix"].tolist(), *question, answer[0]] == stock["input_ids"][0].tolist()
        torch.testing.assert_close(ours.tensors["pixel_values"], stock["pixel_values"], rtol=0, atol=0)


def test_the_showroom_trains_a_tiny_one_with_the_same_bytes_again(make_params, tmp_path):
    texts = ["what color is it?", "red", "how many stars are there?", "3", "is it striped?", "yes"]
    changes = {"steps": 2, "images_per_step": 2, "image_size": 32, "hidden_size": 32, "vocabulary": 300}
    params = make_params(
        {"model.family": "llava"} | {f"model.tiny.{key}": value for key, value in changes.items()}
    )
    for name, order in (("one", texts), ("again", texts[::-1])):
        make_base(params, order, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name
    assert model_type(tmp_path / "one") == "llava"
    LlavaForConditionalGeneration.from_pretrained(tmp_path / "one")


def test_random_weights_are_of_blip_alone(make_params, tmp_path):
    params = make_params({"model.family": "llava", "model.source": "random"})
    with pytest.raises(ParameterError, match="model.source random is for model.family blip"):
        make_base(params, ["red"], tmp_path / "base")
    assert not (tmp_path / "base").exists()


@pytest.fixture
def root(versions, repository):
    """The repository of the versions."""
    shutil.copy(repository / "params.yaml", versions.parent)
    return versions.parent


def test_an_exported_version_answers_as_the_version_does_with_transformers_alone(
    root, params, pairs, places, tmp_path
):
    export_merged("v2", tmp_path / "merged", root)
    models, row = root / "models", pairs.iloc[0]
    predictions = predict(params, "v2", models / "base", models / "v2", pairs, places).set_index("qa_id")
    merged = LlavaForConditionalGeneration.from_pretrained(tmp_path / "merged", dtype="float32").eval()
    processor = load_encoder(tmp_path / "merged").processor
    prompt = llava.processor.PROMPT.format(row["question"])
    inputs = processor(images=ImageReader(places).read(row["image_id"]), text=prompt, return_tensors="pt")
    most = params.predict.max_answer_tokens
    with torch.inference_mode():
        answer = merged.generate(**inputs, max_new_tokens=most, do_sample=False)
    text = processor.decode(answer[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert text.strip() == predictions.loc[row["qa_id"], "prediction"]


def test_the_cards_say_how_a_llava_is_asked(root, tmp_path):
    export_merged("v2", tmp_path / "merged", root)
    request = Request(version="v2", repo="me/llava", dataset="me/abo-vqa", with_dataset=False)
    prepare(request, tmp_path / "published", root)
    for folder in ("merged", "published/model"):
        card = (tmp_path / folder / "README.md").read_text()
        assert "LlavaForConditionalGeneration.from_pretrained" in card and "Blip" not in card
        assert 'prompt = f"USER: <image>\\n{question}\\nAnswer the question' in card
        assert "- llava\n" in card.split("---")[1]


def test_where_a_llava_looked_is_not_followed(base, tiny_base):
    assert can_be_followed(load_model(tiny_base))
    assert not can_be_followed(load_model(base))


def test_a_long_question_is_truncated_and_the_prompt_around_it_is_not(base):
    encoder = load_encoder(base)
    tokens = len(encoder.processor.tokenizer(" red", add_special_tokens=False).input_ids)
    # With the prompt's own tokens the first has more than 128, too.
    fits, long = " red" * (120 // tokens), " red" * 300
    assert encoder.too_long([fits, long]) == [long]
    [whole, cut] = encoder.questions([fits, long])
    [end] = encoder.questions([""])
    assert len(whole) > 128
    # What follows the question, up to the last token, which the answer begins with.
    assert cut[-10:] == whole[-10:] == end[-10:]


def test_a_processor_that_does_not_say_how_many_tokens_an_image_is_is_one_line(base, tmp_path):
    folder = shutil.copytree(base, tmp_path / "base")
    settings = json.loads((folder / "processor_config.json").read_text())
    del settings["patch_size"]
    (folder / "processor_config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="processor_config.json has no patch_size") as caught:
        load_encoder(folder)
    assert "\n" not in str(caught.value)


def test_the_vision_tower_is_not_compiled(base, places):
    encoder, model = load_encoder(base), load_model(base)
    pictures = encoder.images([ImageReader(places).read("image00")])
    with pytest.raises(ParameterError, match=r"compute.compile is for BLIP alone"):
        llava.encode_images(model, pictures, VisionOptions(compiled=True))
