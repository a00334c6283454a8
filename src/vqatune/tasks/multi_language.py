"""The task multi_language: the same question in every language of the listing, to be answered in that language."""

from collections.abc import Iterator

import pandas as pd

from vqatune.generation.sources.attribute_templates import attribute_question
from vqatune.generation.sources.language_files import ENGLISH, Language, load_language
from vqatune.generation.sources.slots import ATTRIBUTES, SLOTS
from vqatune.generation.sources.visible import visible
from vqatune.tables.hash_ranks import hash_rank
from vqatune.tasks.inputs import TaskInputs, task_pairs
from vqatune.tasks.listing_values import languages_of, metadata_in, values_in

ASKED = ("object", "color", "pattern", "shape", "material", "style", "finish", "function")
"""The slots of the templates that ask for a word."""
FIELDS = ("type", "subject", "material", "technique", "shape", "pattern", "color", "period", "place", "title")
"""What a museum's object is asked for."""


def multi_language(inputs: TaskInputs) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the pairs of the task (tables.TASKS), and counts of what is left out.

    Of every picture of the test set whose listing has English and another language with templates, what both say of the
    same thing is asked in each: of products what the templates read in every language as the same (Red, Rot), of a museum's
    objects the first value of each attribute. `group` is shared by the languages. A question that only one of the
    languages has is left out.
    """
    pictures = inputs.test.drop_duplicates("image_id")
    rows = [
        (row.image_id, row.item_id, row.product_type, *asked)
        for row in pictures.itertuples(index=False)
        for asked in _asked(inputs.records[row.item_id], row.product_type, row.image_id, inputs.seed)
    ]
    names = ["image_id", "item_id", "product_type"]
    names += ["thing", "question", "answer", "difficulty", "question_type", "attribute", "language", "code"]
    pairs = pd.DataFrame(rows, columns=names)
    group = [
        f"{hash_rank(0, image, thing):016x}"
        for image, thing in zip(pairs["image_id"], pairs["thing"], strict=True)
    ]
    pairs = pairs.assign(group=pd.Series(group, index=pairs.index, dtype="str"), generator="template")
    languages = pairs.groupby("group")["code"].agg(set)
    both = [group for group, codes in languages.items() if ENGLISH in codes and len(codes) > 1]
    chosen = pairs[pairs["group"].isin(inputs.first("multi_language", both))]
    return task_pairs(chosen, "multi_language"), {"in_one_language": int((~languages.index.isin(both)).sum())}


def _asked(record: dict, product_type: str, image_id: str, seed: int) -> Iterator[tuple]:
    """Yield thing, question, answer, difficulty, question type, attribute, language tag and code."""
    for code, tag in languages_of(record).items():
        language = load_language(code)
        seen = visible(metadata_in(record, code), product_type, code)
        meanings = {slot: seen.noun if slot == "object" else getattr(seen, slot) for slot in ASKED}
        for slot, meaning in meanings.items():
            answer = _answer(language, slot, meaning)
            if answer is None:
                continue
            wordings = language.questions[slot]
            wording = wordings[hash_rank(seed, "wording", image_id, slot) % len(wordings)]
            kind = SLOTS[slot].question_type
            question = wording.format(thing=language.thing)
            yield f"{slot} {meaning}", question, answer, SLOTS[slot].difficulty, kind, kind, tag, code
        for field in FIELDS:
            value = next(iter(values_in(record, field, code)), None)
            question = attribute_question(field, code, image_id, seed)
            if value and question and meanings.get(field) is None:
                kind = ATTRIBUTES[field]
                yield field, question, value, kind.difficulty, kind.question_type, field, tag, code


def _answer(language: Language, slot: str, meaning: str | None) -> str | None:
    """Return a meaning as an answer in a language, None where it has no word for it."""
    if meaning is None:
        return None
    if slot == "object":
        if language.nouns is None:
            return meaning
        noun = language.nouns.get(meaning)
        return noun.name if noun else None
    word = language.words[slot].get(meaning)
    return word.answer if word else None
