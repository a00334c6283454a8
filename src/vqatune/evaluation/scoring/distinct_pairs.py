"""Checks of a frame to score, and its distinct pairs."""

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.scoring.store import Pair


def distinct_pairs(frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray, list[Pair]]:
    """Return the frame with a new index, the number of each row's distinct pair, and the distinct pairs, sorted.

    `frame` has prediction and references (a text, or a list of texts), and optionally difficulty, grounding,
    blind_exact_match, image_id.

    Raises DataError where there is no pair, a column is missing, or one holds invalid values.
    """
    for name in ("prediction", "references"):
        if name not in frame.columns:
            raise DataError(
                f"the pairs have no column {name!r}; they have {', '.join(map(str, frame.columns))}"
            )
    if frame.empty:
        raise DataError("there is no pair to score")
    _check_columns(frame)
    frame = frame.reset_index(drop=True)
    predictions, their_texts = _coded(frame["prediction"])
    references, their_lists = _coded(frame["references"])
    both, first, rows = np.unique(
        predictions * len(their_lists) + references, return_index=True, return_inverse=True
    )
    pairs = [
        _pair(row, their_texts[code // len(their_lists)], their_lists[code % len(their_lists)])
        for code, row in zip(both.tolist(), first.tolist(), strict=True)
    ]
    ordered = sorted(set(pairs))
    place = {pair: number for number, pair in enumerate(ordered)}
    return frame, np.array([place[pair] for pair in pairs], dtype=np.intp)[rows], ordered


def _coded(column: pd.Series) -> tuple[np.ndarray, list]:
    """Return the number of each row's distinct value, int64, and these values; lists and arrays become tuples."""
    if not isinstance(column.dtype, pd.StringDtype):
        column = pd.Series(
            [tuple(value) if isinstance(value, list | np.ndarray) else value for value in column],
            dtype=object,
            name=column.name,
        )
    try:
        codes, values = pd.factorize(column, use_na_sentinel=False)
    except TypeError as error:
        raise DataError(
            f"the column {column.name!r} holds something else than texts and lists of texts ({error})"
        ) from error
    return codes, list(values)


def _pair(row: int, prediction: Any, references: Any) -> Pair:
    texts = (references,) if isinstance(references, str) else references
    if isinstance(texts, tuple) and texts and all(isinstance(text, str) for text in (prediction, *texts)):
        return prediction, texts
    raise DataError(
        f"row {row}: prediction {prediction!r} with references {references!r}: a pair needs text on both sides"
    )


def _check_columns(frame: pd.DataFrame) -> None:
    if repeated := list(frame.columns[frame.columns.duplicated()]):
        raise DataError(f"there are several columns {repeated[0]!r}: keep one of them")
    for name, highest in (("difficulty", np.inf), ("grounding", 1), ("blind_exact_match", 1)):
        for value in frame[name].dropna().unique().tolist() if name in frame.columns else ():
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not number or not 0 <= value <= highest:
                wanted = "numbers from 0 to 1" if highest == 1 else "numbers from 0 on"
                raise DataError(f"the column {name!r} holds {value!r}: it needs {wanted}, or nothing")
    if "image_id" in frame.columns and (missing := int(frame["image_id"].isna().sum())):
        raise DataError(
            f"{missing} pair(s) have no image_id: fill them in, or leave the column out, and every pair counts as an "
            "image of its own"
        )
