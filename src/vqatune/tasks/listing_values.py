"""What a listing says in one of its languages."""

from vqatune.catalogue.listing_text import clean
from vqatune.generation.sources.language_files import code_of


def languages_of(record: dict) -> dict[str, str]:
    """Return the languages of a listing that have templates: code → the first of its tags in alphabetical order."""
    tags = {
        value["language_tag"]
        for values in record.values()
        if isinstance(values, list)
        for value in values
        if isinstance(value, dict) and isinstance(value.get("language_tag"), str)
    }
    found: dict[str, str] = {}
    for tag in sorted(tags):
        code = code_of(tag)
        if code is not None:
            found.setdefault(code, tag)
    return found


def values_in(record: dict, field: str, code: str) -> list[str]:
    """Return the texts of a field in the language of a code, or without a language; distinct, in the listing's order."""
    values = record.get(field)
    texts = []
    for value in values if isinstance(values, list) else [values]:
        tag = value.get("language_tag") if isinstance(value, dict) else None
        if tag is None or (isinstance(tag, str) and code_of(tag) == code):
            texts.append(clean(value))
    return list(dict.fromkeys(text for text in texts if text))


def metadata_in(record: dict, code: str) -> dict[str, list[str]]:
    """Return all fields of a listing in the language of a code: field → texts, as the templates read them."""
    found = {field: values_in(record, field, code) for field in record}
    return {field: texts for field, texts in found.items() if texts}
