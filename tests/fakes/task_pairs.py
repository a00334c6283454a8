"""Pairs of benchmark tasks."""

import pandas as pd


def task_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return pairs of two tasks about the pictures of some pairs (tables.TASKS): asked, and with choices."""
    asked = pairs.assign(task="multi_angle", qa_id="asked-" + pairs["qa_id"], choices=None)
    chosen = pairs.assign(task="multiple_choice", qa_id="chosen-" + pairs["qa_id"])
    chosen["choices"] = [["red", "3", "yes", "blue"]] * len(pairs)
    return pd.concat([asked, chosen], ignore_index=True).assign(group=[*pairs["qa_id"]] * 2)
