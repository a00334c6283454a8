"""Answers of a model of the zoo to the test set, and what it took to give them."""

from pathlib import Path

import pandas as pd

from vqatune.inference.prediction.candidates import read_candidates
from vqatune.inference.prediction.measurement import Measurement
from vqatune.inference.prediction.predict import predict
from vqatune.loading.places import Places
from vqatune.models.checkpoint import fingerprinted_files
from vqatune.models.device import PRECISIONS, device_name, start
from vqatune.models.family_lookup import family_named, model_type
from vqatune.models.reference import find_referenced, read_reference
from vqatune.params import Params
from vqatune.zoo.cannot_run import CANNOT_RUN, read_reason, reason_of
from vqatune.zoo.memory import check_memory
from vqatune.zoo.run import ZooRun, zoo_model

PREDICTION_COLUMNS = ["qa_id", "prediction", "log_probability", "grounding"]


def predict_zoo_model(
    params: Params,
    name: str,
    folder: Path,
    pairs: pd.DataFrame,
    places: Places | pd.DataFrame,
    training: Path,
    work: Path | None = None,
    tasks: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, ZooRun]:
    """Return a model's predictions (tables.PREDICTIONS), none where it cannot run here, and what they took.

    Args:
        params: uses seed, zoo, predict and compute.
        name: of the model, in zoo.models.
        folder: what `load_zoo_model` wrote.
        pairs: tables.PAIRS, the test set.
        places: of at least the pairs' images, or a table of them: image_id, archive, offset, length.
        training: the table of training pairs, among whose answers a model chooses that writes none.
        work: the folder of partial results; None for none.
        tasks: pairs of benchmark tasks (tables.TASKS), which are answered after the test set, and not timed.

    Raises:
        DataError: there are no pairs, an image is not in the table of places, or its archive is missing.
        ParameterError: zoo.models has no such name, or compute.device cannot be used here.
        Stopped: a signal came; the results so far are saved.
    """
    model = zoo_model(params, name)
    precision, quantization = model.precision, model.quantization
    kind = "tiny" if model.family else "version" if model.path else "checkpoint"
    none = pd.DataFrame(columns=PREDICTION_COLUMNS)
    compute = params.compute.model_copy(update={"precision": precision, "quantization": quantization})
    device = start(compute, params.seed, "predict")
    described = {"kind": kind, "precision": precision, "quantization": quantization}
    reason = read_reason(folder)
    if reason is not None:
        return none, ZooRun(**described, family=None, mode=None, device=None, wording=None, reason=reason)
    family = model_type(folder)
    # What only ranks chooses among the answers of the training set.
    mode = params.predict.mode if "generate" in family_named(family).MODES else "rank"
    wording = params.zoo.prompt or family_named(family).WORDING
    described |= {"family": family, "mode": mode, "device": device_name(device), "wording": wording}
    # Each image is encoded for this model alone, so that the time is what it takes.
    chosen = params.predict.model_copy(update={"mode": mode, "keep_vision_states": False})
    used = params.model_copy(update={"compute": compute, "predict": chosen})
    measured = Measurement()
    try:
        reference = read_reference(folder)
        files = fingerprinted_files(folder) if reference is None else find_referenced(reference)
        check_memory(files, name, PRECISIONS[precision], device, quantization)
        predictions = predict(
            used,
            f"zoo/{name}",
            base=folder,
            adapter=None,
            pairs=pairs,
            places=places,
            candidates=read_candidates(chosen, training),
            work=work,
            measurement=measured,
            prompt=params.zoo.prompt,
            tasks=tasks,
        )
    except CANNOT_RUN as error:
        return none, ZooRun(**described, reason=reason_of(error))
    return predictions, ZooRun(
        **described,
        reason=None,
        parameters=measured.parameters,
        weight_bytes=measured.weight_bytes,
        peak_bytes=measured.peak_bytes,
        questions=measured.questions,
        seconds=round(measured.seconds, 3),
    )
