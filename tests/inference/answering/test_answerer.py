import doctest
import json
import math
import os
import shutil
import subprocess
import sys

import pytest
import torch

import vqatune as package
from vqatune.errors import DataError, ImageError, ModelError, ParameterError
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.prediction.predict import predict
from vqatune.publishing.export import export_merged

ASKED = ["what color is it?", "how many stars are there?", "is it striped?"]


@pytest.fixture(scope="module")
def answerer(models, tiny_params) -> Answerer:
    return Answerer(models / "v2", compute=tiny_params.compute)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("version", ["base", "v2"])
def test_answers_are_those_of_prediction(version, beams, tiny_with, models, pairs, places, contents):
    params = tiny_with({"predict.beams": beams, "predict.grounding_questions": 0})
    adapter = None if version == "base" else models / version
    predicted = predict(params, version, models / "base", adapter, pairs, places).set_index("qa_id")
    one = Answerer(models / version, compute=params.compute, beams=beams)
    groups = [(image_id, group) for image_id, group in pairs.groupby("image_id")]
    found = one.ask_many((contents[image_id], group["question"].tolist()) for image_id, group in groups)
    for (_, group), answers in zip(groups, found, strict=True):
        for (_, pair), answer in zip(group.iterrows(), answers, strict=True):
            expected = predicted.loc[pair["qa_id"]]
            assert (answer.question, answer.answer) == (pair["question"], expected["prediction"])
            assert answer.log_probability == pytest.approx(expected["log_probability"], rel=2e-6, abs=1e-4)
            assert answer.probability == pytest.approx(math.exp(answer.log_probability))


def test_choices_give_what_ranked_prediction_gives(tiny_with, models, pairs, places, contents, answerer):
    choices = ["red", "3", "yes", "no"]
    params = tiny_with({"predict.mode": "rank", "predict.grounding_questions": 0})
    predicted = predict(params, "v2", models / "base", models / "v2", pairs, places, choices)
    predicted = predicted.set_index("qa_id")
    for _, pair in pairs.iterrows():
        picture, question = contents[pair["image_id"]], pair["question"]
        expected = predicted.loc[pair["qa_id"]]
        [best] = answerer.ask(picture, question, choices)
        ranked = answerer.rank(picture, question, choices)
        assert best.answer == ranked[0].answer == expected["prediction"]
        assert best.log_probability == pytest.approx(expected["log_probability"], rel=2e-6, abs=1e-4)
        assert ranked[0].log_probability == pytest.approx(best.log_probability, rel=2e-6, abs=1e-4)
        assert best.share is None
        assert sorted(answer.answer for answer in ranked) == sorted(choices)
        assert sum(answer.share for answer in ranked) == pytest.approx(1)
        shares = [answer.share for answer in ranked]
        assert shares == sorted(shares, reverse=True)
        assert shares[0] / shares[1] == pytest.approx(ranked[0].probability / ranked[1].probability)


def test_neither_the_size_of_a_micro_batch_nor_what_else_is_asked_changes_an_answer(
    models, tiny_params, contents
):
    asked = [(content, ASKED[: number % 4]) for number, content in enumerate(contents.values())]
    expected = list(Answerer(models / "v2", compute=tiny_params.compute).ask_many(asked))
    assert [len(answers) for answers in expected] == [number % 4 for number in range(12)]
    for images, pairs in ((1, 1), (5, 2), (3, 100)):
        small = Answerer(
            models / "v2",
            compute=tiny_params.compute,
            images_per_micro_batch=images,
            pairs_per_micro_batch=pairs,
        )
        for answers, others in zip(small.ask_many(asked), expected, strict=True):
            assert [answer.answer for answer in answers] == [other.answer for other in others]
            for answer, other in zip(answers, others, strict=True):
                assert answer.log_probability == pytest.approx(other.log_probability, rel=2e-6, abs=1e-4)


def test_a_group_is_answered_to_the_last_digit_as_if_it_were_alone(answerer, contents):
    groups = [[(content, ASKED) for content in list(contents.values())[start::3]] for start in range(3)]
    together = list(answerer.ask_groups(groups))
    alone = [answers for group in groups for answers in answerer.ask_many(group)]
    assert together == alone


def test_each_question_may_have_choices_of_its_own(answerer, contents):
    asked = [("what color is it?", ["red", "blue"]), ("is it striped?", ["yes", "no", "maybe"])]
    group = [(content, asked) for content in contents.values()]
    for content, answers in zip(contents.values(), answerer.choose_groups([group]), strict=True):
        expected = [answerer.rank(content, *one)[0] for one in asked]
        assert [answer.answer for answer in answers] == [one.answer for one in expected]
        assert [answer.share for answer in answers] == pytest.approx(
            [one.share for one in expected], abs=1e-4
        )


def test_a_picture_that_does_not_open_stops_ask_but_not_ask_many(answerer, contents, folder):
    (folder / "bad.jpg").write_text("bad")
    with pytest.raises(ImageError, match="bad.jpg is no JPEG"):
        answerer.ask(folder / "bad.jpg", ASKED)
    first, bad, last = answerer.ask_many(
        [(folder / "image00.jpg", ASKED), (folder / "bad.jpg", ASKED), (contents["image01"], ASKED)]
    )
    assert isinstance(bad, ImageError)
    for answers, image_id in ((first, "image00"), (last, "image01")):
        assert [one.answer for one in answers] == [
            one.answer for one in answerer.ask(contents[image_id], ASKED)
        ]


def test_wrong_questions_and_choices_are_named(answerer, contents):
    picture = contents["image00"]
    for question in ("", " \n"):
        with pytest.raises(DataError, match="a question is empty"):
            answerer.ask(picture, ["what?", question])
        with pytest.raises(DataError, match="a question is empty"):
            answerer.rank(picture, question, ["a", "b"])
    wrong = {
        "needs two answers": ["red"],
        "one of the choices is empty": ["red", " "],
        "'red' is there 2 times": ["red", "blue", "red"],
        "'red' and 'RED' are the same to the model": ["red", "blue", "RED"],
    }
    for said, choices in wrong.items():
        with pytest.raises(DataError, match=said):
            answerer.ask(picture, "what?", choices)
        with pytest.raises(DataError, match=said):
            answerer.rank(picture, "what?", choices)
    assert answerer.distinct(["red", "blue", "RED"]) == ["red", "blue"]


def test_questions_are_read_up_to_128_tokens(answerer, contents):
    fits, longer = "a " * 126, "a " * 127
    assert answerer.too_long([fits, longer, "what?"]) == [longer]
    short, cut = answerer.ask(contents["image00"], [fits, longer])
    assert short.log_probability == pytest.approx(cut.log_probability, rel=2e-6, abs=1e-4)


def test_a_merged_export_answers_as_its_version_does(
    models, repository, contents, answerer, tmp_path, tiny_params
):
    shutil.copytree(models, tmp_path / "models")
    shutil.copy(repository / "params.yaml", tmp_path)
    export_merged("v2", tmp_path / "whole", tmp_path)
    whole = Answerer(tmp_path / "whole", compute=tiny_params.compute)
    for one, other in zip(
        whole.ask(contents["image02"], ASKED), answerer.ask(contents["image02"], ASKED), strict=True
    ):
        assert one.answer == other.answer
        assert one.log_probability == pytest.approx(other.log_probability, rel=2e-6, abs=1e-4)


def test_an_adapter_and_a_base_that_do_not_belong_together_are_refused(models, tmp_path):
    shutil.copytree(models, tmp_path / "models")
    adapter = shutil.move(tmp_path / "models" / "v1", tmp_path / "v1")
    with pytest.raises(ModelError, match="the base model of the adapter .*v1, does not exist"):
        Answerer(adapter)
    assert Answerer(adapter, tmp_path / "models" / "base")
    position = tmp_path / "v1" / "training_state" / "position.json"
    right = position.read_text()
    position.write_text(json.dumps(json.loads(right) | {"base": "0" * 64}))
    with pytest.raises(ModelError, match="was tuned from another base model"):
        Answerer(adapter, tmp_path / "models" / "base")
    position.write_text("{")
    with pytest.raises(ModelError, match="position.json is damaged"):
        Answerer(adapter, tmp_path / "models" / "base")
    # As it is where only the adapter is handed on.
    shutil.rmtree(position.parent)
    assert Answerer(adapter, tmp_path / "models" / "base")


def test_what_is_no_model_is_named(models, tmp_path, tiny_params):
    with pytest.raises(ModelError, match="nowhere does not exist"):
        Answerer(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="holds neither an adapter nor a model"):
        Answerer(tmp_path)
    with pytest.raises(ModelError, match="is a whole model: it takes no base"):
        Answerer(models / "base", models / "base")
    with pytest.raises(ParameterError, match="cannot be used here"):
        Answerer(models / "v1", compute=tiny_params.compute.model_copy(update={"device": "cuda:7"}))


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("v1/tokenizer.json", "v1 lacks tokenizer.json"),
        ("v1/tokenizer_config.json", "v1 lacks tokenizer_config.json"),
        ("base/config.json", "base model of the adapter .* lacks config.json"),
    ],
)
def test_a_folder_that_was_copied_in_part_is_refused(models, tmp_path, lost, said):
    for name in ("base", "v1"):
        shutil.copytree(models / name, tmp_path / name)
    (tmp_path / lost).unlink()
    with pytest.raises(ModelError, match=said):
        Answerer(tmp_path / "v1")


def test_an_adapter_without_a_processor_takes_that_of_its_base(models, contents, tmp_path):
    shutil.copytree(models / "base", tmp_path / "base")
    (tmp_path / "adapter").mkdir()
    # What peft's save_pretrained leaves.
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(models / "v1" / name, tmp_path / "adapter")
    picture, question = contents["image03"], ["what color is it?"]
    assert Answerer(tmp_path / "adapter").ask(picture, question) == Answerer(models / "v1").ask(
        picture, question
    )


def test_loading_an_adapter_asks_no_hub_and_warns_of_nothing(models, tmp_path, monkeypatch, recwarn):
    def connect(*arguments: object) -> None:
        raise AssertionError(f"something is looked up: {arguments}")

    # Where the base lies elsewhere than it did when the adapter was made, and the hub could be asked.
    for name in ("base", "v1"):
        shutil.copytree(models / name, tmp_path / "elsewhere" / name)
    path = tmp_path / "elsewhere" / "v1" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": "models/base"}))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("socket.getaddrinfo", connect)
    monkeypatch.chdir(tmp_path)
    Answerer(tmp_path / "elsewhere" / "v1")
    assert not [str(warning.message) for warning in recwarn if "Could not find" in str(warning.message)]
    assert not [str(warning.message) for warning in recwarn if "Unable to fetch" in str(warning.message)]
    assert "HF_HUB_OFFLINE" not in os.environ


def test_random_numbers_of_whoever_asks_stay_as_they_are(models, contents):
    torch.manual_seed(3)
    expected = torch.rand(2).tolist()
    torch.manual_seed(3)
    Answerer(models / "v1").ask(contents["image00"], "what?")
    assert torch.rand(2).tolist() == expected


def test_the_example_in_the_documentation_runs(models, contents, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "base").symlink_to(models / "base")
    (tmp_path / "models" / "v13").symlink_to(models / "v2")
    (tmp_path / "mug.jpg").write_bytes(contents["image00"])
    example = doctest.DocTestParser().get_doctest(package.Answerer.__doc__, {}, "Answerer", None, None)
    assert len(example.examples) >= 4
    names = example.globs
    # What is printed depends on the version; an error would be one here.
    runner = doctest.DebugRunner(checker=_Anything())
    runner.run(example, clear_globs=False)
    assert names["best"].answer == names["ranked"][0].answer
    assert names["answer"].question == "Is it striped?"


class _Anything(doctest.OutputChecker):
    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return True


def test_importing_the_package_imports_no_torch(repository):
    code = "import sys, vqatune; assert 'Answerer' in vqatune.__all__ and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repository, env={"PYTHONPATH": "src"})
    with pytest.raises(AttributeError, match="no attribute 'Asker'"):
        package.Asker  # noqa: B018
