"""The scores of a version by slice: by difficulty, question type, product type and part of speech."""

import numpy as np
import pandas as pd

from vqatune.evaluation.metrics import METRICS, aggregate
from vqatune.evaluation.metrics.parts_of_speech import PARTS_OF_SPEECH, overlap_by_part_of_speech

SLICES = ("difficulty", "question_type", "product_type")

_COLUMNS = ["slice", "value", "pairs", "images", *METRICS]


def by_slice(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of the pairs that share a value of a slice column, for every value.

    pairs: image_id, answer, prediction, the columns of SLICES and one a metric, as in VersionScores.pairs. Returns
    slice, value (text), pairs, images and a float64 column a metric (NaN where undefined), sorted by value within
    each slice; pairs without a value are in no row. The rows of the slice `part_of_speech` hold in token_overlap
    the share of the references' tokens of that part of speech which the predictions have, and nothing else.
    """
    rows = [row for slice_ in SLICES for row in _slice_rows(pairs, slice_)]
    table = pd.DataFrame([*rows, *_part_of_speech_rows(pairs)], columns=_COLUMNS)
    return table.astype(dict.fromkeys(METRICS, np.float64))


def _slice_rows(pairs: pd.DataFrame, slice_: str) -> list[dict]:
    rows = []
    for value, group in pairs.groupby(slice_, sort=True):
        difficulty = group["difficulty"].to_numpy(dtype=np.float64, na_value=np.nan)
        scores = {
            name: aggregate(metric, group[name].to_numpy(), difficulty) for name, metric in METRICS.items()
        }
        rows.append({**_head(slice_, str(value), group["image_id"]), **scores})
    return rows


def _part_of_speech_rows(pairs: pd.DataFrame) -> list[dict]:
    overlaps = list(map(overlap_by_part_of_speech, pairs["prediction"], pairs["answer"]))
    rows = []
    for part in PARTS_OF_SPEECH:
        present = np.array([part in overlap for overlap in overlaps], dtype=bool)
        if not present.any():
            continue
        found, total = zip(*(overlap[part] for overlap in overlaps if part in overlap), strict=True)
        head = _head("part_of_speech", part, pairs.loc[present, "image_id"])
        rows.append({**head, "token_overlap": sum(found) / sum(total)})
    return rows


def _head(slice_: str, value: str, image_ids: pd.Series) -> dict:
    return {"slice": slice_, "value": value, "pairs": len(image_ids), "images": image_ids.nunique()}
