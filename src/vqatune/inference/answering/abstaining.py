"""Abstaining: answers that are not probable enough are not given."""

import math
from dataclasses import dataclass
from pathlib import Path

from vqatune.errors import DataError
from vqatune.inference.answering.answer import Answer
from vqatune.runtime.fingerprints import digest_contents
from vqatune.tables import read_json

CALIBRATION = Path("metrics/calibration")
"""Where a checkout keeps the temperatures of its versions, which `vqatune calibrate` fits."""
NOT_SURE = "(not sure)"
"""Shown in a table in place of an answer that is not given."""


@dataclass(frozen=True)
class Abstaining:
    """Which answers are not given."""

    below: float
    """Answers less probable than this, above 0 and at most 1."""
    temperature: float = 1.0
    """By which log-probabilities are divided before they are compared; not those of shares, for which it is not fitted."""

    def abstains(self, answer: Answer) -> bool:
        """Tell whether an answer is not given: its share or, where it has none, its probability is below the threshold."""
        if answer.share is not None:
            return answer.share < self.below
        return math.exp(answer.log_probability / self.temperature) < self.below


def abstaining_of(below: float | None, version: str, models: Path, root: Path = Path()) -> Abstaining | None:
    """Return which answers of a version are not given; None where `below` is.

    The temperature is the one that `vqatune calibrate` keeps in the checkout `root`, where `models` is that checkout's folder,
    and otherwise 1.

    Raises DataError where the temperature's file is damaged, or was fitted to other predictions than those that are there.
    """
    if below is None:
        return None
    path = root / CALIBRATION / f"{version}.json"
    if models.resolve() != (root / "models").resolve() or not path.exists():
        return Abstaining(below)
    again = f"run `vqatune calibrate {version}` again"
    kept = read_json(path, "temperature", "predictions", remedy=again)
    temperature = kept["temperature"]
    if (
        not isinstance(temperature, (int, float))
        or isinstance(temperature, bool)
        or not 0 < temperature < math.inf
    ):
        raise DataError(f"{path} is damaged (its temperature is no number above 0): {again}")
    predictions = validation_predictions(root, version)
    if predictions.exists() and digest_of(predictions) != kept["predictions"]:
        raise DataError(f"{path} was fitted to other predictions than {predictions}: {again}")
    return Abstaining(below, float(temperature))


def validation_predictions(root: Path, version: str) -> Path:
    """Return the file of a version's answers to the validation set, to which its temperature is fitted."""
    return root / "data/predictions/validation" / f"{version}.parquet"


def digest_of(predictions: Path) -> str:
    """Return what tells a file of predictions from another one."""
    return digest_contents([predictions.read_bytes()])[:16]
