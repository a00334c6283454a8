"""Short answers of sentences: "The color is red." becomes "red", by one rule for all models.

References are a word or two, and some models answer in a sentence however they are asked. The rule is English:

1. Only the first line counts, and of it the first sentence; quotation marks around it and the full stop are dropped.
2. A sentence that begins with yes or no, followed by a comma, a pronoun or nothing, is yes or no.
3. A beginning such as "The answer is", "The color of the bag is", "It is", "There are", "This appears to be" is dropped,
   and after it "made of" and an article.

What is no sentence stays as it is: "a red bag", "the left one".
"""

import re

import pandas as pd

WHOLE, SHORT = "whole", "short"
"""As the model gave them; cut by `short_answer`."""
_QUOTES = "\"'“”‘’`"
_SUBJECT = r"(?:the|this|that|these|those|it|its|they|their|there|a|an|answer|he|she)"
_VERB = r"(?:is|are|was|were|has|have|shows?|(?:appears|seems|appear|seem)(?: to be)?|looks? like)"
_FRAMES = (
    re.compile(r"^(?:the |my )?(?:short )?answer:\s*(.+)$", re.IGNORECASE),
    re.compile(r"^(?:it|that|there|this|what)['’]s\s+(.+)$", re.IGNORECASE),
    re.compile(r"^(?:they|these|those)['’]re\s+(.+)$", re.IGNORECASE),
    re.compile(rf"^{_SUBJECT}\b[^.,;:?!]{{0,60}}?\b{_VERB}\s+(.+)$", re.IGNORECASE),
)
_PRONOUN = r"(?:it|they|there|this|that|these|those|the|he|she|i|we|you)\b"
_YES_NO = re.compile(rf"^(yes|no)(?:$|\s*[,;:–—].*|\s+-\s.*|[.!]?\s+{_PRONOUN}.*)$", re.IGNORECASE)
_AFTER_FRAME = re.compile(r"^(?:made (?:out )?(?:of|from)\s+)?(?:(?:a|an|the)\s+)?(?=\S)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?=\s+\S)")


def short_answer(text: str) -> str:
    """Return the short answer in a model's text; a text that is no sentence is returned as it is, and never an empty one."""
    answer = text
    while True:
        shorter = _shortened(answer)
        if shorter == answer:
            return answer
        answer = shorter


def with_short_answers(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return predictions with their short answers."""
    codes, distinct = pd.factorize(predictions["prediction"])
    short = pd.Series([short_answer(text) for text in distinct], dtype="str")
    return predictions.assign(prediction=short.take(codes).set_axis(predictions.index))


def _shortened(text: str) -> str:
    answer = next((line.strip() for line in text.splitlines() if line.strip()), "")
    end = _SENTENCE_END.search(answer)
    if end and len(answer[: end.start()].split()) > 1:
        # One word and a full stop may be an abbreviation: "approx. 3 cm".
        answer = answer[: end.start()]
    answer = _bare(answer)
    if found := _YES_NO.match(answer):
        return found[1]
    for frame in _FRAMES:
        if (found := frame.match(answer)) and (rest := _bare(_AFTER_FRAME.sub("", found[1], count=1))):
            return rest
    return answer or text


def _bare(answer: str) -> str:
    """Return an answer without quotation marks around it and the full stop behind it."""
    if len(answer) > 1 and answer[0] in _QUOTES and answer.rstrip(".!")[-1:] in _QUOTES:
        answer = answer.rstrip(".!")[1:-1].strip()
    if answer.endswith((".", "!")) and not answer.endswith("..") and len(answer) > 1:
        answer = answer[:-1].rstrip()
    return answer
