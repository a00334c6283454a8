from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from whole_tables import extract

from vqatune.base_model.lessons import CHECKS, answer_labels, draw_examples
from vqatune.base_model.showroom_model import SEED
from vqatune.errors import DataError
from vqatune.evaluation.metrics.text import plain
from vqatune.generation.sources.language_files import load_language
from vqatune.generation.sources.visible import noun_of
from vqatune.loading.reader import ImageReader
from vqatune.models.encoder import load_encoder
from vqatune.showroom.catalogue import draw_catalogue
from vqatune.showroom.museum.catalogue import plan_museum
from vqatune.showroom.museum.objects import random_object
from vqatune.showroom.products import KINDS


@pytest.mark.slow
def test_no_lesson_is_a_picture_of_the_catalogue(tmp_path: Path, tiny_base):
    draw_catalogue(listings=50, seed=13, folder=tmp_path)
    images = extract(tmp_path, 0).images
    images = images[images["length"] > 1000]
    encoder, reader = load_encoder(tiny_base), ImageReader(images)
    lessons = draw_examples(list(range(200)), seed=SEED, size=32)

    def pixels(pictures: list) -> torch.Tensor:
        return encoder.images(pictures).tensors["pixel_values"].flatten(1)

    taught = pixels([picture for picture, _ in lessons])
    seen = 0
    for image_id in images["image_id"].head(75):
        with suppress(DataError):  # a damaged picture, of which the catalogue has some
            picture = reader.read(image_id)
            seen += 1
        distance = (taught - pixels([picture])).abs().mean(1)
        assert distance.min() > 0.01, image_id
    assert seen > 50


def test_lessons_say_neither_what_products_are_called_nor_what_they_are_for_or_made_of():
    language = load_language("en")
    names = {noun_of(kind) for kind in KINDS} - {None}
    learned_from_the_type = {
        word.answer for slot in ("function", "material") for word in language.words[slot].values()
    }
    for _, pairs in draw_examples(list(range(300)), seed=1, size=16):
        for question, answer in pairs:
            assert not (names | learned_from_the_type) & {*plain(question).split(), *plain(answer).split()}


def test_lessons_do_not_ask_as_a_catalogue_does():
    asked = {
        question for _, pairs in draw_examples(list(range(300)), seed=1, size=16) for question, _ in pairs
    }
    assert {question.split()[0] for question in asked} == {"name", "check"}
    for wordings in load_language("en").questions.values():
        for wording in wordings:
            assert wording.split()[0].lower() not in ("name", "check")


def test_checks_are_right_as_often_as_not_and_say_what_the_picture_shows():
    answers = Counter()
    numbers = list(range(600))
    complete = draw_examples(numbers, seed=1, size=8, only_names=True)
    for (_, pairs), (_, names) in zip(draw_examples(numbers, seed=1, size=8), complete, strict=True):
        named = {question.removeprefix("name the "): answer for question, answer in names}
        for question, answer in pairs:
            what = question.removeprefix("check ").removeprefix("the ")
            if what == question.removeprefix("check ") and question.startswith("name") or what == "marks":
                continue
            named_fully = {f"{key} {name}" for key, name in named.items()}
            assert answer == ("yes" if what in {*named_fully, *named.values()} else "no"), question
            answers[answer] += 1
    assert sum(answers.values()) == 600 * CHECKS
    assert 0.45 < answers["yes"] / sum(answers.values()) < 0.55


def test_the_labels_are_all_answers_of_drawn_examples_with_yes_no_and_numbers():
    drawn = {answer for _, own in draw_examples(list(range(600)), 1, 8) for _, answer in own}
    labels = answer_labels()
    assert len(labels) == len(set(labels))
    assert drawn | {"yes", "no"} | set(map(str, range(11))) == set(labels)


def test_a_museums_base_sees_objects_of_no_museum_and_names_what_their_pictures_show():
    lessons = draw_examples(list(range(120)), 13, 16, "museum")
    named = {question for _, pairs in lessons for question, _ in pairs}
    fields = ("type", "material", "shape", "pattern", "subject", "period", "place")
    assert named == {f"{language} {field}" for language in ("en", "de", "fr", "es") for field in fields}
    labels = answer_labels("museum")
    assert {answer for _, pairs in lessons for _, answer in pairs} <= set(labels)
    taught = {random_object(13, "base", number) for number in range(2000)}
    assert not taught & {entry.thing for entry in plan_museum(900, 13)}
