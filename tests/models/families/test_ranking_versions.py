"""Models of the families that rank, through the pipeline: predicted, measured, asked."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from task_pairs import task_pairs
from tiny_rankers import RANKERS, STOCK, tiny_ranker

from vqatune.demo.loaded_versions import Versions
from vqatune.errors import DataError, ModelError, ParameterError
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.answering.settings import Settings
from vqatune.inference.prediction.grounding import choose_items, grounding_shares
from vqatune.inference.prediction.predict import predict
from vqatune.loading.reader import ImageReader
from vqatune.models.checkpoint import load_model
from vqatune.models.encoder import load_encoder
from vqatune.models.family_lookup import model_type
from vqatune.training.loop import train_version

CANDIDATES = ["red", "blue", "two", "yes", "no"]


@pytest.fixture(scope="module", params=RANKERS)
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def base(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp(kind) / "models" / "base"
    folder.mkdir(parents=True)
    model, encoder = tiny_ranker(kind)
    encoder.family.save_checkpoint(model, encoder.processor, folder, "[ENC]")
    return folder


@pytest.fixture(scope="module")
def rank_params(tiny_with):
    return tiny_with({"predict.mode": "rank", "predict.keep_vision_states": True})


@pytest.fixture(scope="module")
def predictions(base, rank_params, pairs, places) -> pd.DataFrame:
    found = predict(rank_params, "base", base, None, pairs, places, CANDIDATES)
    return found.set_index("qa_id")


def test_choices_of_which_none_is_a_label_get_no_answer(kind, base, rank_params, pairs, places):
    questions = task_pairs(pairs)
    questions = questions[questions["choices"].notna()].reset_index(drop=True)
    unknown = ["zebra crossing", "aubergine"]
    mixed = [unknown if number % 2 else [*unknown, "red", "two"] for number in range(len(questions))]
    labels_alone = bool(load_encoder(base).without_label(unknown))
    for choices, answered in ((mixed, range(0, len(questions), 2)), ([unknown] * len(questions), ())):
        tasks = questions.assign(choices=choices)
        found = predict(rank_params, "base", base, None, pairs, places, CANDIDATES, tasks=tasks)
        found = found.set_index("qa_id").loc[tasks["qa_id"]]
        if labels_alone:
            assert (found["prediction"] != "").to_numpy().nonzero()[0].tolist() == list(answered)
        else:
            assert (found["prediction"] != "").all()
        assert (found["log_probability"].notna() == (found["prediction"] != "")).all()


@cache
def _loaded(base: Path) -> tuple[torch.nn.Module, Any]:
    """What transformers itself loads."""
    model = type(load_model(base)).from_pretrained(base, dtype="float32").eval()
    return model, load_encoder(base).processor


def _stock(kind: str, base: Path, picture, question: str, candidates: list[str]) -> torch.Tensor:
    with torch.inference_mode():
        return STOCK[kind](*_loaded(base), picture, question, candidates).log_softmax(0)


def test_a_checkpoint_says_what_it_is_and_stock_transformers_loads_it(kind, base):
    assert model_type(base) == kind == load_encoder(base).model_type
    saved, loaded = tiny_ranker(kind)[0].state_dict(), load_model(base).state_dict()
    assert all(torch.equal(saved[name], tensor) for name, tensor in loaded.items())


@pytest.mark.skipif(find_spec("sentencepiece") is not None, reason="sentencepiece is installed")
def test_a_tokenizer_that_needs_a_package_is_one_line_that_names_it(tmp_path):
    model, encoder = tiny_ranker("siglip")
    encoder.family.save_checkpoint(model, encoder.processor, tmp_path, "[ENC]")
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "spiece.model").write_bytes(b"")
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "SiglipTokenizer"}')
    with pytest.raises(ModelError, match="pip install sentencepiece protobuf") as caught:
        load_encoder(tmp_path)
    assert "\n" not in str(caught.value)


def test_predictions_are_those_of_transformers_one_question_and_candidate_at_a_time(
    kind, base, pairs, places, predictions
):
    reader = ImageReader(places)
    for row in pairs.itertuples():
        scores = _stock(kind, base, reader.read(row.image_id), row.question, CANDIDATES)
        assert predictions.loc[row.qa_id, "prediction"] == CANDIDATES[int(scores.argmax())]
        assert predictions.loc[row.qa_id, "log_probability"] == pytest.approx(float(scores.max()), abs=1e-5)


def test_grounding_compares_the_answer_among_the_candidates_under_other_images(
    kind, base, rank_params, pairs, places, predictions
):
    items = choose_items(pairs, rank_params.seed, rank_params.predict.grounding_questions)
    reader, questions = ImageReader(places), pairs.set_index("qa_id")["question"]
    scores = []
    for item in items.itertuples():
        answer = CANDIDATES.index(predictions.loc[item.qa_id, "prediction"])
        picture = reader.read(item.image_id)
        scores.append(float(_stock(kind, base, picture, questions[item.qa_id], CANDIDATES)[answer]))
    expected = grounding_shares(items.assign(log_probability=scores))
    pd.testing.assert_series_equal(
        predictions["grounding"].dropna().sort_index(), expected.sort_index(), check_names=False
    )


def test_in_bf16_log_probabilities_are_near_those_of_float32(base, rank_params, pairs, places, predictions):
    compute = rank_params.compute.model_copy(update={"precision": "bf16"})
    low = rank_params.model_copy(update={"compute": compute})
    found = predict(low, "base", base, None, pairs, places, CANDIDATES).set_index("qa_id")
    difference = found["log_probability"] - predictions["log_probability"]
    assert found["grounding"].notna().any() and difference.abs().max() < 0.2


def test_the_demo_shows_the_best_of_the_candidates(base, places):
    content = ImageReader(places).content("image00")
    seen = Versions(base.parent, Settings(choices=CANDIDATES)).ask("base", content, "What color is it?")
    ranked = Answerer(base).rank(content, "What color is it?", CANDIDATES)
    assert [text for text, _ in seen.best] == [answer.answer for answer in ranked] and seen.looked is None
    with pytest.raises(ParameterError, match="writes no answers"):
        Versions(base.parent, Settings()).load("base")


def test_kept_vision_states_change_nothing(base, rank_params, pairs, places, predictions, tmp_path):
    for _ in range(2):
        found = predict(rank_params, "base", base, None, pairs, places, CANDIDATES, work=tmp_path)
        pd.testing.assert_frame_equal(found.set_index("qa_id"), predictions)
    assert list((tmp_path / "vision").rglob("*.safetensors"))


def test_predicting_in_words_of_its_own_is_one_line_that_says_what_to_set(
    kind, base, tiny_params, pairs, places
):
    with pytest.raises(
        ParameterError, match=f"{kind} writes no answers.* set predict.mode to rank"
    ) as caught:
        predict(tiny_params, "base", base, None, pairs, places)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("untuned", ["clip", "siglip"])
def test_training_a_family_without_a_loss_is_refused_in_one_line_and_writes_nothing(
    untuned, tiny_params, pairs, places, tmp_path
):
    model, encoder = tiny_ranker(untuned)
    (tmp_path / "base").mkdir()
    encoder.family.save_checkpoint(model, encoder.processor, tmp_path / "base", "[ENC]")
    with pytest.raises(ModelError, match=f"{untuned} is measured, not tuned") as caught:
        train_version(tiny_params, "v1", tmp_path / "base", None, pairs, places, tmp_path / "v1")
    assert "\n" not in str(caught.value) and not (tmp_path / "v1").exists()


def test_a_model_is_asked_with_choices_as_it_predicts(base, pairs, places, predictions):
    answerer = Answerer(base)
    row = pairs.iloc[0]
    picture = ImageReader(places).read(row["image_id"])
    [answer] = answerer.ask(picture, row["question"], CANDIDATES)
    ranked = answerer.rank(picture, row["question"], CANDIDATES)
    assert answer.answer == ranked[0].answer == predictions.loc[row["qa_id"], "prediction"]
    assert answer.probability == pytest.approx(ranked[0].share) == pytest.approx(ranked[0].probability)
    assert sum(one.share for one in ranked) == pytest.approx(1)
    with pytest.raises(ParameterError, match="or name choices"):
        answerer.ask(picture, row["question"])


def test_every_question_may_have_choices_of_its_own(base, pairs, places):
    answerer = Answerer(base, pairs_per_micro_batch=2)
    reader = ImageReader(places)
    asked = [("What color is it?", ["red", "blue"]), ("Is it striped?", ["yes", "no", "two"])] * 2
    images = [(reader.read(name), asked) for name in ("image00", "image01")]
    found = list(answerer.choose_groups([images]))
    for (picture, _), answers in zip(images, found, strict=True):
        for (question, choices), answer in zip(asked, answers, strict=True):
            best = answerer.rank(picture, question, choices)[0]
            assert answer.answer == best.answer
            assert answer.share == pytest.approx(best.share)


def test_choices_that_are_the_same_to_the_model_are_one_line(base, places):
    with pytest.raises(DataError, match="are the same to the model"):
        Answerer(base).rank(ImageReader(places).read("image00"), "What?", ["Red", "red"])


def test_commands_ask_and_answer(base, places, vqatune, tmp_path):
    ImageReader(places).read("image00").save(tmp_path / "picture.png")
    (tmp_path / "questions.csv").write_text("image,question\npicture.png,What color is it?\n")
    choices = ["--choices", "red,blue", "--models", base.parent]
    done = vqatune("ask", "picture.png", "What color is it?", "--json", *choices)
    [row] = done.json
    assert sum(choice["share"] for choice in row["choices"]) == pytest.approx(1)
    done = vqatune("answer", "questions.csv", "--images", ".", *choices)
    assert done.status == 0, done.err
    answers = pd.read_csv(tmp_path / "answers.csv")
    assert answers["answer"].tolist() == [row["answer"]]
    refused = vqatune("ask", "picture.png", "What color is it?", "--models", base.parent)
    assert "writes no answers" in refused.error


def test_the_stage_predicts_by_the_answers_of_the_training_set(base, stage_folder):
    folder = stage_folder({"predict.mode": "rank"})
    (folder.root / "models" / "base").unlink()
    (folder.root / "models" / "base").symlink_to(base)
    folder.run("predict", "base")
    found = pd.read_parquet(folder.root / "data/predictions/base.parquet")
    assert set(found["prediction"]) <= {"red", "3", "yes"} and found["grounding"].notna().any()
