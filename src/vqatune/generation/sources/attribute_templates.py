"""Questions for a field of the metadata by its name, in the languages of the files in `languages/`."""

from vqatune.generation.sources.language_files import language_codes, load_language
from vqatune.generation.sources.slots import ATTRIBUTES
from vqatune.tables.hash_ranks import hash_rank

_OTHER_NAMES = {
    "fabric_type": "material",
    "finish_type": "finish",
    "item_name": "title",
    "item_shape": "shape",
    "product_type": "type",
}
"""The fields that ABO calls otherwise."""


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
