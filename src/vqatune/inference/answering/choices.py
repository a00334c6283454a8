"""Closed lists of answers as users write them."""

import json
from typing import Any

from vqatune.errors import DataError
from vqatune.inference.answering.answer import check_choices


def parse_choices(text: str) -> list[str]:
    """Return choices that are separated by commas, or (where one has a comma in it) a JSON list of them.

    Raises DataError where there are fewer than two, or one is empty or there twice.
    """
    choices: Any = [choice.strip() for choice in text.split(",")]
    if text.lstrip().startswith("["):
        wrong = 'the choices start with [ but are no JSON list of texts: write ["one", "two"]'
        try:
            choices = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(wrong) from error
        if not all(isinstance(choice, str) for choice in choices):
            raise DataError(wrong)
    check_choices(choices)
    return choices
