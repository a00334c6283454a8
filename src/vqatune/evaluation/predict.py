"""A version's answers to the test set, image by image."""

from pathlib import Path

import pandas as pd

from vqatune.dataset.loader import Encoder, ImageReader, batches, image_groups
from vqatune.models import lora
from vqatune.models.blip import greedy_answers
from vqatune.models.checkpoint import load_model, load_processor
from vqatune.models.runtime import start
from vqatune.params import Params
from vqatune.progress import bar


def predict(
    params: Params, version: str, base: Path, adapter: Path | None, pairs: pd.DataFrame, places: pd.DataFrame
) -> pd.DataFrame:
    """Return the answers of one version: tables.PREDICTIONS, a row a pair, in the order of image and pair.

    Args:
        params: uses predict and compute.
        version: its name, shown while it works.
        base: folder of the base checkpoint.
        adapter: folder of the version; None for the base itself.
        pairs: tables.PAIRS, in any order.
        places: image_id, archive, offset, length of at least the pairs' images.
    """
    device = start(params.compute, params.seed, "predict")
    encoder = Encoder(load_processor(base if adapter is None else adapter))
    model = load_model(base)
    if adapter is not None:
        model = lora.load_adapter(model, adapter).merge_and_unload()
    model.to(device).eval()
    pairs = pairs.sort_values(["image_id", "qa_id"], ignore_index=True)
    texts, scores = [], []
    with bar() as progress:
        task = progress.add_task(f"predict {version}", total=len(image_groups(pairs)))
        steps = batches(pairs, ImageReader(places), encoder, params.predict.images_per_step, answers=False)
        for _, batch in steps:
            ids, log_probability = greedy_answers(model, batch.to(device), params.predict.max_answer_tokens)
            texts += encoder.decode(ids)
            scores += log_probability.double().tolist()
            progress.advance(task, len(batch.pixel_values))
    return pd.DataFrame({"qa_id": pairs["qa_id"], "prediction": texts, "log_probability": scores})
