"""Predictions of a version for questions about images, with their grounding; interrupted work resumes."""

import logging
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import torch
from torch import nn

from vqatune.errors import DataError, ImageError
from vqatune.inference.prediction.candidates import candidate_ids
from vqatune.inference.prediction.decoding import beam_answers, greedy_answers, ranked_answers
from vqatune.inference.prediction.grounding import choose_items, measure_grounding
from vqatune.inference.prediction.keys import grounding_key, prediction_key, tasks_key, vision_key
from vqatune.inference.prediction.measurement import Measurement
from vqatune.inference.prediction.micro_batches import InferenceModel, run_inference
from vqatune.inference.prediction.ranking import Candidates
from vqatune.inference.prediction.task_answers import choose_answers, with_choices
from vqatune.loading.places import Places
from vqatune.loading.reader import ImageReader
from vqatune.models import lora
from vqatune.models.adapter_precision import merge
from vqatune.models.checkpoint import load_model
from vqatune.models.device import PRECISIONS, start
from vqatune.models.encoder import Encoder, in_words, load_encoder
from vqatune.models.family_lookup import generating_family
from vqatune.models.packing import PackedBatch
from vqatune.models.prepare import autocast, prepare_model
from vqatune.models.quantization import WHOLE, check_quantization
from vqatune.models.text_vectors import TextVectors
from vqatune.params import Params

_logger = logging.getLogger(__name__)

ANSWERED = pa.schema({"row": pa.int64(), "prediction": pa.string(), "log_probability": pa.float64()})
"""The prediction for a row."""


def predict(
    params: Params,
    version: str,
    base: Path,
    adapter: Path | None,
    pairs: pd.DataFrame,
    places: Places | pd.DataFrame,
    candidates: list[str] | None = None,
    work: Path | None = None,
    ungrounded: pd.DataFrame | None = None,
    measurement: Measurement | None = None,
    prompt: str | None = None,
    tasks: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return one version's predictions: tables.PREDICTIONS, a row per pair, sorted by image_id and qa_id.

    Args:
        params: uses seed, predict and compute.
        version: its name, for the progress bar and the folder of partial results.
        base: folder of the base checkpoint.
        adapter: folder of the version; None for the base itself.
        pairs: tables.PAIRS, in any order.
        places: of at least the pairs' images, or a table of them: image_id, archive, offset, length.
        candidates: the answers to choose from, with predict.mode rank.
        work: the folder of partial results, kept until `remove_partial_results`; None for none.
        ungrounded: more pairs, whose grounding is not measured, nor by whose images.
        measurement: is filled in.
        prompt: the words to ask in, with {question} in them (models.encoder.in_words); None for those of the family.
        tasks: pairs of benchmark tasks (tables.TASKS), which are answered by themselves; their rows follow those of the
            pairs, without grounding.

    Returns:
        A pair whose image does not open has an empty prediction and no log-probability or grounding. Grounding is also
        null for pairs outside the sample of predict.grounding_questions, and where there is no other image.

    Raises:
        DataError: there are no pairs, an image is not in the table of places, or its archive is missing.
        ModelError: a checkpoint or adapter is incomplete.
        ParameterError: there are no candidates, and the model only ranks; or compute.quantization is impossible here.
        Stopped: a signal came; the results so far are saved.
    """
    if pairs.empty:
        raise DataError("the test set holds no pairs: lower split.minimum_images")
    device = start(params.compute, params.seed, "predict")
    encoder, reader = load_encoder(base if adapter is None else adapter), ImageReader(places)
    dtype, quantization = PRECISIONS[params.compute.precision], params.compute.quantization
    check_quantization(params.compute, device)
    measurement = measurement or Measurement()
    measurement.before_loading(device)
    if candidates is None:
        # Before the weights are loaded, which may take minutes.
        generating_family(encoder.model_type)
    model, same_vision = _load(base, adapter, dtype, quantization)
    prepare_model(model.requires_grad_(False), device, params.compute.precision)
    model.eval()
    measurement.loaded(model)
    if prompt is not None:
        encoder = in_words(model, encoder, prompt)
    items = choose_items(pairs, params.seed, params.predict.grounding_questions)
    if ungrounded is not None:
        pairs = pd.concat([pairs, ungrounded])
    pairs = pairs.sort_values(["image_id", "qa_id"], ignore_index=True)
    states: Path | None = None
    folder: Path | None = None
    if work is not None and params.predict.keep_vision_states and same_vision:
        # By micro-batch, so that cached states have the same bits as computed ones.
        states = work / "vision" / vision_key(params, base, device)
        states.mkdir(parents=True, exist_ok=True)
    if work is not None:
        key = prediction_key(params, base, adapter, pairs, candidates, device, prompt)
        folder = work / "predictions" / version / key
    ids_of = candidate_ids(encoder, candidates) if candidates else {}
    if not ids_of:
        _warn_of_longer_answers(encoder, pairs["answer"], params.predict.max_answer_tokens)
    inference = InferenceModel(model, encoder, reader, params, device, states)
    kept = TextVectors()
    measurement.before_answering()
    asks_tasks = tasks is not None and not tasks.empty
    infer = partial(_answer, inference, ids_of, measurement, kept)
    more = asks_tasks or not items.empty
    predictions = _answer_all(inference, infer, pairs, folder, f"predict {version}", more)
    measurement.after_answering()
    of_tasks = pd.DataFrame()
    if tasks is not None and asks_tasks:
        # Tasks are not measured.
        infer = partial(_answer, inference, ids_of, Measurement(), kept)
        own = folder and folder.parent / "tasks" / tasks_key(folder.name, tasks)
        of_tasks = _answer_tasks(inference, infer, tasks, own, version, not items.empty)
    grounding = measure_grounding(
        inference,
        items,
        pairs,
        predictions,
        ids_of,
        folder and folder.parent / "grounding" / grounding_key(folder.name, items, predictions),
        f"grounding {version}",
        # In float32 grounding changes no weight.
        kept if params.compute.precision == "float32" else TextVectors(),
    )
    predictions = pd.concat([predictions, of_tasks], ignore_index=True)
    return predictions.assign(grounding=predictions["qa_id"].map(grounding).astype(float))


def _load(base: Path, adapter: Path | None, dtype: torch.dtype, quantization: str) -> tuple[nn.Module, bool]:
    """Return the model of a version, and whether it sees as the base does."""
    if adapter is None:
        return load_model(base, dtype, quantization), True
    if quantization != WHOLE:
        adapted = lora.load_adapter(load_model(base, dtype, quantization), adapter)
        # The adapter's layers stay in it.
        return adapted.get_base_model(), not lora.tunes_vision(adapted)
    # As it is stored: what the adapter is merged into must not be rounded before.
    adapted = lora.load_adapter(load_model(base, None), adapter)
    same_vision = not lora.tunes_vision(adapted)
    return merge(adapted, dtype), same_vision


def _answer_all(
    inference: InferenceModel,
    infer: Callable[[list[int], PackedBatch], Iterable[tuple]],
    pairs: pd.DataFrame,
    folder: Path | None,
    description: str,
    more: bool,
) -> pd.DataFrame:
    """Return qa_id, prediction and log_probability of all pairs, in their order."""
    answered = run_inference(inference, pairs, infer, _no_answer, ANSWERED, folder, description, more=more)
    answered = pd.DataFrame(answered, columns=ANSWERED.names).sort_values("row", ignore_index=True)
    predictions = answered.assign(qa_id=pairs["qa_id"])[["qa_id", "prediction", "log_probability"]]
    return predictions.astype({"log_probability": "float64"})


def _answer_tasks(
    inference: InferenceModel,
    infer: Callable[[list[int], PackedBatch], Iterable[tuple]],
    tasks: pd.DataFrame,
    folder: Path | None,
    version: str,
    more: bool,
) -> pd.DataFrame:
    """Return qa_id, prediction and log_probability of the pairs of tasks."""
    tasks = tasks.sort_values(["image_id", "qa_id"], ignore_index=True)
    chosen = tasks[with_choices(tasks)].reset_index(drop=True)
    asked = tasks[~with_choices(tasks)].reset_index(drop=True)
    found = []
    if not asked.empty:
        own = folder and folder / "asked"
        later = more or not chosen.empty
        found.append(_answer_all(inference, infer, asked, own, f"tasks {version}", later))
    if not chosen.empty:
        own = folder and folder / "choices"
        found.append(choose_answers(inference, chosen, own, f"choices {version}", more))
    return pd.concat(found, ignore_index=True)


def remove_partial_results(version: str, work: Path) -> None:
    """Delete a version's partial results, once its predictions are written."""
    shutil.rmtree(work / "predictions" / version, ignore_errors=True)


def _warn_of_longer_answers(encoder: Encoder, answers: pd.Series, most: int) -> None:
    """Warn where references have more tokens than an answer may have, so that none could be right."""
    distinct = answers.unique().tolist()
    # Without the start token.
    longer = {
        text for text, ids in zip(distinct, encoder.answers(distinct), strict=True) if len(ids) - 1 > most
    }
    if longer:
        _logger.warning(
            "%s of %s references have more than predict.max_answer_tokens (%s) tokens, such as %r: raise it, or they cannot be "
            "answered",
            f"{int(answers.isin(longer).sum()):,}",
            f"{len(answers):,}",
            most,
            min(longer),
        )


def _answer(
    inference: InferenceModel,
    candidates: Candidates,
    measurement: Measurement,
    kept: TextVectors,
    rows: list[int],
    batch: PackedBatch,
) -> Iterable[tuple[int, str, float]]:
    params, model = inference.params.predict, inference.model
    with autocast(inference.device, inference.params.compute.precision):
        if candidates:
            chosen, scores = ranked_answers(model, batch, list(candidates), kept=kept)
            answers = list(candidates.values())
            texts = [answers[index] for index in chosen.tolist()]
        else:
            if params.beams > 1:
                ids, scores = beam_answers(model, batch, params.max_answer_tokens, params.beams)
            else:
                ids, scores = greedy_answers(model, batch, params.max_answer_tokens)
            texts = inference.encoder.decode(ids)
    measurement.answered(len(rows))
    return zip(rows, texts, scores.double().tolist(), strict=True)


def _no_answer(rows: list[int], error: ImageError) -> list[tuple[int, str, None]]:
    _logger.warning("%s; its questions get no answer", error)
    return [(row, "", None) for row in rows]
