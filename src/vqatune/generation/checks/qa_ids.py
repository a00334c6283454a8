"""The ids of pairs."""

from hashlib import blake2b

import pandas as pd

from vqatune.generation.checks.cleaning import fold, map_distinct


def qa_ids(pairs: pd.DataFrame) -> pd.Series:
    """Return each pair's id, 16 hex digits: a hash of its image_id and its question without case and punctuation."""
    keys = pairs["image_id"] + "\x1f" + map_distinct(fold, pairs["question"])
    ids = [blake2b(key.encode(), digest_size=8).hexdigest() for key in keys.to_numpy(dtype=object)]
    return pd.Series(ids, index=pairs.index, dtype="str")
