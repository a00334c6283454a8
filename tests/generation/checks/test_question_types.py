import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.generation.checks.question_types import QUESTION_TYPES, question_type_of


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many color variations are shown?", "count"),
        ("What color is the round lid?", "color"),
        ("What is the stone's color?", "color"),
        ("What colour is it", "color"),
        ("What shape is the color swatch?", "shape"),
        ("Is the charger rectangular?", "shape"),
        ("What is the pattern on the mat?", "pattern"),
        ("What is the base made of?", "material"),
        ("What type of metal is the ring", "material"),
        ("Considering the color, what single word describes the texture", "material"),
        ("Where is the logo?", "position"),
        ("What is above the bed?", "position"),
        ("How tall is the lamp?", "size"),
        ("What is it used for?", "function"),
        ("What is the style of the chair", "style"),
        ("What brand is printed?", "text"),
        ("What type of shoe is this?", "object"),
        ("What secures the shoe?", "function"),
        ("Is there a buckle?", "object"),
        ("Is it locked?", "other"),
        ("", "other"),
    ],
)
def test_the_words_of_a_question_tell_its_type(question, kind):
    assert question_type_of(question) == kind


@given(st.text(max_size=40))
def test_every_question_has_a_known_type(question):
    assert question_type_of(question) in QUESTION_TYPES
