"""Common names of the columns of images, questions and answers, and finding a column by them."""

import re
from collections.abc import Iterable, Sequence

_IMAGES = ("image", "img", "picture", "photo")

IMAGE_ID = [name + "id" for name in _IMAGES]
"""Names of a column with an image's id, as `plain` gives them, the likeliest first; so are those below."""

IMAGE_PATH = [
    *(name + part for part in ("", "path", "file", "filename", "name") for name in _IMAGES),
    *("path", "filepath", "filename", "file"),
    *(name + part for part in ("url", "uri", "link", "src") for name in _IMAGES),
    *("pictures", "images", "photos", "url"),
]
"""Of a column with an image's path, name or URL."""

QUESTION = ["question", "questions", "questiontext", "questionstr", "query", "prompt"]

ANSWER = [
    # VQA v2's most frequent answer, beside the answers of all annotators.
    "multiplechoiceanswer",
    *("answer", "answers", "groundtruth", "groundtruths", "gt", "goldanswer", "correctanswer", "gtanswer"),
    *("trueanswer", "referenceanswer", "expectedanswer", "label", "target", "response", "reference"),
]

DIFFICULTY = ["difficulty", "level"]

PAIR_LISTS = ("qa_pairs", "qa_data", "qas", "qa", "pairs")
"""Names of the list of an image's pairs in JSON."""


def plain(name: str) -> str:
    """Return a column's name without case, spaces, `_` and `-`."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def find_column(names: Sequence[str], known: Iterable[str]) -> str | None:
    """Return the first of the known names' columns, None where there is none of them."""
    there = {plain(name): name for name in reversed(names)}
    return next((there[name] for name in known if name in there), None)
