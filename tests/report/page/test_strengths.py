import pytest

from vqatune.report.page.strengths import find_strengths

VERSIONS = ["blind", "base", "v1"]


def row(
    value: str, blind: int, v1: int, pairs: int = 100, half: float = 0.05, slice_: str = "question_type"
) -> dict:
    return {
        "slice": slice_,
        "value": value,
        "pairs": pairs,
        "images": pairs // 2,
        "right": [blind, 10, v1],
        # blind and base, blind and v1, base and v1
        "half": [0.9, half, 0.9],
    }


@pytest.fixture
def examples() -> dict:
    """A picture with a question of color, that v1 alone has right, and one of shape, that only the blind guess has."""
    questions = [[0, 1, 2, 2, [1, 1, 1], [None] * 3, "001"], [0, 1, 2, 3, [1, 1, 1], [None] * 3, "100"]]
    texts = ["Is it?", "yes", "color", "shape"]
    return {
        "versions": VERSIONS,
        "texts": texts,
        "images": [{"id": "i1", "type": "BAG", "questions": questions}],
    }


def comparison(*rows: dict, versions=VERSIONS) -> dict:
    return {"versions": versions, "slices": list(rows)}


def test_large_and_sure_gains_are_strengths_and_few_questions_make_none(examples):
    rows = [row("color", 20, 80), row("shape", 50, 40), row("text", 30, 60), row("count", 30, 50)]
    lucky = [row("lucky", 0, 19, pairs=19), row("unsure", 10, 95, half=0.8)]
    found = find_strengths(comparison(*rows, *lucky, row("x", 0, 99, slice_="answer_kind")), examples, "v1")
    assert [each.value for each in found.strengths] == ["color", "text"]
    assert [each.value for each in found.weaknesses] == ["shape", "count", "unsure"]
    assert (found.version, found.compared_with) == ("v1", "blind")
    color, shape = found.strengths[0], found.weaknesses[0]
    assert (color.label, color.pairs, color.share, color.compared) == ("question type", 100, 0.8, 0.2)
    assert (color.verdict, shape.verdict) == ("better", "worse")
    assert find_strengths(comparison(row("unsure", 50, 53)), examples, "v1").weaknesses[0].verdict is None


def test_a_link_leads_to_what_the_version_gained_or_got_wrong_where_there_are_such_examples(examples):
    found = find_strengths(comparison(row("color", 20, 80), row("shape", 50, 40)), examples, "v1")
    color, shape = found.strengths[0], found.weaknesses[0]
    assert color.link == "#examples?kind=color&a=blind&ar=wrong&b=v1&br=right" and color.examples == 1
    assert shape.link == "#examples?kind=shape&a=blind&b=v1&br=wrong" and shape.examples == 1
    found = find_strengths(comparison(row("color", 80, 20), row("none such", 20, 80)), examples, "v1")
    # None of them is wrong: all of the slice.
    assert found.weaknesses[0].link == "#examples?kind=color" and found.strengths[0].link is None


def test_without_a_blind_guess_base_is_what_versions_are_compared_with(examples):
    rows = {"slice": "difficulty", "value": "2", "pairs": 50, "images": 20, "right": [10, 30], "half": [0.1]}
    chain = comparison(rows, versions=["base", "v1"])
    found = find_strengths(chain, examples | {"versions": ["base", "v1"]}, "v1")
    assert found.compared_with == "base" and found.weaknesses[0].difference == pytest.approx(0.4)
    assert find_strengths(chain, examples, "base") is None
    assert find_strengths(comparison(), examples, "v1") is None
