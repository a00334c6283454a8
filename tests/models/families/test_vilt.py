"""ViLT tuned: its losses, its versions, and answers that are no label."""

import shutil

import pandas as pd
import pytest
import torch
from peft import PeftModel
from PIL import Image
from tiny_rankers import LABELS, STOCK, tiny_ranker
from transformers import ViltForQuestionAnswering, ViltProcessor

from vqatune.errors import DataError, ModelError
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.prediction.predict import predict
from vqatune.loading.reader import ImageReader
from vqatune.models import lora
from vqatune.models.checkpoint import load_model
from vqatune.models.encoder import load_encoder
from vqatune.models.families import vilt
from vqatune.models.families.vilt.processor import LabelProcessor
from vqatune.models.packing import pack_batch, split_pairs
from vqatune.publishing.cards.families import FAMILY_CARDS
from vqatune.publishing.export import export_merged
from vqatune.publishing.publish import prepare
from vqatune.publishing.request import Request
from vqatune.training.loop import train_version

COUNTS = [(1,), (3, 1, 2), (1, 1, 1)]
QUESTIONS = ["What color is it?", "Is it striped?", "two stars?"]
CANDIDATES = ["red", "yes", "two", "three stars"]


def _stock_loss(model, encoder, image: Image.Image, question: str, answer: str) -> torch.Tensor:
    processor = ViltProcessor(encoder.processor.image_processor, encoder.processor.tokenizer)
    labels = torch.zeros(1, len(LABELS))
    labels[0, LABELS.index(answer)] = 1
    return model(**processor(images=image, text=question, return_tensors="pt"), labels=labels).loss


@pytest.mark.parametrize("counts", COUNTS, ids=str)
def test_losses_and_gradients_are_those_of_one_question_at_a_time(counts):
    model, encoder = tiny_ranker("vilt")
    images = [Image.effect_noise((40 + 9 * number, 70), 90).convert("RGB") for number in range(len(counts))]
    asked = [(image, place) for image, count in enumerate(counts) for place in range(count)]
    questions, answers = (
        [QUESTIONS[place] for _, place in asked],
        [LABELS[image + place] for image, place in asked],
    )
    batch = pack_batch(encoder.images(images), counts, encoder.questions(questions), encoder.answers(answers))
    losses = vilt.pair_losses(model, batch)
    expected = torch.stack(
        [
            _stock_loss(model, encoder, images[image], question, answer)
            for (image, _), question, answer in zip(asked, questions, answers, strict=True)
        ]
    )
    torch.testing.assert_close(losses, expected, rtol=1e-5, atol=1e-5)
    weights = [weight for name, weight in model.named_parameters() if "encoder" in name or "class" in name]
    ours = torch.autograd.grad(losses.mean(), weights)
    theirs = torch.autograd.grad(expected.mean(), weights)
    largest = max(float(gradient.abs().max()) for gradient in theirs)
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5 * largest)
    alone = torch.cat([vilt.pair_losses(model, one) for one in split_pairs(batch)])
    torch.testing.assert_close(alone, losses, rtol=1e-5, atol=1e-5)


def test_an_answer_that_is_no_label_is_one_line_that_names_it():
    _, encoder = tiny_ranker("vilt")
    assert encoder.answers(["red", " RED", "yes"]) == [[0, 2], [0, 2], [0, 0]]
    assert encoder.without_label(["ottoman", "Two", "a red"]) == ["ottoman", "a red"]
    with pytest.raises(DataError, match="the answer 'ottoman' is none of the 7 labels"):
        encoder.answers(["red", "ottoman"])


def test_an_image_of_more_patches_than_the_model_reads_is_one_line():
    model, encoder = tiny_ranker("vilt")
    pictures = encoder.images([Image.new("RGB", (60, 60))])
    model.config.max_image_length = 9
    try:
        with pytest.raises(ModelError, match=r"16 patches, of which the model would draw 9 at random"):
            encoder.family.encode_images(model, pictures)
    finally:
        model.config.max_image_length = -1


def test_a_processor_of_another_model_is_one_line_and_nothing_is_written(tmp_path):
    model, encoder = tiny_ranker("vilt")
    processor = vilt.save_processor(encoder.processor, tmp_path / "processor")
    processor.image_processor.size_divisor = 16
    with pytest.raises(ModelError, match="multiple of 16 pixels, and the model's patches have 8"):
        vilt.save_checkpoint(model, processor, tmp_path / "base", "[ENC]")
    assert not (tmp_path / "base").exists()


@pytest.fixture(scope="module")
def root(tmp_path_factory, repository):
    """A repository with a base, to which versions come."""
    folder = tmp_path_factory.mktemp("vilt")
    (folder / "models" / "base").mkdir(parents=True)
    model, encoder = tiny_ranker("vilt")
    vilt.save_checkpoint(model, encoder.processor, folder / "models" / "base", "[ENC]")
    shutil.copy(repository / "params.yaml", folder)
    return folder


@pytest.fixture(scope="module")
def params(tiny_with, lora_with):
    changed = tiny_with({"predict.mode": "rank"})
    return changed.model_copy(update={"lora": lora_with(target_modules="all_linear")})


@pytest.fixture(scope="module")
def versions(root, params, pairs, places):
    """The folder of a base and two versions."""
    models = root / "models"
    train_version(params, "v1", models / "base", None, pairs, places, models / "v1")
    train_version(params, "v2", models / "base", models / "v1", pairs, places, models / "v2")
    return models


@pytest.fixture(scope="module")
def predictions(versions, params, pairs, places) -> pd.DataFrame:
    found = predict(params, "v2", versions / "base", versions / "v2", pairs, places, CANDIDATES)
    return found.set_index("qa_id")


def test_pairs_whose_answer_is_no_label_are_left_out_and_counted(
    versions, params, pairs, places, tmp_path, capfd
):
    log = train_version(params, "v1", versions / "base", None, pairs, places, tmp_path / "again")
    labelled = int(pairs["answer"].isin(LABELS).sum())
    assert int(log["pairs_seen"].iloc[-1]) == labelled < len(pairs)
    said = f"{len(pairs) - labelled} of {len(pairs)} pairs of v1 are left out: their answer is no label of the model, such as '3'"
    assert said in capfd.readouterr().err
    again, first = (folder / "adapter_model.safetensors" for folder in (tmp_path / "again", versions / "v1"))
    assert again.read_bytes() == first.read_bytes()


def test_a_batch_without_any_label_is_one_line(versions, params, pairs, places, tmp_path):
    strange = pairs.assign(answer="ottoman")
    with pytest.raises(DataError, match="no answer of the batch of v1 is a label of the model"):
        train_version(params, "v1", versions / "base", None, strange, places, tmp_path / "v1")


def test_a_version_learns_and_goes_on_from_the_one_before(versions):
    losses = [pd.read_csv(versions / name / "log.csv")["loss"].mean() for name in ("v1", "v2")]
    assert losses[1] < losses[0]


def test_predictions_are_those_of_stock_peft_and_transformers_one_question_at_a_time(
    versions, pairs, places, predictions
):
    assert predictions["grounding"].notna().any()
    stock = ViltForQuestionAnswering.from_pretrained(versions / "base", dtype="float32")
    stock = PeftModel.from_pretrained(stock, versions / "v2").eval()
    processor, reader = load_encoder(versions / "v2").processor, ImageReader(places)
    assert isinstance(processor, LabelProcessor) and processor.labels == LABELS
    labelled = CANDIDATES[:3]
    for row in pairs.itertuples():
        with torch.inference_mode():
            picture = reader.read(row.image_id)
            scores = STOCK["vilt"](stock, processor, picture, row.question, labelled).log_softmax(0)
        assert predictions.loc[row.qa_id, "prediction"] == labelled[int(scores.argmax())]
        assert predictions.loc[row.qa_id, "log_probability"] == pytest.approx(float(scores.max()), abs=1e-5)


def test_candidates_that_are_no_label_are_counted_and_never_an_answer(versions, params, pairs, places, capfd):
    base = versions / "base"
    found = predict(params, "base", base, None, pairs.head(2), places, ["ottoman", "red", "chaise"])
    assert set(found["prediction"]) == {"red"} and (found["log_probability"] == 0).all()
    assert "2 of 3 candidates are no label of the model" in capfd.readouterr().err
    with pytest.raises(DataError, match="no candidate is a label of the model"):
        predict(params, "base", base, None, pairs.head(2), places, ["ottoman"])


def test_a_version_answers_as_it_predicts_and_a_choice_that_is_no_label_is_one_line(
    versions, pairs, places, predictions
):
    answerer, row = Answerer(versions / "v2"), pairs.iloc[0]
    picture = ImageReader(places).read(row["image_id"])
    [answer] = answerer.ask(picture, row["question"], answerer.distinct(CANDIDATES))
    assert answer.answer == predictions.loc[row["qa_id"], "prediction"]
    with pytest.raises(DataError, match="the answer 'three stars' is none of the 7 labels"):
        answerer.rank(picture, row["question"], CANDIDATES)


def test_image_states_do_not_depend_on_the_adapter(versions, lora_with):
    for preset in vilt.PRESETS:
        adapted = lora.new_adapter(load_model(versions / "base"), lora_with(target_modules=preset))
        assert not lora.tunes_vision(adapted)


def test_an_exported_version_answers_as_the_version_does_with_transformers_alone(
    root, versions, pairs, places, predictions, tmp_path
):
    export_merged("v2", tmp_path / "merged", root)
    merged = ViltForQuestionAnswering.from_pretrained(tmp_path / "merged", dtype="float32").eval()
    processor, row = load_encoder(tmp_path / "merged").processor, pairs.iloc[0]
    picture = ImageReader(places).read(row["image_id"])
    with torch.inference_mode():
        scores = STOCK["vilt"](merged, processor, picture, row["question"], CANDIDATES[:3])
    assert predictions.loc[row["qa_id"], "prediction"] == CANDIDATES[int(scores.argmax())]


def test_the_cards_say_how_a_version_is_asked(root, versions, tmp_path):
    export_merged("v2", tmp_path / "merged", root)
    request = Request(version="v2", repo="me/vqa", dataset="me/abo-vqa", with_dataset=False)
    prepare(request, tmp_path / "published", root)
    for folder in ("merged", "published/model"):
        card = (tmp_path / folder / "README.md").read_text()
        assert "ViltForQuestionAnswering.from_pretrained" in card and FAMILY_CARDS["vilt"].ask in card
        assert "- vilt\n" in card.split("---")[1]
        assert load_encoder(tmp_path / folder).processor.labels == LABELS
