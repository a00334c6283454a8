"""Questions for a field of the metadata: in every language, by a hash of what they are drawn for."""

import pytest

from vqatune.generation.checks.cleaning import fold
from vqatune.generation.checks.language import in_another_language, is_question
from vqatune.generation.sources.attribute_templates import attribute_pairs, attribute_question
from vqatune.generation.sources.language_files import language_codes, load_language
from vqatune.generation.sources.slots import ATTRIBUTES

KEYS = [str(number) for number in range(60)]


@pytest.mark.parametrize("code", language_codes())
def test_every_field_is_asked_for_in_all_its_wordings_and_in_the_language(code):
    asked = {}
    for attribute in ATTRIBUTES:
        questions = {attribute_question(attribute, code, key, 1) for key in KEYS}
        assert questions == set(load_language(code).attributes[attribute])
        assert len(questions) > 1
        asked[attribute] = questions
    every = [question for questions in asked.values() for question in questions]
    assert len(set(every)) == len(every)
    for question in every:
        assert is_question(question, fold(question), code) and not in_another_language(fold(question), code)


def test_the_wording_depends_on_the_seed_and_the_key_alone():
    one = [attribute_question("creator", "en", key, 1) for key in KEYS]
    assert one == [attribute_question("creator", "en", key, 1) for key in KEYS]
    assert one != [attribute_question("creator", "en", key, 2) for key in KEYS]


def test_what_abo_calls_a_field_is_known_and_other_names_are_not():
    assert attribute_question("item_shape", "de", "a", 1) == attribute_question("shape", "de", "a", 1)
    assert attribute_question("bullet_point", "en", "a", 1) is None
    assert attribute_question("creator", "xx", "a", 1) is None


def test_a_pair_asks_for_each_attribute_that_the_metadata_has_and_keeps_its_words():
    metadata = {"material": ["Öl auf Leinwand", "Holz"], "creator": ["Greta Novak"], "place": []}
    pairs = attribute_pairs(metadata, ["type", "material", "place"], "image", 1, "de")
    [pair] = pairs
    assert (pair.answer, pair.attribute, pair.question_type) == ("Öl auf Leinwand", "material", "material")
    assert pair.question in load_language("de").attributes["material"]
