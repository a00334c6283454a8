"""The checked pairs for use elsewhere: one JSON file an image (the published form), CSV or Parquet; multiple-choice questions.

`generate.provider: recorded` reads the first two back.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pyarrow as pa

from vqatune.errors import DataError
from vqatune.evaluation.metrics.text import plain
from vqatune.runtime.formulas import formulas_in, quoted_frame, warn_of_formulas
from vqatune.runtime.progress import track
from vqatune.tables import (
    PAIRS,
    SAMPLED,
    TASKS,
    read_table,
    replacing,
    replacing_folder,
    write_csv,
    write_table,
)

EXPORTED = pa.schema([*PAIRS, pa.field("image_path", pa.string())])
"""A pair and the path of its image among the catalogue's images."""

_CSV = [
    "image_id",
    "image_path",
    "product_type",
    "question",
    "answer",
    "difficulty",
    "question_type",
    "attribute",
    "source",
]
_SUFFIXES = {"csv": ".csv", "parquet": ".parquet", "multiple-choice": ".jsonl"}
_LONGEST_NAME = 250
"""Bytes of a file's name that every file system admits."""


def export_qa(out: Path, form: str, root: Path = Path(), quote_formulas: bool = False) -> tuple[int, int]:
    """Write the pairs of data/qa.parquet, or the multiple-choice questions of data/tasks.parquet; return how many pairs there are, and of how many images.

    Args:
        out: new (a folder may be empty); is there whole or not at all.
        form: 'json-per-image' (a folder, `<image_id>.json` each, where a sign that not every file system admits is
            written as %XX), 'csv' (a file that ends in .csv), 'parquet' (.parquet, with the columns of EXPORTED) or
            'multiple-choice' (.jsonl, a question a line).
        root: the repository, whose data is read.
        quote_formulas: whether texts of a CSV that a spreadsheet would run have an apostrophe before them, and read back
            with it.

    Raises:
        DataError: a table is missing, or they do not belong together; `out` is taken or cannot be written.
    """
    with _writing(out):
        _check_free(out, form)
    choices = form == "multiple-choice"
    pairs = _multiple_choice(root) if choices else read_table(root / "data" / "qa.parquet", PAIRS)
    columns = ["image_id", "path"] + ["product_type", "language", "metadata"] * (form == "json-per-image")
    images = read_table(root / "data" / "sampled.parquet", SAMPLED, columns)
    images = images.rename(columns={"path": "image_path"})
    unknown = pairs.loc[~pairs["image_id"].isin(images["image_id"]), "image_id"].unique()
    if len(unknown):
        raise DataError(
            f"data/{'tasks' if choices else 'qa'}.parquet has pairs about images that are not in data/sampled.parquet "
            f"({len(unknown)}, such as {min(unknown)}): run `dvc repro {'tasks' if choices else 'generate'}`"
        )
    pairs = pairs.sort_values("image_id", kind="stable", ignore_index=True)
    images = images[images["image_id"].isin(pairs["image_id"])]
    with _writing(out):
        if form == "json-per-image":
            _write_folder(pairs, images, out)
        elif choices:
            _write_choices(pairs.merge(images, on="image_id", validate="many_to_one"), out)
        else:
            _write_file(pairs.merge(images, on="image_id", validate="many_to_one"), out, form, quote_formulas)
    return len(pairs), len(images)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{out} cannot be written ({reason}): name a place with room for it") from error


def _check_free(out: Path, form: str) -> None:
    if form == "json-per-image":
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise DataError(f"{out} exists and is not an empty folder: name another one")
        return
    if out.suffix != _SUFFIXES[form]:
        raise DataError(f"{out}: as {form} it must be called {_SUFFIXES[form]}")
    if out.exists():
        raise DataError(f"{out} exists: name another file, or remove it")


def _multiple_choice(root: Path) -> pd.DataFrame:
    """Return the pairs (tables.TASKS) of the task multiple_choice."""
    path = root / "data" / "tasks.parquet"
    make = "run `dvc repro tasks` with multiple_choice in tasks.use"
    if not path.exists():
        raise DataError(f"{path} does not exist: {make}, or `dvc pull`")
    pairs = read_table(path, TASKS)
    pairs = pairs[pairs["task"] == "multiple_choice"]
    if pairs.empty:
        raise DataError(f"{path} has no multiple-choice questions: {make}")
    return pairs


def _write_choices(pairs: pd.DataFrame, out: Path) -> None:
    with replacing(out) as unfinished, unfinished.open("w", encoding="utf-8", newline="\n") as file:
        for pair in pairs.itertuples(index=False):
            choices = list(pair.choices)
            index = choices.index(plain(pair.answer))
            record = {
                "qa_id": pair.qa_id,
                "image_id": pair.image_id,
                "image_path": pair.image_path,
                "question": pair.question,
                "choices": choices,
                "answer": choices[index],
                "answer_index": index,
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _write_file(pairs: pd.DataFrame, out: Path, form: str, quote_formulas: bool) -> None:
    if form == "csv":
        table = pairs.rename(columns={"generator": "source"})[_CSV]
        write_csv(quoted_frame(table) if quote_formulas else table, out)
        if not quote_formulas:
            warn_of_formulas(formulas_in(table), out)
    else:
        write_table(pairs, out, EXPORTED)


def _write_folder(pairs: pd.DataFrame, images: pd.DataFrame, out: Path) -> None:
    """Write a file an image; `pairs` are sorted by image_id, and `images` are theirs."""
    with replacing_folder(out) as folder:
        for record in track(_records(pairs, images), "writing files", total=len(images)):
            path = folder / _file_name(record["image_id"])
            try:
                with path.open("x", encoding="utf-8", newline="\n") as file:
                    file.write(json.dumps(record, ensure_ascii=False, indent=1) + "\n")
            except FileExistsError as error:
                raise DataError(
                    f"{out}: two images are called {record['image_id']} but for upper and lower case, which this file "
                    "system does not tell apart: take another, or --format csv"
                ) from error


def _records(pairs: pd.DataFrame, images: pd.DataFrame) -> Iterator[dict[str, Any]]:
    rows = groupby(pairs.itertuples(index=False), key=attrgetter("image_id"))
    described = images.sort_values("image_id").itertuples(index=False)
    for image, (_, listed) in zip(described, rows, strict=True):
        yield {
            "image_id": image.image_id,
            "image_path": image.image_path,
            "product_type": image.product_type,
            "language": image.language,
            "metadata": json.loads(image.metadata),
            "qa_pairs": [
                {
                    "question": pair.question,
                    "answer": pair.answer,
                    "difficulty": None if pd.isna(pair.difficulty) else int(pair.difficulty),
                    "question_type": pair.question_type,
                    "attribute": pair.attribute,
                    "source": pair.generator,
                }
                for pair in listed
            ],
        }


def _file_name(image_id: str) -> str:
    # What begins with a dot is hidden, and no folder of recorded pairs is read with it.
    safe = quote(image_id, safe="+=@,~")
    name = f"%2E{safe[1:]}" if safe.startswith(".") else safe
    if not 0 < len(name) <= _LONGEST_NAME:
        raise DataError(f"no file can be called by the image_id {image_id!r}: take --format csv")
    return f"{name}.json"
