"""The recorded provider: existing question-answer pairs from JSON Lines, a folder or tar of JSON files, or CSV."""

import gzip
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.checks.checks import DIFFICULTIES, QUESTION_TYPES
from vqatune.runtime.progress import track
from vqatune.text_files.delimited import RowError, WidthError, parse_rows

Row = tuple[str | None, str | None, int, dict[str, Any]]

_columns = {
    "image_id": "str",
    "path": "str",
    "place": "int32",
    "question": "str",
    "answer": "str",
    "difficulty": "Int8",
    "question_type": "str",
    "source": "str",
}


def read_recorded(path: Path | str) -> pd.DataFrame:
    """Read recorded pairs, a row per pair, in the order of the file.

    `path` is one of

    - `.jsonl`, `.jsonl.gz`: a line per image, `{"image_id"?, "image_path"?, "qa_pairs": [{"question", "answer",
      "difficulty"?, "question_type"?, "source"?}]}`;
    - a folder, or a tar (`.tar`, `.tar.gz`, `.tgz`), of one such `.json` file per image;
    - `.csv`, `.csv.gz`: a row per pair, with image_id or path (or image_path), question, answer, and optionally
      difficulty, question_type and source.

    Columns: image_id and path (str, one of them may be missing), place (int32: the pair's place in its image's
    list, 0 throughout a CSV), question and answer (str, unchanged), difficulty (Int8, missing where
    none was given, -1 for an invalid one), question_type and source (str, may be missing).

    Raises DataError where the file is missing, damaged or of another kind, or a part of it does not parse or lacks
    a column; the message names the file and the line.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path} does not exist: set generate.path to the recorded pairs")
    try:
        rows = [_row(*row) for row in track(_rows(path), "reading recorded pairs")]
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise DataError(f"{path} is damaged or cut off ({error}): get it again") from error
    return pd.DataFrame(rows, columns=list(_columns)).astype(_columns)


def match_images(pairs: pd.DataFrame, images: pd.DataFrame) -> pd.Series:
    r"""Return the image_id of each recorded pair's image among `images`, missing where it is not among them.

    An image is matched by its image_id, or else by the last two parts of its path, so that `images/small/00/ab.jpg`,
    `00/ab.jpg` and `C:\abo\00\ab.jpg` are the same. `pairs` has image_id and path, as read_recorded returns them;
    `images` has both, complete. The result has the index of `pairs`.

    Raises DataError where no pair's image is among them, or a path matches two of them.
    """
    found = pairs["image_id"].where(pairs["image_id"].isin(images["image_id"]))
    keys = pairs["path"].map(_path_key, na_action="ignore").where(found.isna())
    known = pd.Series(images["image_id"].to_numpy(), index=images["path"].map(_path_key))
    ambiguous = known.index[known.index.duplicated()].intersection(keys.dropna().unique())
    if len(ambiguous):
        raise DataError(f"the path {min(ambiguous)} fits several images: give the recorded pairs an image_id")
    found = found.fillna(keys.map(known[~known.index.duplicated()]))
    if found.isna().all():
        raise DataError(
            f"none of the {len(pairs)} recorded pairs is about an image of the sample: they speak of "
            f"{_examples(pairs['image_id'].fillna(pairs['path']))}; the sample has {_examples(images['image_id'])}, "
            f"at {_examples(images['path'])}"
        )
    return found.astype("str")


def _rows(path: Path) -> Iterator[Row]:
    name = path.name.lower()
    if path.is_dir():
        return _folder_rows(path)
    if name.endswith((".jsonl", ".jsonl.gz")):
        return _lines_rows(path)
    if name.endswith((".csv", ".csv.gz")):
        return _csv_rows(path)
    if name.endswith((".tar", ".tar.gz", ".tgz")):
        return _tar_rows(path)
    raise DataError(
        f"{path}: recorded pairs are a .jsonl[.gz], a .csv[.gz], a .tar[.gz] or a folder of .json files"
    )


def _lines_rows(path: Path) -> Iterator[Row]:
    with _open(path) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield from _record_rows(line, f"{path}:{number}")


def _folder_rows(folder: Path) -> Iterator[Row]:
    paths = sorted(path for path in folder.rglob("*.json") if not path.name.startswith("."))
    if not paths:
        raise DataError(f"{folder} holds no .json file")
    for path in paths:
        yield from _record_rows(path.read_bytes(), str(path))


def _tar_rows(path: Path) -> Iterator[Row]:
    count = 0
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            if member.isfile() and name.endswith(".json") and not name.startswith("."):
                count += 1
                content = archive.extractfile(member)
                assert content is not None  # a regular file always has one
                yield from _record_rows(content.read(), f"{path}:{member.name}")
    if not count:
        raise DataError(f"{path} holds no .json file")


def _record_rows(text: bytes, where: str) -> Iterator[Row]:
    try:
        record = json.loads(text)
    except ValueError as error:
        raise DataError(f"{where} is not JSON ({error}): mend or remove it") from error
    if not isinstance(record, dict) or not isinstance(record.get("qa_pairs"), list):
        raise DataError(f'{where}: an object with a list "qa_pairs" belongs here')
    image_id, image_path = record.get("image_id"), record.get("image_path", record.get("path"))
    if not (image_id or image_path):
        raise DataError(f'{where}: neither "image_id" nor "image_path" says which image the pairs are about')
    for place, pair in enumerate(record["qa_pairs"]):
        if not isinstance(pair, dict) or not {"question", "answer"} <= pair.keys():
            raise DataError(f'{where}: pair {place + 1} is not an object with "question" and "answer"')
        yield image_id, image_path, place, pair


def _csv_rows(path: Path) -> Iterator[Row]:
    with _open(path) as binary, io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
        try:
            rows = parse_rows(path, text)
            _, header = next(rows, (1, []))
            missing = [name for name in ("question", "answer") if name not in header]
            if not {"image_id", "path", "image_path"} & set(header):
                missing.insert(0, "image_id (or path)")
            if missing:
                raise DataError(
                    f"{path} lacks the column(s) {', '.join(missing)}; it has: {', '.join(header)}"
                )
            for _, values in rows:
                row = dict(zip(header, values, strict=True))
                yield row.get("image_id"), row.get("path") or row.get("image_path"), 0, row
        except WidthError as error:
            raise DataError(
                f"{path}:{error.line} has {error.cells} fields, but the header {error.names}"
            ) from error
        except RowError as error:
            raise DataError(f"{path}:{error.line} is not CSV: {error.__cause__}") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not UTF-8 ({error}): convert it") from error


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def _row(image_id: Any, image_path: Any, place: int, pair: dict[str, Any]) -> tuple:
    kind = pair.get("question_type")
    return (
        _text(image_id) or None,
        _text(image_path) or None,
        place,
        _text(pair["question"]),
        _text(pair["answer"]),
        _difficulty(pair.get("difficulty")),
        kind if kind in QUESTION_TYPES else None,
        _text(pair.get("source")) or None,
    )


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


def _path_key(path: str) -> str:
    # An image may lie directly in the folder of images, as ab.jpg or images/small/ab.jpg.
    parts = re.split(r"[\\/]+", path)[-2:]
    return parts[-1] if parts[0] == "small" else "/".join(parts)


def _examples(values: pd.Series) -> str:
    distinct = sorted(values.dropna().unique())
    return ", ".join(distinct[:3]) + (", …" if len(distinct) > 3 else "")
