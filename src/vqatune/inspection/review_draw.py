"""Drawing pairs for people to review."""

import pandas as pd

from vqatune.tables import CHECKED
from vqatune.tables.hash_ranks import hash_ranks

DROPPED_SHARE = 0.25
"""The share of dropped pairs among those that are drawn."""
_OF_PEOPLE = ("reviewed_wrong",)
"""Checks that people decide."""


def draw_for_review(kept: pd.DataFrame, dropped: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Draw pairs to review, in the order in which people see them, which says nothing of what the checks say.

    Kept pairs are a simple random sample, so shares among them are those of all; of dropped ones, a quarter of all that are
    drawn, every check has as equal a number as it can, each a random sample of its own. The draw depends on the pairs
    alone, so all reviewers have the same pairs in the same order, and a smaller draw is part of a larger one.

    kept: the columns of tables.PAIRS; dropped: those of tables.CHECKED. Returns those of tables.CHECKED, with `check` missing
    for kept pairs.
    """
    kept = kept.assign(check=pd.Series(None, index=kept.index, dtype="str"))[CHECKED.names]
    dropped = dropped[~dropped["check"].isin(_OF_PEOPLE) & (dropped["question"] != "")]
    wanted = min(len(dropped), round(DROPPED_SHARE * count))
    wanted = max(wanted, min(len(dropped), count - len(kept)))
    few_kept = _ranked(kept, seed).head(count - wanted)
    ranked = _ranked(dropped, seed)
    ranked["turn"] = ranked.groupby("check").cumcount()
    few_dropped = ranked.sort_values(["turn", "rank"], kind="stable").head(wanted)
    drawn = pd.concat([few_kept, few_dropped[few_kept.columns]])
    return drawn.sort_values(["rank", "qa_id", "answer"], ignore_index=True)[CHECKED.names]


def _ranked(pairs: pd.DataFrame, seed: int) -> pd.DataFrame:
    keys = pairs["qa_id"] + "\x1f" + pairs["answer"]
    ranked = pairs.assign(rank=hash_ranks(seed, "review", keys))
    return ranked.sort_values(["rank", "qa_id", "answer"], kind="stable")
