"""The question-answer pairs of the sampled images: from a provider, through one set of checks, to one table."""

import json
from functools import partial
from hashlib import blake2b
from pathlib import Path

import pandas as pd

from vqatune.errors import DataError
from vqatune.params import GenerateParams
from vqatune.progress import map_parts
from vqatune.questions.checks import (
    CHECKS,
    DIFFICULTIES,
    QUESTION_TYPES,
    check_pairs,
    clean_pairs,
    each_distinct,
    fold,
    question_types,
)
from vqatune.questions.recorded import match_images, read_recorded
from vqatune.questions.template import template_pairs
from vqatune.tables import PAIRS

IMAGES_PER_PART = 4000


def generate_pairs(sampled: pd.DataFrame, params: GenerateParams, seed: int) -> tuple[pd.DataFrame, dict]:
    """Return the pairs that pass the checks and a report of what was kept and dropped.

    `sampled` has the columns of tables.SAMPLED, one row an image. The pairs have those of tables.PAIRS, sorted by
    image_id and qa_id; `generator` is 'template', Gemini's model, or the source that a recorded pair names
    ('recorded' where it names none). The report holds counts alone: pairs, not_in_sample (pairs of other images),
    dropped (by check), kept, images, images_with_pairs, images_without_pairs, the kept pairs by question_types,
    difficulties and generators, and for gemini the images by kind of reply.

    Raises DataError where no pair is left, where the recorded pairs cannot be read, or where Gemini has not replied
    about every image, and ParameterError where Gemini cannot be asked.
    """
    replies = None
    if params.provider == "template":
        pairs = _from_template(sampled, seed)
        given = len(pairs)
    elif params.provider == "gemini":
        # Here, because the SDK is loaded with it.
        from vqatune.questions.gemini import gemini_pairs

        pairs, replies = gemini_pairs(sampled, params)
        given = len(pairs)
    else:
        pairs, given = _from_recorded(sampled, Path(params.path or ""))
    pairs = clean_pairs(pairs)
    failed = check_pairs(pairs)
    dropped = _counts(failed, CHECKS)
    if not failed.isna().any():
        reasons = ", ".join(f"{name} {count}" for name, count in dropped.items() if count)
        raise DataError(
            f"no question-answer pair is left of {len(pairs)} ({reasons or 'the provider gave none'}): "
            "look at generate.provider, and at the fields that filter.fields keeps"
        )
    kept = _complete(pairs[failed.isna()], sampled)
    answered = int(kept["image_id"].nunique())
    difficulties = _counts(kept["difficulty"], DIFFICULTIES)
    report = {
        "provider": params.provider,
        "pairs": given,
        "not_in_sample": given - len(pairs),
        "dropped": dropped,
        "kept": len(kept),
        "images": len(sampled),
        "images_with_pairs": answered,
        "images_without_pairs": len(sampled) - answered,
        "question_types": _counts(kept["question_type"], QUESTION_TYPES),
        "difficulties": {**difficulties, "none": len(kept) - sum(difficulties.values())},
        "generators": _counts(kept["generator"], sorted(kept["generator"].unique())),
        **({} if replies is None else {"replies": replies}),
    }
    return kept, report


def qa_ids(pairs: pd.DataFrame) -> pd.Series:
    """Return each pair's id, 16 hex digits: a hash of its image_id and its question, whatever its case and stops."""
    keys = pairs["image_id"] + "\x1f" + each_distinct(fold, pairs["question"])
    ids = [blake2b(key.encode(), digest_size=8).hexdigest() for key in keys]
    return pd.Series(ids, index=pairs.index, dtype="str")


def _from_template(sampled: pd.DataFrame, seed: int) -> pd.DataFrame:
    columns = sampled[["image_id", "product_type", "metadata"]].sort_values("image_id")
    starts = range(0, len(columns), IMAGES_PER_PART)
    parts = [columns.iloc[start : start + IMAGES_PER_PART] for start in starts]
    made = list(map_parts(partial(_template_part, seed=seed), parts, "making questions"))
    return pd.concat(made, ignore_index=True)


def _template_part(images: pd.DataFrame, seed: int) -> pd.DataFrame:
    rows = [
        (image_id, place, pair.question, pair.answer, pair.difficulty, pair.question_type)
        for image_id, product_type, metadata in images.itertuples(index=False)
        for place, pair in enumerate(
            template_pairs(json.loads(metadata), product_type, image_id=image_id, seed=seed)
        )
    ]
    texts = ["image_id", "question", "answer", "question_type"]
    names = ["image_id", "place", "question", "answer", "difficulty", "question_type"]
    pairs = pd.DataFrame(rows, columns=names).assign(source="template")
    return pairs.astype({"place": "int32", "difficulty": "Int8"} | dict.fromkeys(texts, "str"))


def _from_recorded(sampled: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, int]:
    recorded = read_recorded(path)
    if recorded.empty:
        raise DataError(f"{path} holds no question-answer pair")
    pairs = recorded.assign(image_id=match_images(recorded, sampled)).dropna(subset="image_id")
    return pairs.assign(source=pairs["source"].fillna("recorded")), len(recorded)


def _complete(pairs: pd.DataFrame, sampled: pd.DataFrame) -> pd.DataFrame:
    """Add what the pairs lack of the columns of tables.PAIRS."""
    about = sampled[["image_id", "item_id", "product_type", "language"]]
    pairs = pairs.merge(about, on="image_id", how="left", validate="many_to_one")
    pairs["qa_id"] = qa_ids(pairs)
    untyped = pairs["question_type"].isna()
    pairs.loc[untyped, "question_type"] = question_types(pairs.loc[untyped, "question"])
    pairs = pairs.rename(columns={"source": "generator"}).assign(task="general")
    return pairs.sort_values(["image_id", "qa_id"], ignore_index=True)[PAIRS.names]


def _counts(values: pd.Series, order: list | tuple) -> dict[str, int]:
    counts = values.value_counts()
    return {str(name): int(counts.get(name, 0)) for name in order}
