"""The temperature of a version, fitted to its answers to the validation set, and what it changes there and on the test set."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from vqatune.errors import DataError, VqatuneError
from vqatune.evaluation.calibration.temperature import cross_entropy, fit_temperature
from vqatune.evaluation.comparison.revisions import read_version
from vqatune.evaluation.metrics.selective import expected_calibration_error
from vqatune.evaluation.metrics.text import plain
from vqatune.evaluation.scoring.evaluation_set import EvaluatedPart, check_predictions


@dataclass(frozen=True)
class Calibration:
    """A version's temperature.

    measured: a row a set (validation, then test): set, answers, cross_entropy and ece at temperature 1, and
        cross_entropy_calibrated and ece_calibrated.
    """

    temperature: float
    measured: pd.DataFrame


def calibrate(version: str, root: Path) -> Calibration:
    """Fit a version's temperature to its answers to the validation set; the test set is only measured.

    An answer is right where it is an exact match in plain form.

    Raises DataError where predictions are missing, or not of these sets, or have no probability, or where no temperature is
    the best one.
    """
    if ":" in version:
        raise DataError(f"{version!r}: a version of this checkout is calibrated, such as v13")
    answers = {part: _answers(version, root, part) for part in reversed(get_args(EvaluatedPart))}
    try:
        temperature = fit_temperature(*answers["validation"])
    except VqatuneError as error:
        error.add_context(f"{version} on the validation set")
        raise
    rows = []
    for part, (log_probability, right) in answers.items():
        row: dict[str, object] = {"set": part, "answers": len(right)}
        for name, used in (("", 1.0), ("_calibrated", temperature)):
            probability, weights = np.exp(log_probability / used), np.ones((1, len(right)))
            row[f"cross_entropy{name}"] = cross_entropy(log_probability, right, used)
            [row[f"ece{name}"]] = expected_calibration_error(
                probability, right.astype(np.float64), weights
            ).tolist()
        rows.append(row)
    return Calibration(temperature, pd.DataFrame(rows))


def _answers(version: str, root: Path, part: EvaluatedPart) -> tuple[np.ndarray, np.ndarray]:
    """Return log_probability (float64) and right (bool) of a version's answers to a set."""
    predictions, evaluated = read_version(version, root, part)
    if evaluated.pairs.empty:
        raise DataError(f"the {part} set is empty: set split.{part}_fraction above 0, and run `dvc repro`")
    check_predictions(predictions, evaluated)
    joined = evaluated.pairs.merge(predictions, on="qa_id", validate="one_to_one").sort_values("qa_id")
    log_probability = joined["log_probability"].to_numpy(dtype=np.float64, na_value=np.nan)
    right = joined["prediction"].map(plain) == joined["answer"].map(plain)
    # A picture that does not open has none.
    known = np.isfinite(log_probability)
    if not known.any():
        raise DataError(
            f"no answer of {version} to the {part} set has a probability, so it has no temperature"
        )
    return log_probability[known], right.to_numpy(dtype=bool)[known]
