import pytest

from vqatune.errors import DataError
from vqatune.inference.answering.answer import AskedQuestion
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.answering.asked_questions import answer_each

COLOR, STARS, STRIPED = "what color is it?", "how many stars are there?", "is it striped?"
CHOICES = ("red", "3", "yes")


@pytest.fixture(scope="module")
def answerer(models, tiny_params) -> Answerer:
    return Answerer(models / "v2", compute=tiny_params.compute)


def _same(found, expected) -> None:
    assert [answer.answer for answer in found] == [answer.answer for answer in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.question == other.question
        assert one.log_probability == pytest.approx(other.log_probability, rel=2e-6, abs=1e-4)


def test_questions_of_several_kinds_are_answered_together_as_each_alone(answerer, contents, monkeypatch):
    asked = [
        [AskedQuestion(COLOR), AskedQuestion(COLOR, CHOICES, 3), AskedQuestion(STARS, None, 4)],
        [AskedQuestion(STRIPED, ("no", "yes"), 1)],
        [AskedQuestion(STRIPED, None, 2), AskedQuestion(STARS)],
    ]
    images = [contents[name] for name in ("image00", "image01", "image02")]
    alone = [
        [answer_each(answerer, [answerer.picture(image)], [[one]])[0][0] for one in group]
        for image, group in zip(images, asked, strict=True)
    ]
    encoded, states = [], answerer.states
    monkeypatch.setattr(
        answerer, "states", lambda pictures: encoded.append(len(pictures)) or states(pictures)
    )
    together = answer_each(answerer, [answerer.picture(image) for image in images], asked)
    # Every image once, whatever is asked about it.
    assert encoded == [3]
    for found, expected in zip(together, alone, strict=True):
        for one, other in zip(found, expected, strict=True):
            _same(one, other)
    _same(together[0][0], answerer.ask(images[0], COLOR))
    _same(together[0][1], answerer.rank(images[0], COLOR, CHOICES))
    assert [len(found) for group in together for found in group] == [1, 3, 4, 1, 2, 1]


def test_questions_without_choices_are_given_those_of_all(answerer, contents):
    asked = [[AskedQuestion(COLOR), AskedQuestion(COLOR, None, 2), AskedQuestion(COLOR, ("red", "no"), 2)]]
    [[best, two, own]] = answer_each(answerer, [answerer.picture(contents["image03"])], asked, CHOICES)
    ranked = answerer.rank(contents["image03"], COLOR, CHOICES)
    _same(best, ranked[:1])
    _same(two, ranked[:2])
    assert {answer.answer for answer in own} == {"red", "no"}


def test_what_cannot_be_asked_is_said(answerer):
    answerer.check_asked(AskedQuestion(COLOR, CHOICES))
    for asked, said in (
        (AskedQuestion(" "), "empty"),
        (AskedQuestion(COLOR, ("red",)), "two answers or more"),
        (AskedQuestion(COLOR, ("red", " red ")), "the same to the model"),
    ):
        with pytest.raises(DataError, match=said):
            answerer.check_asked(asked)
