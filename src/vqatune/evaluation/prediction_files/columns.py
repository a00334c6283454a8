"""The roles of a file's columns: as the user names them, or guessed from common names."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from vqatune.errors import DataError

PREDICTION, REFERENCES, DIFFICULTY, IMAGE_ID = ROLES = ("prediction", "references", "difficulty", "image_id")
"""The roles that a column can have, which are also the columns' names in the frame."""

OPTIONS = {
    PREDICTION: "--prediction",
    REFERENCES: "--reference",
    DIFFICULTY: "--difficulty",
    IMAGE_ID: "--image",
}
"""The command's options that name the columns."""

# In _plain's form; a name of an earlier line is preferred to those of later lines.
_NAMES: dict[str, list[str]] = {
    PREDICTION: [
        "prediction",
        (
            "predictions predicted pred preds predictedanswer predictionanswer predanswer answerpred "
            "answerpredicted modelanswer modelprediction modeloutput modelresponse output response hypothesis "
            "generated generatedanswer generatedtext"
        ),
        # Of lmms-eval: what its filters made of the responses, and the responses.
        "filteredresps",
        "resps",
    ],
    REFERENCES: [
        "references reference",
        # Before `answer`, which may be the most frequent of them.
        "answers",
        (
            "answer groundtruth groundtruths gt gold goldanswer label target correctanswer trueanswer "
            "referenceanswer gtanswer expected expectedanswer"
        ),
    ],
    DIFFICULTY: ["difficulty", "level"],
    IMAGE_ID: [
        *(
            name + part
            for part in ("id", "", "path", "name", "file", "filename", "url", "uri")
            for name in ("image", "img", "photo", "picture")
        ),
        "filename",
        "file",
    ],
}

_ANSWERS = ["answer", "answers text result"]
"""What a prediction is called in files that have no references beside it, after the names above."""

_IDS = ["questionid", "qid", "qaid", "id", "index", "docid", "sampleid", "uid", "key"]
"""Names of the column that tells which pair a row is of, in _plain's form."""

_QUESTIONS = ["question", "questiontext", "questionstr", "query", "prompt"]
"""Names of the column of questions, in _plain's form."""

_Candidate = tuple[str, tuple[str, ...]]
"""A name in _plain's form, and its columns."""

_SHOWN_COLUMNS, _SHOWN_CHARACTERS = 20, 40


@dataclass(frozen=True)
class Columns:
    """The columns that the user names; what is None, or empty references, is guessed from common names.

    references: one column, of text or of JSON lists of texts, or several columns with a reference each. A
    difficulty or image_id of "" says that the file has none, whatever its columns are called.
    """

    prediction: str | None = None
    references: tuple[str, ...] = ()
    difficulty: str | None = None
    image_id: str | None = None


def choose_columns(names: Sequence[str], columns: Columns, where: str) -> dict[str, tuple[str, ...]]:
    """Return role → its columns of those called `names`: the ones given, for other roles those of common names.

    A name is common whatever its case, and with or without spaces, `_` and `-`. Columns called like a reference
    with a number after it (answer_1, answer_2) are several references. No column has two roles; difficulty and
    image_id are absent where there is none. `where` names the file in errors.

    Raises DataError where a given column is not there or is given twice, where no column or several of equal
    standing may be the prediction or the references, or where names differ in no more than how they are written.
    """
    chosen = _given(names, columns, where)
    taken = {name for given in chosen.values() for name in given}
    free = [name for name in names if name not in taken]
    without = {DIFFICULTY: columns.difficulty == "", IMAGE_ID: columns.image_id == ""}
    for role in ROLES:
        if role not in chosen and not without.get(role):
            chosen[role] = _guess(free, role, names, where)
    return {role: chosen[role] for role in ROLES if chosen.get(role)}


def choose_answers(names: Sequence[str], columns: Columns, where: str) -> str:
    """Return the column of predictions of a file that has no references, where `answer` may be the prediction's name.

    Raises DataError as choose_columns.
    """
    alone = Columns(columns.prediction)
    if columns.prediction:
        return _given(names, alone, where)[PREDICTION][0]
    return _guess(names, PREDICTION, names, where, [*_NAMES[PREDICTION], *_ANSWERS])[0]


def choose_references(names: Sequence[str], columns: Columns, where: str) -> tuple[str, ...]:
    """Return the columns of references of a file that has no predictions. Raises DataError as choose_columns."""
    if columns.references:
        return _given(names, Columns(references=columns.references), where)[REFERENCES]
    return _guess(names, REFERENCES, names, where)


def common_ids(files: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Return the columns of ids that files may be joined by, each file's, the likeliest first.

    These have the same name in all files or, after them, the first that is known in each. Images come last: they are
    ids where each has one question.
    """
    plain = [{_plain(name): name for name in reversed(names)} for names in files]
    images = [name for line in _NAMES[IMAGE_ID] for name in line.split()]
    shared = [
        tuple(names[known] for names in plain) for known in _IDS if all(known in names for names in plain)
    ]
    first = [next((names[known] for known in _IDS if known in names), None) for names in plain]
    different = [tuple(name for name in first if name is not None)] if None not in first else []
    shared_images = [
        tuple(names[known] for names in plain) for known in images if all(known in names for names in plain)
    ]
    return list(dict.fromkeys([*shared, *different, *shared_images]))


def question_column(names: Sequence[str]) -> str | None:
    """Return the column of questions by its common names, or None where there is none."""
    plain = {_plain(name): name for name in reversed(names)}
    return next((plain[known] for known in _QUESTIONS if known in plain), None)


def _given(names: Sequence[str], columns: Columns, where: str) -> dict[str, tuple[str, ...]]:
    one = {PREDICTION: columns.prediction, DIFFICULTY: columns.difficulty, IMAGE_ID: columns.image_id}
    given: dict[str, tuple[str, ...]] = {role: (name,) for role, name in one.items() if name}
    if columns.references:
        given[REFERENCES] = columns.references
    seen: dict[str, str] = {}
    for role, chosen in given.items():
        for name in chosen:
            if name not in names:
                raise DataError(f"{where} has no column {name!r} ({OPTIONS[role]}); {_nearest(name, names)}")
            if name in seen:
                raise DataError(
                    f"{where}: column {name!r} is given as {OPTIONS[seen[name]]} and as {OPTIONS[role]}: "
                    "a column can be one thing only"
                )
            seen[name] = role
    return given


def _nearest(name: str, names: Sequence[str]) -> str:
    plain = {_plain(known): known for known in names}
    close = difflib.get_close_matches(_plain(name), plain, n=1)
    return f"did you mean {plain[close[0]]!r}?" if close else f"its columns: {listed(names)}"


def _guess(
    free: Sequence[str], role: str, names: Sequence[str], where: str, lines: Sequence[str] | None = None
) -> tuple[str, ...]:
    candidates: list[tuple[str, tuple[str, ...]]] = [(_plain(name), (name,)) for name in free]
    if role == REFERENCES:
        candidates = _with_numbered(candidates, set(" ".join(_NAMES[role]).split()))
    for line in map(str.split, lines or _NAMES[role]):
        found = [columns for name, columns in candidates if name in line]
        if len(found) == 1:
            return found[0]
        if found:
            either = " and ".join(", ".join(map(repr, columns)) for columns in found)
            raise DataError(
                f"{where}: {either} may each be the {role}: choose with {OPTIONS[role]} NAME "
                f"(its columns: {listed(names)})"
            )
    if role in (DIFFICULTY, IMAGE_ID):
        return ()
    elsewhere = "; references in a file of their own go with --references FILE" if lines is None else ""
    raise DataError(
        f"{where} has no column known to be the {role}: say which with {OPTIONS[role]} NAME "
        f"(its columns: {listed(names)}){elsewhere}"
    )


def _with_numbered(candidates: list[_Candidate], known: set[str]) -> list[_Candidate]:
    """Return the candidates, those of a known name with a number as one of that name, in the numbers' order."""
    others: list[_Candidate] = []
    numbered: dict[str, list[tuple[int, str]]] = {}
    for plain, (name,) in candidates:
        match = re.fullmatch(r"(.*?)([0-9]{1,6})", plain, re.DOTALL)
        if match and match[1] in known:
            numbered.setdefault(match[1], []).append((int(match[2]), name))
        else:
            others.append((plain, (name,)))
    for plain, group in numbered.items():
        others.append((plain, tuple(name for _, name in sorted(group, key=itemgetter(0)))))
    return others


def listed(names: Sequence[str]) -> str:
    """Return the names of columns for an error, the first of them where they are many."""
    shown = list(map(shortened, names[:_SHOWN_COLUMNS]))
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def shortened(text: str) -> str:
    """Return a name or a cell on one line, and cut where it is long, for an error."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()
