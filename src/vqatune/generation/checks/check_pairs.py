"""The pairs of some images, cleaned and checked, with all that is known of them: the rows of data/qa.parquet."""

from hashlib import blake2b

import pandas as pd

from vqatune.generation.checks.checks import check_pairs
from vqatune.generation.checks.cleaning import clean_pairs, each_distinct, fold
from vqatune.generation.checks.question_types import question_types
from vqatune.tables import CHECKED


def check_part(pairs: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs, clean, with the columns of tables.CHECKED: `check` names what drops a pair, missing if nothing.

    `pairs` has image_id, question, answer, difficulty, question_type, source, and perhaps place; `images` has the
    columns of tables.SAMPLED, and every image of the pairs.
    """
    about = images[["image_id", "item_id", "product_type", "language", "metadata"]]
    # Long, and the same for all pairs of an image.
    about = about.astype({"metadata": "category"})
    pairs = clean_pairs(pairs).merge(about, on="image_id", how="left", validate="many_to_one")
    pairs["check"] = check_pairs(pairs)
    pairs["qa_id"] = qa_ids(pairs)
    untyped = pairs["question_type"].isna()
    pairs.loc[untyped, "question_type"] = question_types(pairs.loc[untyped, "question"])
    pairs = pairs.rename(columns={"source": "generator"}).assign(task="general")
    # Pairs that one check drops may share everything but their answer.
    order = ["image_id", "qa_id", "check", "answer", "difficulty"]
    return pairs.sort_values(order, ignore_index=True)[CHECKED.names]


def qa_ids(pairs: pd.DataFrame) -> pd.Series:
    """Return each pair's id, 16 hex digits: a hash of its image_id and its question, whatever its case and stops."""
    keys = pairs["image_id"] + "\x1f" + each_distinct(fold, pairs["question"])
    ids = [blake2b(key.encode(), digest_size=8).hexdigest() for key in keys.to_numpy(dtype=object)]
    return pd.Series(ids, index=pairs.index, dtype="str")
