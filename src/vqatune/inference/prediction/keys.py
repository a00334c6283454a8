"""Keys of partial results: of everything that determines them."""

from pathlib import Path

import pandas as pd
import torch
from accelerate import PartialState

from vqatune.models.device import device_name
from vqatune.params import Params
from vqatune.runtime.code import digest_code
from vqatune.runtime.fingerprints import digest_folder, digest_table, make_key


def vision_key(params: Params, base: Path, device: torch.device) -> str:
    """Return a key of everything but the images that determines image states."""
    return make_key(
        base=digest_folder(base),
        compute=params.compute.model_dump(exclude={"loader_processes"}),
        device=device_name(device),
        code=digest_code("vqatune.models.family_lookup", "vqatune.models.prepare", "vqatune.loading.loader"),
    )


def prediction_key(
    params: Params,
    base: Path,
    adapter: Path | None,
    pairs: pd.DataFrame,
    candidates: list[str] | None,
    device: torch.device,
    prompt: str | None,
) -> str:
    """Return a key of everything that determines the predictions, but the pictures: partial results have their digest."""
    return make_key(
        base=digest_folder(base),
        adapter=None if adapter is None else digest_folder(adapter),
        pairs=digest_table(pairs, ["qa_id", "image_id", "question"]),
        candidates=candidates,
        prompt=prompt,
        predict=params.predict.model_dump(
            exclude={"checkpoint_every", "launcher", "keep_vision_states", "grounding_questions"}
        ),
        compute=params.compute.model_dump(exclude={"loader_processes"}),
        device=device_name(device),
        processes=PartialState().num_processes,
        code=digest_code("vqatune.inference.prediction.predict"),
    )


def tasks_key(answers: str, tasks: pd.DataFrame) -> str:
    """Return a key of everything that determines the answers to tasks; `answers` is the key of the predictions."""
    return make_key(
        answers=answers,
        tasks=digest_table(tasks.assign(choices=tasks["choices"].map(str)), ["qa_id", "question", "choices"]),
        code=digest_code("vqatune.inference.prediction.task_answers"),
    )


def grounding_key(answers: str, items: pd.DataFrame, predictions: pd.DataFrame) -> str:
    """Return a key of everything that determines grounding; `answers` is the key of the predictions."""
    return make_key(
        answers=answers,
        items=digest_table(items, ["qa_id", "image_id", "true"]),
        predictions=digest_table(predictions, ["qa_id", "prediction"]),
        code=digest_code("vqatune.inference.prediction.grounding"),
    )
