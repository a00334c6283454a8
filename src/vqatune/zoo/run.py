"""What a model of the zoo is, and what its answers took."""

from dataclasses import dataclass

from vqatune.errors import ParameterError
from vqatune.params import Params, ZooModelParams


@dataclass(frozen=True)
class ZooRun:
    """What is written of a prediction beside the answers."""

    kind: str
    """tiny, checkpoint or version."""
    family: str | None
    """config.model_type; None where it is not known."""
    precision: str
    quantization: str
    mode: str | None
    """generate, or rank where the model chooses among the training answers."""
    device: str | None
    """The GPU's name, or cpu."""
    wording: str | None
    """The words that it was asked in; {answer} where it scores an answer with its question."""
    reason: str | None
    """Why there are no answers; None where there are."""
    parameters: int | None = None
    weight_bytes: int | None = None
    peak_bytes: int | None = None
    questions: int | None = None
    """Answered in `seconds`."""
    seconds: float | None = None


def zoo_model(params: Params, name: str) -> ZooModelParams:
    """Return what zoo.models says of a name; raises ParameterError where it has no such name."""
    if name not in params.zoo.models:
        raise ParameterError(f"zoo.models has no {name!r}: choose one of {', '.join(params.zoo.models)}")
    return params.zoo.models[name]
