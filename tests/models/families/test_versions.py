"""Versions of every family beside BLIP: tuned, predicted, asked, ranked, exported, published."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from peft import PeftModel
from PIL import Image
from tiny_families import STOCK, prompt_ids, tiny_model

from vqatune.base_model.base import make_base
from vqatune.demo.loaded_versions import Versions
from vqatune.errors import ModelError, ParameterError
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.answering.attention import can_be_followed
from vqatune.inference.answering.settings import Settings
from vqatune.inference.prediction.predict import predict
from vqatune.loading.reader import ImageReader
from vqatune.models import lora
from vqatune.models.checkpoint import load_model
from vqatune.models.encoder import Encoder, load_encoder
from vqatune.models.family import VisionOptions
from vqatune.models.family_lookup import family_named, model_type
from vqatune.models.packing import pack_batch
from vqatune.publishing.cards.families import FAMILY_CARDS
from vqatune.publishing.export import export_merged
from vqatune.publishing.publish import prepare
from vqatune.publishing.request import Request
from vqatune.training.loop import train_version

FAMILIES = ["llava", "blip-2", "idefics3", "qwen2_5_vl"]
KINDS = ["llava", "blip-2", "qwen2_5_vl", "blip-2 t5"]
"""Those whose versions are trained; idefics3 has the code of llava, with its own processor."""


@pytest.fixture(scope="module", params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def family(kind) -> str:
    """The name that the family has in config.json."""
    return kind.split(" ")[0]


@pytest.fixture(scope="module")
def base(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp(kind) / "models" / "base"
    folder.mkdir(parents=True)
    model, encoder = tiny_model(kind)
    encoder.family.save_checkpoint(model, encoder.processor, folder, "[ENC]")
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


@pytest.fixture(scope="module")
def predictions(versions, params, pairs, places) -> pd.DataFrame:
    """The answers of v2."""
    return predict(params, "v2", versions / "base", versions / "v2", pairs, places).set_index("qa_id")


def _stock_answer(kind: str, model, encoder: Encoder, picture, question: str, most: int) -> str:
    """Return what transformers' own generation answers to one question."""
    pictures = encoder.images([picture])
    [asked], [answer] = encoder.questions([question]), encoder.answers([""])
    ids = torch.tensor([prompt_ids(model, pictures, asked, answer)])
    with torch.inference_mode():
        found = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=most,
            do_sample=False,
            **STOCK[kind](pictures, ids, model),
        )
    own = found[:, ids.shape[1] :] if torch.equal(found[:, : ids.shape[1]], ids) else found
    return encoder.decode(own)[0]


def test_a_version_learns_and_goes_on_from_the_one_before(versions):
    log = pd.read_csv(versions / "v2" / "log.csv")
    assert log["loss"].notna().all()
    before, after = (
        lora.load_adapter(load_model(versions / "base"), versions / name) for name in ("v1", "v2")
    )
    weights = [dict(model.named_parameters()) for model in (before, after)]
    changed = [name for name in weights[0] if not torch.equal(weights[0][name], weights[1][name])]
    text = family_named(model_type(versions / "base")).PARTS.text
    assert changed and all("lora_" in name and any(part in name for part in text) for name in changed)


def test_predictions_are_those_of_stock_peft_and_transformers_one_question_at_a_time(
    kind, versions, params, pairs, places, predictions
):
    assert predictions["grounding"].notna().any()
    encoder = load_encoder(versions / "v2")
    stock = type(load_model(versions / "base")).from_pretrained(versions / "base", dtype="float32")
    stock = PeftModel.from_pretrained(stock, versions / "v2").eval()
    reader, most = ImageReader(places), params.predict.max_answer_tokens
    for row in pairs.itertuples():
        text = _stock_answer(kind, stock, encoder, reader.read(row.image_id), row.question, most)
        assert predictions.loc[row.qa_id, "prediction"] == text, row.qa_id


def test_a_version_answers_as_it_predicts_and_ranks(versions, params, pairs, places, predictions):
    answerer = Answerer(versions / "v2", max_answer_tokens=params.predict.max_answer_tokens)
    row = pairs.iloc[0]
    picture = ImageReader(places).read(row["image_id"])
    [answer] = answerer.ask(picture, row["question"])
    assert answer.answer == predictions.loc[row["qa_id"], "prediction"]
    ranked = answerer.rank(picture, row["question"], ["red", "blue"])
    assert sum(one.share for one in ranked) == pytest.approx(1)


def test_the_vision_tower_is_tuned_where_its_preset_says_so(base, lora_with):
    vision = lora.new_adapter(load_model(base), lora_with(target_modules="vision"))
    text = lora.new_adapter(load_model(base), lora_with(target_modules="text_query_value"))
    everything = lora.new_adapter(load_model(base), lora_with(target_modules="all_linear"))
    assert [lora.tunes_vision(model) for model in (vision, text, everything)] == [True, False, True]


def test_a_layer_that_the_family_lacks_is_one_line_that_says_what_it_has(base, lora_with):
    with pytest.raises(
        ParameterError, match=r"intermediate is no linear layer of this model; it has .*\bq(_proj)?\b"
    ):
        lora.new_adapter(load_model(base), lora_with(target_modules=["intermediate"]))


def test_an_adapter_of_another_family_is_one_line(tiny_base, versions):
    with pytest.raises(ModelError, match="does not fit its base model") as caught:
        lora.load_adapter(load_model(tiny_base), versions / "v1")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", FAMILIES, indirect=True)
def test_the_showroom_trains_a_tiny_one_with_the_same_bytes_again(kind, make_params, tmp_path):
    texts = ["what color is it?", "red", "how many stars are there?", "3", "is it striped?", "yes"]
    changes = {"steps": 2, "images_per_step": 2, "image_size": 32, "hidden_size": 32, "vocabulary": 300}
    params = make_params(
        {"model.source": "tiny", "model.family": kind}
        | {f"model.tiny.{key}": value for key, value in changes.items()}
    )
    for name, order in (("one", texts), ("again", texts[::-1])):
        make_base(params, order, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name
    assert model_type(tmp_path / "one") == kind
    type(load_model(tmp_path / "one")).from_pretrained(tmp_path / "one")


@pytest.mark.parametrize("kind", FAMILIES, indirect=True)
def test_random_weights_are_of_blip_alone(kind, make_params, tmp_path):
    params = make_params({"model.family": kind, "model.source": "random"})
    with pytest.raises(ParameterError, match="model.source random is for model.family blip"):
        make_base(params, ["red"], tmp_path / "base")
    assert not (tmp_path / "base").exists()


@pytest.fixture
def root(versions, repository):
    """The repository of the versions."""
    shutil.copy(repository / "params.yaml", versions.parent)
    return versions.parent


def test_an_exported_version_answers_as_the_version_does_with_transformers_alone(
    kind, root, params, pairs, places, predictions, tmp_path
):
    export_merged("v2", tmp_path / "merged", root)
    row = pairs.iloc[0]
    merged = type(load_model(tmp_path / "merged")).from_pretrained(tmp_path / "merged", dtype="float32")
    picture, most = ImageReader(places).read(row["image_id"]), params.predict.max_answer_tokens
    encoder = load_encoder(tmp_path / "merged")
    text = _stock_answer(kind, merged.eval(), encoder, picture, row["question"], most)
    assert text == predictions.loc[row["qa_id"], "prediction"]


def test_the_cards_say_how_a_version_is_asked(family, root, tmp_path):
    export_merged("v2", tmp_path / "merged", root)
    request = Request(version="v2", repo="me/vqa", dataset="me/abo-vqa", with_dataset=False)
    prepare(request, tmp_path / "published", root)
    texts = FAMILY_CARDS[family]
    for folder in ("merged", "published/model"):
        card = (tmp_path / folder / "README.md").read_text()
        assert f"{texts.model_class}.from_pretrained" in card and texts.ask in card
        assert family_named(family).PROMPT.template.replace("\n", "\\n").format("{question}") in card
        assert f"- {family}\n" in card.split("---")[1]
        assert f"a tiny {texts.name} trained on drawn pictures" in card


def test_where_a_version_looked_is_not_followed(base, tiny_base):
    assert can_be_followed(load_model(tiny_base))
    assert not can_be_followed(load_model(base))


def test_a_long_question_is_truncated_and_the_prompt_around_it_is_not(base):
    encoder = load_encoder(base)
    tokens = len(encoder.processor.tokenizer(" red", add_special_tokens=False).input_ids)
    # With the prompt's own tokens the first has more than 128, too.
    fits, long = " red" * (128 // tokens), " red" * 300
    assert encoder.too_long([fits, long]) == [long]
    [whole, cut] = encoder.questions([fits, long])
    [end] = encoder.questions([""])
    assert len(whole) > 128
    # What follows the question, up to the last token, which the answer begins with.
    assert cut[-2:] == whole[-2:] == end[-2:]


@pytest.mark.parametrize("kind", FAMILIES, indirect=True)
def test_a_prompt_beyond_the_context_is_one_line(base, places):
    encoder, model = load_encoder(base), load_model(base)
    model.get_decoder().config.max_position_embeddings = 30
    if hasattr(model.get_decoder(), "get_decoder"):
        model.get_decoder().get_decoder().config.max_position_embeddings = 30
    [question], pictures = (
        encoder.questions(["red " * 40]),
        encoder.images([ImageReader(places).read("image00")]),
    )
    batch = pack_batch(pictures, [1], [question], encoder.answers(["red"]))
    with pytest.raises(ModelError, match=r"takes \d+ tokens, and the model reads 30") as caught:
        encoder.family.pair_losses(model, batch)
    assert "\n" not in str(caught.value)


def test_the_vision_tower_is_not_compiled(base, places):
    encoder, model = load_encoder(base), load_model(base)
    pictures = encoder.images([ImageReader(places).read("image00")])
    with pytest.raises(ParameterError, match=r"compute.compile is for BLIP alone"):
        encoder.family.encode_images(model, pictures, VisionOptions(compiled=True))


@pytest.mark.parametrize(("wanted", "tiles"), [(False, 1), (True, 10)])
def test_image_splitting_says_whether_a_hub_checkpoint_gets_tiles(wanted, tiles, make_params, tmp_path):
    model, encoder = tiny_model("idefics3 tiles")
    encoder.family.save_checkpoint(model, encoder.processor, tmp_path / "hub", "[ENC]")
    named = {"model.source": "hub", "model.name": str(tmp_path / "hub"), "model.revision": None}
    make_base(make_params(named | {"model.image_splitting": wanted}), [], tmp_path / "base")
    pictures = load_encoder(tmp_path / "base").images([Image.new("RGB", (256, 256), "red")])
    assert pictures.rows["tiles"] == (tiles,)


def test_image_splitting_of_a_model_without_tiles_is_one_line(base, make_params, tmp_path):
    named = {"model.source": "hub", "model.name": str(base), "model.revision": None}
    params = make_params(named | {"model.image_splitting": True})
    if model_type(base) == "idefics3":
        make_base(params, [], tmp_path / "base")
        return
    with pytest.raises(ParameterError, match=r"model.image_splitting: this model does not cut images"):
        make_base(params, [], tmp_path / "base")
    assert not (tmp_path / "base").exists()


def test_in_bfloat16_a_version_trains_predicts_and_is_grounded_as_in_float32(
    kind, versions, params, pairs, places, predictions, tmp_path
):
    low = params.model_copy(update={"compute": params.compute.model_copy(update={"precision": "bf16"})})
    train_version(low, "v1", versions / "base", None, pairs, places, tmp_path / "v1")
    found = predict(low, "v2", versions / "base", versions / "v2", pairs, places).set_index("qa_id")
    same = found["prediction"] == predictions["prediction"]
    # LLaVA's untrained model writes ten tokens of almost equal probability, any of which rounding may turn.
    assert same.mean() > (0.5 if kind == "llava" else 0.7)
    log_probabilities = found.loc[same, "log_probability"], predictions.loc[same, "log_probability"]
    np.testing.assert_allclose(*log_probabilities, rtol=0.02, atol=0.1)
    # A grounding is a share of four other images: one of them may be as probable but for rounding.
    apart = (found["grounding"] - predictions["grounding"])[same].abs()
    assert apart.max() <= 0.25 and apart.mean() < 0.05


def test_one_question_of_an_image_is_drawn_anew_each_epoch(versions, params, pairs, places, tmp_path):
    one = params.train.model_copy(update={"questions_per_image": "one", "epochs": 2})
    once = params.model_copy(update={"train": one})
    train_version(once, "v1", versions / "base", None, pairs, places, tmp_path / "v1")
    log = pd.read_csv(tmp_path / "v1" / "log.csv")
    assert log["pairs_seen"].iloc[-1] == 2 * pairs["image_id"].nunique()


def test_the_demo_shows_a_version_of_the_family(root, params, pairs, places, predictions):
    row = pairs.iloc[0]
    content = ImageReader(places).content(row["image_id"])
    settings = Settings(max_answer_tokens=params.predict.max_answer_tokens)
    seen = Versions(root / "models", settings).ask("v2", content, row["question"])
    assert seen.answer.answer == predictions.loc[row["qa_id"], "prediction"]
    assert seen.looked is None and len(seen.best) > 1
