import pandas as pd
import pytest

from vqatune.generation.checks.not_visible import not_visible


def found(question: str, answer: str) -> bool:
    return bool(not_visible(pd.DataFrame({"question": [question], "answer": [answer]}))[0])


@pytest.mark.parametrize(
    "answer",
    [
        *(
            "12cm",
            "3.5oz",
            '20"',
            "5ft",
            "500ml",
            "$20",
            "20€",
            "15-inch",
            "1-1/4-Inch",
            "7'10",
            "7'10\"",
            "81-by-96-inch",
        ),
        *(
            "3,5cm",
            "16GB",
            "10lb",
            "40LBS",
            "200gm",
            "1kg",
            "1L",
            "9v",
            "12w",
            "Rs.500",
            "US$5",
            "12厘米",
            "100gr",
            "5Gbps",
        ),
    ],
)
def test_a_number_with_a_unit_or_a_currency_is_not_seen(answer):
    assert found("What is it?", answer)


@pytest.mark.parametrize(
    "answer",
    [
        "4",
        "12:45",
        "3D",
        "A19",
        "gu10",
        "10K",
        "925",
        "3M",
        "5G",
        "1950s",
        "2XL",
        "4x4",
        "100%",
        "2-tone",
        "Black",
        "in",
    ],
)
def test_other_answers_are_not_taken_for_measures(answer):
    assert not found("What is shown?", answer)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How wide is it in inches?", "12"),
        ("How wide is it?", "Twelve"),
        ("What is the height of the heel?", "2.5"),
        ("How many inches wide is the rug?", "thirty-three"),
        ("How many pounds can each shelf hold?", "350"),
        ("How much does it cost?", "20"),
        ("How much weight can it hold?", "1.5"),
        ("What is the model number?", "G950"),
        ("For which phone model is it made?", "A71"),
        ("What is the ASIN?", "B07XYZ1234"),
        ("What is its weight capacity?", "200"),
        ("How many feet long is the rug?", "eight"),
    ],
)
def test_a_number_that_measures_or_names_a_model_is_not_seen(question, answer):
    assert found(question, answer)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many legs does the tall lamp have?", "4"),
        ("How many drawers?", "Six"),
        ("How many feet does the chair have?", "four"),
        ("What is the number of drawers along its width?", "3"),
        ("Is it wider than tall?", "yes"),
        ("How tall is it compared to the chair?", "taller"),
        ("How many times longer than the sofa is the rug's length?", "two"),
        ("What is the ratio of its height to its width?", "2"),
        ("What is the shape of its width?", "straight"),
        ("What weight is printed on the dumbbell?", "40LB"),
        ("What is the weight shown on the ball?", "6lb"),
        ("What capacity does the label say?", "500ml"),
        ("What is the price on the tag?", "$20"),
        ("What is written on the dumbbells?", "6LB"),
        ("What model number is visible on the cartridge?", "T129"),
        ("What number is on the model's shirt?", "7"),
        ("What number is below the 12?", "6"),
        ("What time is displayed?", "12:45"),
        ("How many models are shown?", "2"),
        ("What is the size of the buckle?", "small"),
    ],
)
def test_counts_comparisons_and_what_can_be_read_stay(question, answer):
    assert not found(question, answer)


@pytest.mark.parametrize(
    ("answer", "listed"),
    [
        ("SM-G950", True),
        ("B07XYZ123", True),
        ("SMG951", False),
        ("3-drawer", False),
        ("1980s", False),
        ("walnut", False),
    ],
)
def test_a_model_number_that_the_listing_has_is_not_seen(answer, listed):
    metadata = '{"item_name": ["Lamp SM-G950 3-drawer 1980s", "b07xyz123"], "color": ["walnut", "SMG9512"]}'
    pairs = pd.DataFrame({"question": ["What is it?"], "answer": [answer], "metadata": [metadata]})
    assert not_visible(pairs).tolist() == [listed]
    assert not_visible(pairs.assign(metadata=None)).tolist() == [False]
