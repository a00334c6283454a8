"""Guessing the part that each column of a table plays, from common names and from what is in the cells.

Names are those of Shopify's, Google Merchant's and WooCommerce's exports, of Kaggle's product tables (styles.csv), of
Hugging Face's imagefolder, of WebDataset and of plain tables of questions. A guess is written into params.yaml by
`vqatune use`; no run guesses.
"""

import re
from collections.abc import Iterable

from vqatune.catalogue.sources.folder import FOLDER, PICTURE
from vqatune.catalogue.sources.guess_cells import are_tags, may_be_id, may_be_type, share_of_numbers
from vqatune.catalogue.sources.guess_fields import guess_fields
from vqatune.catalogue.sources.guess_names import ID, LANGUAGE, PAIR_PARTS, PARTS, POSITION, TYPE
from vqatune.catalogue.sources.guess_pictures import Finds, guess_pictures, names_in
from vqatune.catalogue.sources.tars import KEY
from vqatune.errors import DataError
from vqatune.params import ColumnsParams, PairColumnsParams
from vqatune.text_files.cells import Table
from vqatune.text_files.column_names import (
    ANSWER,
    DIFFICULTY,
    PAIR_LISTS,
    QUESTION,
    find_column,
    plain,
)

_QUESTION_TABLE = re.compile(r"question|answer|^qid$|difficulty|confidence|^qa|^pairs$|^conversations$")


def guess_pairs(table: Table, given: dict[str, str]) -> PairColumnsParams | None:
    """Return the columns of questions and answers, None where the table has none.

    `given`: part (question, answer, difficulty) → the column that the user names; "" for none.
    """
    names = list(table.columns)

    def chosen(part: str, known: list[str]) -> str | None:
        return given[part] or None if part in given else find_column(names, known)

    question, answer = chosen("question", QUESTION), chosen("answer", ANSWER)
    if question is None or answer is None or question == answer:
        return None
    return PairColumnsParams(question=question, answer=answer, difficulty=chosen("difficulty", DIFFICULTY))


def nested_pairs(table: Table) -> int:
    """Return how many pairs stand in lists of pairs, as JSON has them a record an image; 0 where there are none."""
    columns = [name for name in (*PAIR_LISTS, "conversations") if name in table.columns]
    lists = [cell for name in columns[:1] for cell in table.columns[name] if isinstance(cell, list)]
    return sum(map(len, lists)) // (2 if columns[:1] == ["conversations"] else 1)


def guess_columns(
    table: Table, pairs: PairColumnsParams | None, finds: Finds, given: dict[str, str]
) -> ColumnsParams:
    """Return the part that each column plays.

    Args:
        table: the cells.
        pairs: its columns of questions and answers, which play no other part.
        finds: whether there is a picture with this name.
        given: what the user says: part or field → column, and "" for none; `fields`: the only ones, with commas.

    Raises:
        DataError: there is no column of pictures, or a given one does not exist.
    """
    names = list(table.columns)
    _check_given(table, given)
    of_pairs = {column for column in pairs.model_dump().values() if column} if pairs else set()
    if pairs:
        of_pairs |= {name for name in names if _QUESTION_TABLE.search(plain(name))}
    taken = set(of_pairs) | {KEY}
    pictures, separator = guess_pictures(table, finds, given, taken)
    taken |= set(pictures)
    first = [next(iter(names_in(table, pictures, separator, row)), None) for row in range(len(table.numbers))]

    parts: dict[str, str | None] = {}
    for part, known, fits in (
        ("id", ID, lambda column: may_be_id(table.columns[column], first, bool(pairs))),
        ("position", POSITION, lambda column: share_of_numbers(table.columns[column]) > 0.9),
        ("language", LANGUAGE, lambda column: are_tags(table.columns[column])),
        ("type", [FOLDER, *TYPE], lambda column: may_be_type(table.columns[column], first)),
    ):
        if part in given:
            parts[part] = given[part] or None
        else:
            free = [name for name in names if name not in taken]
            parts[part] = next((name for name in _known(free, known) if fits(name)), None)
        if parts[part]:
            taken.add(str(parts[part]))
    if parts["id"] is None and pairs is None and KEY in names and "id" not in given:
        parts["id"] = KEY
    if "position" not in given and parts["id"] is None:
        parts["position"] = None
    # An id that is the picture's name as well says nothing new.
    fields = guess_fields(table, given, taken | ({FOLDER} if FOLDER in names else set()))
    return ColumnsParams(pictures=pictures, separator=separator, fields=fields, **parts)


def _check_given(table: Table, given: dict[str, str]) -> None:
    for part, text in given.items():
        if part == "separator":
            continue
        for column in (
            text.split(",") if part in ("pictures", "fields") and text not in table.columns else [text]
        ):
            if column and column not in table.columns:
                raise DataError(
                    f"{table.path} has no column {column!r} (--set {part}={text}); it has: {', '.join(table.columns)}"
                )


def _known(names: list[str], known: list[str]) -> list[str]:
    there = {plain(name): name for name in reversed(names)}
    return [there[name] for name in known if name in there]


def corrections(texts: Iterable[str]) -> dict[str, str]:
    """Return part or field → column of what the user sets, `image=COLUMN` each; raises DataError where one is not so."""
    other = {"image": "pictures", "images": "pictures", "picture": "pictures", PICTURE: "pictures"}
    given = {}
    for text in texts:
        part, sign, column = text.partition("=")
        if not sign or not part:
            raise DataError(
                f"--set {text}: write PART=COLUMN, such as image=photo; the parts are image, {', '.join(PARTS[1:])}, "
                f"{', '.join(PAIR_PARTS)}, fields, and fields of the metadata such as color"
            )
        part = part.strip()
        given[other.get(part, part)] = column
    return given
