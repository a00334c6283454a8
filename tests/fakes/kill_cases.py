"""What is killed: every stage and every command that writes, with its outputs and what stands there before."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from warm import VQATUNE

ABSENT, OLDER, AS_IT_IS = "absent", "older", "as it is"
"""The outputs before a round: not there, there with other bytes, or what the project has."""
MANY_STEPS = {"train.images_per_step": 8, "train.checkpoint_every": 4}
MANY_PARTS = {"predict.images_per_step": 8, "predict.checkpoint_every": 1, "predict.grounding_questions": 40}
ZOO = {"zoo.models": {"tiny": {"path": "data/unset/zoo.path", "family": "blip"}}, "zoo.tiny_steps": 2}
TUNED = "data/predictions/v2.parquet"

Run = Callable[..., object]
"""Runs a command in the project, to its end."""


@dataclass(frozen=True)
class Case:
    """A stage or command, and how it is killed."""

    command: str
    """As DVC runs it, or that of vqatune."""
    outputs: tuple[str, ...]
    """Files and folders."""
    params: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[Path, Run], None] = lambda root, run: None
    before: tuple[str, ...] = (ABSENT, OLDER)
    work: tuple[str, ...] = ()
    """What of .work is not there before a round."""
    varying: tuple[str, ...] = ()
    """Outputs with times and memory, which no two runs have in common."""
    resumes: str = ""
    """An event of writing, as a regular expression: a run that resumes has fewer of them than a run from the start."""
    workers: int = 1
    events: int = 12
    """At how many of its events of writing it is killed, at most."""
    moments: int = 6
    """At how many random moments."""
    only_new: bool = False
    """Whether it makes new outputs only, and refuses where there are some."""
    says: bool = False
    """Whether what it prints is a result, too."""

    def arguments(self) -> list[str]:
        """Return its script and arguments."""
        script, *rest = self.command.split()
        return [VQATUNE[-1], *rest] if script == "vqatune" else [f"stages/{script}.py", *rest]


def recorded(root: Path, run: Run) -> None:
    """Have the pairs of the project as a file of recorded pairs."""
    run(VQATUNE[-1], "export-qa", "--format", "csv", "recorded.csv")


def questions(root: Path, run: Run) -> None:
    """Write a file of questions about two pictures, and a table of pictures with pairs."""
    (root / "pictures").mkdir()
    for name in ("red", "blue"):
        Image.new("RGB", (32, 32), name).save(root / f"pictures/{name}.png")
    rows = [(f"{name}.png", f"what is it {n}?", name) for n in range(40) for name in ("red", "blue")]
    frame = pd.DataFrame(rows, columns=["image", "question", "answer"])
    frame.drop(columns="answer").to_csv(root / "questions.csv", index=False)
    frame.to_csv(root / "own.csv", index=False)


def annotations(root: Path, run: Run) -> None:
    """Write an export of Label Studio with a verdict on each of some pairs."""
    pairs = pd.read_parquet(root / "data/qa.parquet").head(50).astype(str)
    result = [
        {"from_name": "verdict", "to_name": "image", "type": "choices", "value": {"choices": ["right"]}}
    ]
    tasks = [
        {"data": data, "annotations": [{"completed_by": 1, "was_cancelled": False, "result": result}]}
        for data in pairs.to_dict("records")
    ]
    (root / "tasks.json").write_text(json.dumps(tasks))


def zoo_until(*stages: str) -> Callable[[Path, Run], None]:
    """Run the first stages of the zoo."""

    def prepare(root: Path, run: Run) -> None:
        for stage in stages:
            run(f"stages/{stage}.py", "tiny")

    return prepare


def of_eval(name: str) -> tuple[str, ...]:
    """Return the outputs of the stage eval."""
    return (
        *(f"metrics/{folder}{name}.json" for folder in ("", "validation/", "tasks/")),
        *(
            f"metrics/{folder}/{name}.csv"
            for folder in ("intervals", "by", "confusion", "tasks", "tasks/curves")
        ),
    )


def of_predict(name: str) -> tuple[str, ...]:
    """Return the outputs of the stage predict."""
    return tuple(f"data/predictions/{folder}{name}.parquet" for folder in ("", "validation/", "tasks/"))


PAIRS = ("data/qa.parquet", "data/dropped.parquet", "metrics/data/generate.json", "metrics/data/checks.csv")
SCORES = (".work/scores",)
STAGES = {
    "raw": Case("raw", ("data/raw",)),
    "extract": Case("extract", ("data/extracted", "metrics/data/extract.json")),
    "filter": Case("filter", ("data/filtered.parquet", "metrics/data/filter.json")),
    "filter, 2 workers": Case("filter", ("data/filtered.parquet", "metrics/data/filter.json"), workers=2),
    "sample": Case(
        "sample", ("data/sampled.parquet", "metrics/data/sample.csv", "metrics/data/distribution.png")
    ),
    "generate": Case("generate", (*PAIRS, "metrics/generation.json")),
    "generate, 2 workers": Case("generate", (*PAIRS, "metrics/generation.json"), workers=2),
    "generate, recorded": Case(
        "generate",
        (*PAIRS, "metrics/generation.json"),
        {"generate.provider": "recorded", "generate.path": "recorded.csv"},
        recorded,
    ),
    "split": Case(
        "split",
        (*(f"data/{name}.parquet" for name in ("train", "validation", "test")), "metrics/data/split.json"),
    ),
    "tasks": Case("tasks", ("data/tasks.parquet", "metrics/data/tasks.json")),
    "batch": Case("batch", ("data/batches", "metrics/data/batches.csv")),
    "batch, shards": Case(
        "batch",
        ("data/batches", "metrics/data/batches.csv", "data/shards"),
        {"batch.shards": True},
        resumes=r"os\.rename .*data/shards/",
    ),
    "base": Case("base", ("models/base",), events=16),
    "train v1": Case(
        "train v1 base 01", ("models/v1",), MANY_STEPS, resumes=r"os\.mkdir .*\.work/training/", events=20
    ),
    "train v2": Case(
        "train v2 v1 02", ("models/v2",), MANY_STEPS, resumes=r"os\.mkdir .*\.work/training/", events=24
    ),
    "blind": Case("blind", of_predict("blind")),
    "predict base": Case(
        "predict base", of_predict("base"), MANY_PARTS, resumes=r"\.work/predictions/", events=24
    ),
    "predict v1": Case("predict v1", of_predict("v1"), MANY_PARTS, resumes=r"\.work/predictions/", events=24),
    "eval base": Case("eval base", of_eval("base"), work=SCORES, events=6, moments=2),
    "eval v1": Case("eval v1", of_eval("v1")),
    "report": Case(
        "report",
        ("metrics/history.csv", "metrics/loss.csv", "metrics/curves", "metrics/report.html"),
        events=24,
    ),
    "zoo_load": Case("zoo_load tiny", ("zoo/models/tiny",), ZOO),
    "zoo_predict": Case(
        "zoo_predict tiny",
        (
            "zoo/predictions/tiny.parquet",
            "zoo/predictions/tasks/tiny.parquet",
            "metrics/zoo/measured/tiny.json",
        ),
        ZOO,
        zoo_until("zoo_load"),
        varying=("metrics/zoo/measured/tiny.json",),
    ),
    "zoo_eval": Case(
        "zoo_eval tiny",
        tuple(f"metrics/zoo/{folder}/tiny.csv" for folder in ("intervals", "by", "tasks")),
        ZOO,
        zoo_until("zoo_load", "zoo_predict"),
    ),
    "zoo_report": Case(
        "zoo_report",
        ("metrics/zoo.csv", "metrics/zoo.html"),
        ZOO,
        zoo_until("zoo_load", "zoo_predict", "zoo_eval"),
    ),
}
COMMANDS = {
    "answer": Case(
        "vqatune answer questions.csv --images pictures --version v2 --out answers.csv",
        ("answers.csv",),
        prepare=questions,
        before=(ABSENT,),
        only_new=True,
        resumes=r"\.work/answers/",
        events=24,
    ),
    "score": Case(
        f"vqatune score {TUNED} --references data/test.parquet --on qa_id --metric exact_match",
        (),
        work=SCORES,
        says=True,
    ),
    "export": Case("vqatune export v2 --merged merged", ("merged",), before=(ABSENT,), only_new=True),
    "export-qa, folder": Case(
        "vqatune export-qa --format json-per-image pairs", ("pairs",), before=(ABSENT,), only_new=True
    ),
    "export-qa, csv": Case(
        "vqatune export-qa --format csv pairs.csv", ("pairs.csv",), before=(ABSENT,), only_new=True
    ),
    "publish": Case(
        "vqatune publish v2 --repo someone/something --folder published",
        ("published/model", "published/dataset"),
        before=(ABSENT,),
    ),
    "report --out": Case("vqatune report --out page.html", ("page.html",), varying=("page.html",)),
    "pairs --page": Case("vqatune pairs --page --no-open --out pairs.html", ("pairs.html",)),
    "use": Case(
        "vqatune use own.csv --pictures pictures --yes",
        ("params.yaml",),
        prepare=questions,
        before=(AS_IT_IS,),
    ),
    "review import": Case(
        "vqatune review import tasks.json", ("reviews.csv",), prepare=annotations, before=(ABSENT,)
    ),
}
