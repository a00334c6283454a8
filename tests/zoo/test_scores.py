"""Scores of the tasks of a model that answers in sentences."""

import pandas as pd

from vqatune.params import Params
from vqatune.tables import PAIRS, PREDICTIONS, TASKS, write_table
from vqatune.zoo.scores import score_zoo_tasks

PAIR = {name: "same" for name in PAIRS.names} | {"difficulty": pd.NA}


def test_sentences_are_cut_and_choices_that_are_sentences_stay_whole(tmp_path):
    asked = ("a1", "unanswerable", "red", None, "The mug is red.")
    title = "The Mask is Gold"
    chosen = ("c1", "multiple_choice", title, [title, "gold", "a", "b"], title)
    test = pd.DataFrame([PAIR | {"qa_id": "q1", "task": "general", "answer": "red"}])
    tasks = pd.DataFrame(
        [
            PAIR | {"qa_id": name, "task": task, "answer": answer, "group": "q1", "choices": choices}
            for name, task, answer, choices, _ in (asked, chosen)
        ]
    )
    for folder, table, said in (
        ("", test, ["It is red."]),
        ("tasks/", tasks, [asked[-1], chosen[-1]]),
    ):
        predictions = table[["qa_id"]].assign(prediction=said, log_probability=-1.0, grounding=None)
        path = tmp_path / f"zoo/predictions/{folder}some.parquet"
        write_table(predictions, path, PREDICTIONS)
    write_table(test.astype({"difficulty": "Int8"}), tmp_path / "data/test.parquet", PAIRS)
    write_table(tasks.astype({"difficulty": "Int8"}), tmp_path / "data/tasks.parquet", TASKS)
    scores = score_zoo_tasks(tmp_path, "some", Params())
    whole = scores[scores["slice"] == ""].set_index(["task", "metric"])["score"]
    assert whole["unanswerable", "exact_match"] == 1
    assert whole["multiple_choice", "choice_accuracy"] == 1
