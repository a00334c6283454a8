"""A version's answers to the test set, image by image, in passes that can be interrupted and gone on with."""

import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from vqatune.dataset.loader import Encoder, ImageReader, Pictures, load_pictures
from vqatune.dataset.steps import Pass, cut_passes, image_groups
from vqatune.errors import DataError, ModelError
from vqatune.evaluation.parts import Parts
from vqatune.interrupt import Interrupts
from vqatune.models import lora
from vqatune.models.answers import beam_answers, greedy_answers, ranked_answers
from vqatune.models.blip import Tower, look
from vqatune.models.checkpoint import load_model, load_processor
from vqatune.models.ragged import Batch, make_batch, to
from vqatune.models.runtime import autocast, place, start
from vqatune.params import Params, PredictParams
from vqatune.progress import bar
from vqatune.tables import PAIRS, read_table, replacing
from vqatune.work import digest_code, digest_contents, digest_folder, digest_table, make_key

ANSWERED = pa.schema({"row": pa.int64(), "prediction": pa.string(), "log_probability": pa.float64()})
"""An answer to the pair of a row."""


def predict(
    params: Params,
    version: str,
    base: Path,
    adapter: Path | None,
    pairs: pd.DataFrame,
    places: pd.DataFrame,
    candidates: list[str] | None = None,
    work: Path | None = None,
) -> pd.DataFrame:
    """Return the answers of one version: tables.PREDICTIONS, a row a pair, in the order of image and pair.

    Args:
        params: uses predict and compute.
        version: its name, shown while it works.
        base: folder of the base checkpoint.
        adapter: folder of the version; None for the base itself.
        pairs: tables.PAIRS, in any order.
        places: image_id, archive, offset, length of at least the pairs' images.
        candidates: the closed list of answers, with predict.mode rank.
        work: where answers are kept as they come, and taken up, until `forget`; None for nowhere.

    Returns:
        A pair whose picture does not open has an empty answer without a log-probability.

    Raises:
        DataError: there are no pairs, an image is not in the table of places, or its archive is missing.
        ModelError: a checkpoint or adapter is incomplete.
        Stopped: a signal came; the answers so far are kept.
    """
    if pairs.empty:
        raise DataError("the test set holds no pairs: lower split.minimum_images")
    device = start(params.compute, params.seed, "predict")
    encoder = Encoder(load_processor(base if adapter is None else adapter))
    model = load_model(base)
    shared = True
    if adapter is not None:
        adapted = lora.load_adapter(model, adapter)
        shared = not lora.tunes_vision(adapted)
        model = adapted.merge_and_unload()
    place(model.requires_grad_(False), device, params.compute.precision)
    model.eval()
    pairs = pairs.sort_values(["image_id", "qa_id"], ignore_index=True)
    reader, process = ImageReader(places), PartialState().process_index
    questions = encoder.questions(pairs["question"].tolist())
    tokens = pd.Series(map(len, questions), dtype=int).to_numpy()
    passes = cut_passes(
        image_groups(pairs), tokens, params.predict.images_per_step, params.predict.max_pairs_per_step
    )[process :: PartialState().num_processes]
    parts = states = None
    if work is not None and params.predict.keep_vision_states and shared:
        # By pass, so that an answer is the same, to the last digit, with states kept or computed.
        states = work / "vision" / _vision_key(params, base, device)
        states.mkdir(parents=True, exist_ok=True)
    if work is not None:
        key = _key(params, base, adapter, pairs, reader, candidates, device)
        parts = Parts(work / "predictions" / version / key / f"{process}", ANSWERED)
    closed: dict[tuple[int, ...], str] = {}
    if candidates:
        for ids, text in zip(encoder.answers(candidates), candidates, strict=True):
            # Of answers that the tokenizer writes alike the first, the most frequent, stands for all.
            closed.setdefault(tuple(ids), text)
    answer = partial(_answer, model, encoder, params, device, closed)
    images = [[pairs["image_id"].iloc[group[0]] for group in chosen] for chosen in passes]
    pictures = Pictures(images, reader, encoder, states)
    answered = _go_through(passes, questions, pictures, answer, params, version, parts)
    everything = pd.DataFrame(gather_object(answered), columns=ANSWERED.names).sort_values("row")
    return pd.DataFrame(
        {
            "qa_id": pairs["qa_id"],
            "prediction": everything["prediction"].tolist(),
            "log_probability": everything["log_probability"].astype(float).tolist(),
        }
    )


def forget(version: str, work: Path) -> None:
    """Drop what was kept of a version's answers, which are now in a table."""
    shutil.rmtree(work / "predictions" / version, ignore_errors=True)


def closed_list(params: PredictParams, training: Path) -> list[str] | None:
    """Return the answers that predict.mode rank chooses from, the frequent first; None with another mode.

    Args:
        params: a file with an answer a line, or none.
        training: the table of training pairs, whose answers they are without a file.

    Raises:
        DataError: the file is missing or holds no answer.
    """
    if params.mode != "rank":
        return None
    if params.candidates is None:
        counts = Counter(read_table(training, PAIRS, ["answer"])["answer"])
        return sorted(counts, key=lambda answer: (-counts[answer], answer))
    try:
        lines = Path(params.candidates).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"predict.candidates: {params.candidates} cannot be read: {error}") from error
    answers = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not answers:
        raise DataError(f"predict.candidates: {params.candidates} holds no answer; write one a line")
    return answers


def _go_through(
    passes: list[Pass],
    questions: list[list[int]],
    pictures: Pictures,
    answer: Callable[[Batch, Path | None], tuple[list[str], list[float]]],
    params: Params,
    version: str,
    parts: Parts | None,
) -> list[tuple[int, str, float | None]]:
    """Return row, answer and log-probability of every pair in the passes."""
    answered, done = parts.load() if parts else ([], 0)
    kept = len(answered)
    todo = passes[done:]
    pictures = replace(pictures, image_ids=pictures.image_ids[done:])
    loaded = load_pictures(pictures, params.compute.loader_processes)
    with Interrupts() as interrupts, bar() as progress:
        total = sum(map(len, passes))
        task = progress.add_task(f"predict {version}", total=total, completed=total - sum(map(len, todo)))
        for chosen, prepared in zip(todo, loaded, strict=True):
            for number, error in prepared.failures.items():
                print(f"{error}; its questions get no answer", file=sys.stderr)
                answered += [(int(row), "", None) for row in chosen[number]]
            groups = [group for number, group in enumerate(chosen) if number not in prepared.failures]
            rows = [int(row) for group in groups for row in group]
            if rows:
                asked = [questions[row] for row in rows]
                batch = make_batch(prepared.pixel_values, [len(group) for group in groups], asked)
                answered += zip(rows, *answer(batch, prepared.kept), strict=True)
            progress.advance(task, len(chosen))
            done += 1
            stop = interrupts.pending is not None and done < len(passes)
            if parts and (done % params.predict.checkpoint_every == 0 or stop or done == len(passes)):
                parts.save(done, answered[kept:])
                kept = len(answered)
            if stop:
                interrupts.stop(f"after {done} of {len(passes)} passes")
    return answered


def _answer(
    model: torch.nn.Module,
    encoder: Encoder,
    params: Params,
    device: torch.device,
    closed: dict[tuple[int, ...], str],
    batch: Batch,
    kept: Path | None,
) -> tuple[list[str], list[float]]:
    asked, tower, batch = params.predict, Tower(compiled=params.compute.compile), to(batch, device)
    with autocast(device, params.compute.precision):
        if kept is not None:
            batch = replace(batch, image_states=_vision_states(model, batch, tower, kept))
        if closed:
            chosen, scores = ranked_answers(model, batch, list(closed), tower=tower)
            texts = list(closed.values())
            return [texts[place] for place in chosen.tolist()], scores.double().tolist()
        if asked.beams > 1:
            ids, scores = beam_answers(model, batch, asked.max_answer_tokens, asked.beams, tower)
        else:
            ids, scores = greedy_answers(model, batch, asked.max_answer_tokens, tower)
    return encoder.decode(ids), scores.double().tolist()


def _vision_states(model: torch.nn.Module, batch: Batch, tower: Tower, kept: Path) -> torch.Tensor:
    if batch.pixel_values is None:
        try:
            return load_file(kept)["states"].to(batch.questions.ids.device)
        except (SafetensorError, KeyError) as error:
            raise ModelError(f"{kept} is damaged ({error}): delete it") from error
    with torch.inference_mode():
        states = look(model, batch, tower)
    with replacing(kept) as unfinished:
        save_file({"states": states.cpu().contiguous()}, unfinished)
    return states


def _vision_key(params: Params, base: Path, device: torch.device) -> str:
    """Return a key of everything that the states of a pass depend on beside its pictures."""
    return make_key(
        base=digest_folder(base),
        compute=params.compute.model_dump(exclude={"loader_processes"}),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        code=digest_code("models/blip.py", "models/checkpoint.py", "models/runtime.py", "dataset/loader.py"),
    )


def _key(
    params: Params,
    base: Path,
    adapter: Path | None,
    pairs: pd.DataFrame,
    reader: ImageReader,
    candidates: list[str] | None,
    device: torch.device,
) -> str:
    """Return a key of everything that the answers depend on."""
    return make_key(
        base=digest_folder(base),
        adapter=None if adapter is None else digest_folder(adapter),
        pairs=digest_table(pairs, ["qa_id", "image_id", "question"]),
        pictures=digest_contents(map(reader.content, dict.fromkeys(pairs["image_id"]))),
        candidates=candidates,
        predict=params.predict.model_dump(exclude={"checkpoint_every", "launcher", "keep_vision_states"}),
        compute=params.compute.model_dump(exclude={"loader_processes"}),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        processes=PartialState().num_processes,
        code=digest_code(
            "evaluation/predict.py", "models", "dataset/loader.py", "dataset/steps.py", "pictures.py"
        ),
    )
