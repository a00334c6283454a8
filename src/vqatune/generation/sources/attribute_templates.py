"""Questions for a field of the metadata by its name, in the languages of the files in `languages/`."""

from collections.abc import Iterable

from vqatune.generation.sources.language_files import language_codes, load_language
from vqatune.generation.sources.slots import ATTRIBUTES
from vqatune.generation.sources.template import TemplatePair
from vqatune.tables.hash_ranks import hash_rank

_OTHER_NAMES = {
    "fabric_type": "material",
    "finish_type": "finish",
    "item_name": "title",
    "item_shape": "shape",
    "product_type": "type",
}
"""The fields that ABO calls otherwise."""


GENERAL_ATTRIBUTES = (
    "type",
    "subject",
    "material",
    "shape",
    "pattern",
    "color",
    "style",
    "period",
    "place",
    "title",
)
"""The fields of a museum's metadata whose value a picture can show to some degree, which is what is asked by default.

Creator, collection, institution, language, rights, numbers and measures are not among them.
"""


def attribute_pairs(
    metadata: dict[str, list[str]], attributes: Iterable[str], image_id: str, seed: int, code: str
) -> list[TemplatePair]:
    """Return a pair for each of the attributes that the metadata has; its first value is the answer, as it stands.

    `metadata` maps fields to plain text values in the language of the code (one of `language_codes()`).
    """
    pairs = []
    for attribute in attributes:
        values = metadata.get(attribute)
        question = attribute_question(attribute, code, image_id, seed) if values else None
        if values and question:
            asked = ATTRIBUTES[_OTHER_NAMES.get(attribute, attribute)]
            pairs.append(TemplatePair(question, values[0], asked.difficulty, asked.question_type, attribute))
    return pairs


def attribute_question(attribute: str, language_code: str, key: str, seed: int) -> str | None:
    """Return a question for the value of a field, in one of its wordings, drawn by the hash of seed, field and key.

    `attribute` is a field of the metadata (slots.ATTRIBUTES, or what ABO calls it); `key` is what a question is drawn
    for, such as an image's id. None where the field has no wordings, or the language has no file.
    """
    attribute = _OTHER_NAMES.get(attribute, attribute)
    if attribute not in ATTRIBUTES or language_code not in language_codes():
        return None
    wordings = load_language(language_code).attributes[attribute]
    return wordings[hash_rank(seed, "attribute", attribute, key) % len(wordings)]
