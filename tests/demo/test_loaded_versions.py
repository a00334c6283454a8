import math
import shutil
from dataclasses import replace

import numpy as np
import pytest

from vqatune.demo.loaded_versions import Versions
from vqatune.demo.results import show
from vqatune.errors import ModelError
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.answering.image_input import decode_image
from vqatune.inference.answering.settings import Settings

QUESTION = "how many stars are there?"
"""To which v1 and v2 have an answer, and the base none."""


@pytest.fixture(scope="module")
def settings(tiny_params) -> Settings:
    return Settings(tiny_params.compute)


@pytest.mark.parametrize("version", ["base", "v1", "v2"])
def test_a_version_says_what_it_says_elsewhere_and_what_else_it_might_have(
    demo_root, picture, settings, version
):
    seen = Versions(demo_root / "models", settings).ask(version, picture, QUESTION)
    [answer] = Answerer(demo_root / "models" / version, compute=settings.compute).ask(picture, QUESTION)
    assert seen.version == version and seen.answer == answer
    texts, probabilities = zip(*seen.best, strict=True)
    assert len(set(texts)) == 5 and sum(probabilities) <= 1
    assert list(probabilities) == sorted(probabilities, reverse=True)
    # A blank answer is the model's, and is not listed.
    assert all(texts) and bool(answer.answer) == (version != "base")
    if answer.answer:
        assert probabilities[0] >= answer.probability * (1 - 1e-5)
    assert seen.looked.shape == (4, 4) and seen.looked.sum() == pytest.approx(1, abs=1e-5)


def test_versions_look_at_different_places(demo_root, picture, settings):
    versions = Versions(demo_root / "models", settings)
    maps = [versions.ask(name, picture, QUESTION).looked for name in ("v1", "v2")]
    assert not np.allclose(*maps, atol=1e-4)


def test_a_question_that_is_too_long_is_answered_and_marked(demo_root, picture, settings):
    versions, opened = Versions(demo_root / "models", settings), decode_image(picture)
    for question, cut in ((QUESTION, False), ("red or blue " * 60, True)):
        shown = show(versions.ask("v1", picture, question), opened, None)
        assert ("Only the first words of the question were read" in shown) is cut


def test_a_closed_list_is_all_that_is_said(demo_root, picture, settings):
    choices = ["red", "blue", "3", "yes", "no", "Red", "green"]
    closed = Versions(demo_root / "models", replace(settings, choices=choices))
    seen = closed.ask("v1", picture, QUESTION)
    ranked = Answerer(demo_root / "models" / "v1", compute=settings.compute).rank(
        picture, QUESTION, ["red", "blue", "3", "yes", "no", "green"]
    )
    assert seen.answer.answer == ranked[0].answer and seen.proven
    assert [text for text, _ in seen.best] == [answer.answer for answer in ranked[:5]]
    assert [math.log(share) for _, share in seen.best] == pytest.approx(
        [answer.log_probability for answer in ranked[:5]], abs=1e-5
    )


def test_only_the_last_few_versions_stay_loaded(demo_root, tmp_path, settings):
    models = tmp_path / "models"
    shutil.copytree(demo_root / "models", models)
    for number in (3, 4):
        shutil.copytree(models / "v1", models / f"v{number}")
    versions = Versions(models, settings)
    assert versions.names == ["base", "v1", "v2", "v3", "v4"]
    for name in ("v1", "v2", "v3", "v2", "v4"):
        versions.load(name)
    # What is loaded needs its folder no more; what is not does.
    shutil.rmtree(models)
    for name in ("v2", "v3", "v4"):
        versions.load(name)
    with pytest.raises(ModelError, match="v1 does not exist"):
        versions.load("v1")
