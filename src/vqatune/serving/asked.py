"""What both forms of a request have in common: questions and choices within limits, and pictures in base64."""

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence

from vqatune.errors import DataError
from vqatune.inference.answering.answer import AskedQuestion, check_choices, check_question
from vqatune.serving.errors import RequestError
from vqatune.serving.limits import LONGEST_TEXT, MOST_CHOICES, Limits

_DATA_URL = re.compile(r"data:[^,]{0,200}?;base64,", re.IGNORECASE)
_NO_DATA_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}:", re.IGNORECASE)


def as_questions(
    texts: Sequence[str], choices: Sequence[str] | None, count: int | None, limits: Limits
) -> tuple[AskedQuestion, ...]:
    """Return questions that share their choices.

    Args:
        texts: the questions.
        choices: None for answers in the model's words.
        count: the most answers to each; None for one, or for all choices.
        limits: of the server.

    Raises RequestError where there are none or too many, or one is empty, too long or no Unicode.
    """
    if not texts:
        raise RequestError(400, "no question is asked: name one in questions", param="questions")
    if len(texts) > limits.questions:
        raise RequestError(
            400,
            f"{len(texts)} questions are more than {limits.questions}: send several requests",
            param="questions",
        )
    if choices is not None and len(choices) > MOST_CHOICES:
        raise RequestError(400, f"{len(choices)} choices are more than {MOST_CHOICES}", param="choices")
    for text in (*texts, *(choices or ())):
        if len(text) > LONGEST_TEXT:
            raise RequestError(400, f"a text has more than {LONGEST_TEXT} characters: shorten it")
    try:
        for text in texts:
            check_question(text)
    except DataError as error:
        raise RequestError(400, str(error), param="questions") from error
    try:
        if choices is not None:
            check_choices(choices)
    except DataError as error:
        raise RequestError(400, str(error), param="choices") from error
    closed = None if choices is None else tuple(choices)
    most = count or (1 if closed is None else len(closed))
    return tuple(AskedQuestion(text, closed, most) for text in texts)


def decode_picture(text: str, param: str) -> bytes:
    """Return the bytes of a picture in base64 or in a data: URL; raises RequestError, for addresses too."""
    start = _DATA_URL.match(text)
    if start is None and _NO_DATA_URL.match(text):
        raise RequestError(
            400,
            "pictures are not fetched: send the file itself, as a data: URL (data:image/jpeg;base64,…)",
            "picture_not_fetched",
            param,
        )
    try:
        picture = b64decode(text[start.end() :] if start else text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(400, f"the picture is no base64 ({error})", "picture_unreadable", param) from error
    if not picture:
        raise RequestError(400, "the picture is empty", "picture_unreadable", param)
    return picture
