"""The recorded provider: existing question-answer pairs from JSON or a table."""

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.checks.checks import DIFFICULTIES, QUESTION_TYPES
from vqatune.loading.tar_headers import tar_members
from vqatune.params import PairColumnsParams
from vqatune.runtime.progress import track
from vqatune.runtime.regular_files import check_regular, open_regular
from vqatune.text_files.cells import Table
from vqatune.text_files.column_names import (
    ANSWER,
    DIFFICULTY,
    IMAGE_ID,
    IMAGE_PATH,
    PAIR_LISTS,
    QUESTION,
    find_column,
)
from vqatune.text_files.formats import read_cells

Row = tuple[str | None, str | None, int, str, str, int | None, str | None, str | None, str | None]
"""The values of _columns."""

_LARGEST_MEMBER = 2**26
"""Bytes of the pairs of an image in a tar."""

_columns = {
    "image_id": "str",
    "path": "str",
    "place": "int32",
    "question": "str",
    "answer": "str",
    "difficulty": "Int8",
    "question_type": "str",
    "attribute": "str",
    "source": "str",
}


def read_recorded(path: Path | str, columns: PairColumnsParams | None = None) -> pd.DataFrame:
    """Read recorded pairs, a row per pair, in the order of the file.

    `path` is one of

    - JSON with the pairs of each image, `{"image_id"?, "image_path"?, "qa_pairs": [{"question", "answer", "difficulty"?,
      "question_type"?, "attribute"?, "source"?}]}`: one an image in a line of `.jsonl[.gz]`, in a list or under a name in `.json`, or
      in a file of a folder or tar (`.tar`, `.tar.gz`, `.tgz`). Pairs may also be called qa_data, qas, qa or pairs, or be
      LLaVA's conversations;
    - a table with a row per pair, in any format that text_files.formats reads, with an image's id or path, question,
      answer, and optionally difficulty, question_type, attribute and source. Columns that are not given are the first of common
      names (text_files.column_names), whatever their case; of several answers in a cell the most frequent counts.

    Columns: image_id and path (str, one of them may be missing; several pictures are as the cell names them, those of a
    list as JSON), place (int32: the pair's place in its image's
    list, 0 throughout a table), question and answer (str, unchanged), difficulty (Int8, missing where
    none was given, -1 for an invalid one), question_type, attribute and source (str, may be missing).

    Raises DataError or ArchiveError where the file is missing, damaged or of another kind, or a part does not parse or lacks
    a column; the message names the file and the line.
    """
    path = Path(path)
    try:
        if not path.is_dir():
            check_regular(path)
        rows = list(track(_rows(path, columns), "reading recorded pairs"))
    except FileNotFoundError as error:
        raise DataError(
            f"{error.filename} does not exist, or is a link to nothing: set generate.path to the recorded pairs"
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged or cut off ({error}): put a whole one in its place") from error
    except OSError as error:
        raise DataError(
            f"{error.filename or path} cannot be read ({error.strerror or error}): mend or remove it"
        ) from error
    return pd.DataFrame(rows, columns=list(_columns)).astype(_columns)


def _rows(path: Path, columns: PairColumnsParams | None) -> Iterator[Row]:
    name = path.name.lower()
    if path.is_dir():
        return _folder_rows(path)
    if name.endswith((".tar", ".tar.gz", ".tgz")):
        return _tar_rows(path)
    if name.endswith((".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")):
        return _lines_rows(path, columns)
    if name.endswith((".json", ".json.gz")):
        return _json_rows(path, columns)
    return _table_rows(read_cells(path), columns)


def _lines_rows(path: Path, columns: PairColumnsParams | None) -> Iterator[Row]:
    with _open(path) as lines:
        first = next((line for line in lines if line.strip()), b"")
    try:
        record = json.loads(first)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict) and _pairs_of(record) is None and find_column(list(record), QUESTION):
        yield from _table_rows(read_cells(path), columns)
        return
    with _open(path) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield from _text_rows(line, f"{path}:{number}")


def _json_rows(path: Path, columns: PairColumnsParams | None) -> Iterator[Row]:
    with _open(path) as file:
        content = _decoded(file.read(), str(path))
    if isinstance(content, dict) and _pairs_of(content) is not None:
        yield from _record_rows(content, str(path))
        return
    named = list(content.items()) if isinstance(content, dict) else []
    if len(named) == 1 and isinstance(named[0][1], list):
        content, named = named[0][1], []
    records = [value for _, value in named] if named else content
    if not isinstance(records, list) or not any(map(_has_pairs, records)):
        # A table, or none at all.
        yield from _table_rows(read_cells(path), columns)
        return
    for number, record in enumerate(records, 1):
        if named and isinstance(record, dict) and not any(_image_of(record)):
            record = record | {"image_path": named[number - 1][0]}
        yield from _record_rows(record, f"{path}, record {number}")


def _table_rows(table: Table, given: PairColumnsParams | None) -> Iterator[Row]:
    names = list(table.columns)
    given = given or PairColumnsParams()
    wanted = [given.image, given.question, given.answer, given.difficulty]
    lacking = [repr(name) for name in wanted if name is not None and name not in names]
    if given.image is not None:
        image_id, image_path = (None, given.image)
    else:
        image_id, image_path = find_column(names, IMAGE_ID), find_column(names, IMAGE_PATH)
    question = given.question or find_column(names, QUESTION)
    answer = given.answer or find_column(names, ANSWER)
    lacking += [
        what
        for what, column in (
            ("image_id (or path)", image_id or image_path),
            ("question", question),
            ("answer", answer),
        )
        if column is None
    ]
    if lacking:
        raise DataError(
            f"{table.path} lacks the column(s) {', '.join(lacking)}; it has: {', '.join(names)}: name them in "
            "generate.columns"
        )
    others = {
        "difficulty": given.difficulty or find_column(names, DIFFICULTY),
        "question_type": find_column(names, ["questiontype"]),
        "attribute": find_column(names, ["attribute"]),
        "source": find_column(names, ["source"]),
    }
    for row in range(len(table.numbers)):
        cells = {name: table.columns[column][row] for name, column in others.items() if column is not None}
        cells |= {"question": table.columns[question][row], "answer": _one(table.columns[answer][row])}
        image = [
            None if column is None else _path_in(table.columns[column][row])
            for column in (image_id, image_path)
        ]
        if not any(image):
            raise DataError(f"{table.at(row)} names no image")
        yield _row(*image, 0, cells, table.at(row))


def _path_in(cell: Any) -> Any:
    """Return the name of the picture that a cell says, the list of several."""
    if isinstance(cell, list):
        names = [name for each in cell if (name := _path_in(each))]
        return names if len(names) > 1 else names[0] if names else None
    # Hugging Face's form of a picture.
    return cell.get("path") if isinstance(cell, dict) else cell


def _one(cell: Any) -> Any:
    """Return an answer; of several the most frequent, of these the first."""
    if isinstance(cell, list):
        answers = [_text(each.get("answer") if isinstance(each, dict) else each) for each in cell]
        return Counter(answers).most_common(1)[0][0] if answers else ""
    return cell


def _folder_rows(folder: Path) -> Iterator[Row]:
    paths = sorted(
        path for path in folder.rglob("*.json") if not (path.name.startswith(".") or path.is_dir())
    )
    if not paths:
        raise DataError(f"{folder} holds no .json file")
    for path in paths:
        with open_regular(path) as file:
            content = file.read()
        yield from _text_rows(content, str(path))


def _tar_rows(path: Path) -> Iterator[Row]:
    count = 0
    with _open(path) as archive:
        size = None if isinstance(archive, gzip.GzipFile) else path.stat().st_size
        for member in tar_members(archive, path, size):
            name = member.name.rpartition("/")[2]
            if member.isfile() and name.endswith(".json") and not name.startswith("."):
                count += 1
                where = f"{path}:{member.name}"
                if member.size > _LARGEST_MEMBER:
                    raise DataError(
                        f"{where} has more than {_LARGEST_MEMBER:,} bytes: the pairs of one image belong there"
                    )
                archive.seek(member.offset_data)
                content = archive.read(member.size)
                if len(content) < member.size:
                    raise DataError(f"{path} is cut off within {member.name}: put a whole one in its place")
                yield from _text_rows(content, where)
    if not count:
        raise DataError(f"{path} holds no .json file")


def _text_rows(text: bytes, where: str) -> Iterator[Row]:
    return _record_rows(_decoded(text, where), where)


def _decoded(text: bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON ({error}): mend or remove it") from error


def _record_rows(record: Any, where: str) -> Iterator[Row]:
    pairs = _pairs_of(record) if isinstance(record, dict) else None
    if pairs is None:
        raise DataError(f'{where}: an object with a list "qa_pairs" belongs here')
    image_id, image_path = _image_of(record)
    if not (image_id or image_path):
        raise DataError(f'{where}: neither "image_id" nor "image_path" says which image the pairs are about')
    for place, pair in enumerate(pairs):
        if not isinstance(pair, dict) or not {"question", "answer"} <= pair.keys():
            raise DataError(f'{where}: pair {place + 1} is not an object with "question" and "answer"')
        yield _row(image_id, image_path, place, pair, f"{where}: pair {place + 1}")


def _has_pairs(record: Any) -> bool:
    return isinstance(record, dict) and _pairs_of(record) is not None


def _pairs_of(record: dict[str, Any]) -> list[Any] | None:
    """Return the list of a record's pairs, None where it has none."""
    for name in PAIR_LISTS:
        if isinstance(record.get(name), list):
            return record[name]
    turns = record.get("conversations")
    if isinstance(turns, list) and all(isinstance(turn, dict) and "value" in turn for turn in turns):
        texts = [str(turn["value"]).replace("<image>", "").strip() for turn in turns]
        return [
            {"question": question, "answer": answer}
            for question, answer in zip(texts[::2], texts[1::2], strict=False)
        ]
    return None


def _image_of(record: dict[str, Any]) -> tuple[Any, Any]:
    """Return a record's image_id and path, either of which may be missing."""
    names = list(record)
    columns = find_column(names, IMAGE_ID), find_column(names, IMAGE_PATH)
    image_id, image_path = (None if column is None else record[column] for column in columns)
    return image_id, image_path


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.name.lower().endswith((".gz", ".tgz")) else path.open("rb")


def _row(image_id: Any, image_path: Any, place: int, pair: dict[str, Any], where: str) -> Row:
    kind = pair.get("question_type")
    try:
        return (
            _text(image_id) or None,
            _text(image_path) or None,
            place,
            _text(pair["question"]),
            _text(pair["answer"]),
            _difficulty(pair.get("difficulty")),
            kind if isinstance(kind, str) and kind in QUESTION_TYPES else None,
            _text(pair.get("attribute")).strip().lower() or None,
            _text(pair.get("source")) or None,
        )
    except RecursionError as error:
        raise DataError(
            f"{where} holds lists in too many lists: write its question and answer as texts"
        ) from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    # A JSON escape can hold a lone surrogate, which UTF-8 cannot.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _difficulty(value: Any) -> int | None:
    if value is None or value == "":
        return None
    text = str(value).strip().removesuffix(".0")
    return int(text) if text in map(str, DIFFICULTIES) else -1
