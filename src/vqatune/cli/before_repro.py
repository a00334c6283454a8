"""`python -m vqatune.cli.before_repro`: what `make repro` is about to do, and how long that takes.

It also checks what DVC is about to read, whose own messages do not say what to do: params.yaml, and what a DVC that was
stopped has left.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from vqatune.errors import VqatuneError
from vqatune.params import BASE, BLIND, Params, load_params
from vqatune.params.changed import changed
from vqatune.runtime.dvc_files import check_dvc_files
from vqatune.runtime.outdated import outdated_stages, stage_names
from vqatune.runtime.output import say
from vqatune.runtime.stage import timings

BASE_SECONDS, TRAIN_SECONDS, PREDICT_SECONDS, EVAL_SECONDS = 0.2, 160.0, 154.0, 56.0
"""What these stages took, all versions together, with the default parameters on two cores that had other work as well
(docs/performance.md, at its end)."""
ALL_SECONDS = 481.0
"""What all stages took there, with all that DVC does between them."""
GROUPS = {
    "data": (
        ("raw", "extract", "filter", "sample", "generate", "split", "tasks", "batch"),
        "the catalogue, its pictures, questions with answers, and their split",
    ),
    "base model": (("base",), "what the first version is tuned from"),
    "versions": (("train",), "each tuned from the one before on its batch"),
    "predictions": (("predict", "blind"), "answers to the test and validation questions"),
    "scores": (("eval",), "of these answers"),
    "page": (("report",), "metrics/report.html"),
}
"""What a reader is told → the stages of it, and what they make."""
_MEASURED = {"base": BASE_SECONDS, "train": TRAIN_SECONDS, "predict": PREDICT_SECONDS, "eval": EVAL_SECONDS}
_MOST_NAMED = 5


def main(root: Path = Path()) -> None:
    """Check params.yaml and dvc.lock, and say which stages are out of date and how long they take.

    Raises ParameterError where params.yaml is wrong, DataError where dvc.lock, DVC's own lock or a record of a stage's
    time is damaged.
    """
    params = load_params(root / "params.yaml")
    check_dvc_files(root, ["dvc.lock"])
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    values = yaml.load((root / "params.yaml").read_text(encoding="utf-8"), Loader=loader)
    stages = outdated_stages(root, values)
    if not stages:
        say("Nothing is out of date: no stage has to run.")
        return
    names = stage_names(root, values)
    say(f"To do: {len(stages)} of {len(names)} stages, at most (what DVC has in its cache is not run again)")
    for group, (kinds, made) in GROUPS.items():
        of_it = [name for name in stages if name.partition("@")[0] in kinds]
        if of_it:
            say(f"  {group:<12} {_listed(of_it)}: {made}")
    say(how_long(stages, names, params))
    say("Ctrl-C stops it; started again, it goes on from there.", flush=True)


def how_long(stages: Sequence[str], names: Sequence[str], params: Params) -> str:
    """Say how long stages take: as their last runs here, or as measured where the parameters are the measured ones.

    stages: those that run. names: all.
    """
    between = _seconds_between(names)
    here = {record["stage"]: record["seconds"] for record in timings()}
    if all(stage in here for stage in stages):
        seconds = sum(here[stage] + between for stage in stages)
        return f"{_about(seconds)}, as long as their last runs on this machine."
    differing = list(changed(params))
    if not differing:
        seconds = sum(_measured(stage, names) + between for stage in stages)
        return (
            f"{_about(seconds)} on two cores of a slow machine, which had other work as well (measured: "
            "docs/performance.md); less on an idle one."
        )
    more = len(differing) - _MOST_NAMED
    named = ", ".join(differing[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    said = (
        f"How long that takes is known for the default parameters alone, {_about(ALL_SECONDS).lower()} for all "
        f"stages; here others are {named}."
    )
    if params.generate.provider not in ("recorded", "template"):
        said += " After `dvc repro sample`, `vqatune estimate` says what the model's replies take."
    return said


def _listed(stages: Sequence[str]) -> str:
    """Return the names of stages in the order of the chain, those of many versions by the first and the last."""
    kinds: dict[str, list[str]] = {}
    for stage in stages:
        kind, _, version = stage.partition("@")
        kinds.setdefault(kind, []).append(version)
    parts = []
    for kind, versions in kinds.items():
        # DVC sorts the versions before base and blind, which come first.
        ordered = [each for each in (BLIND, BASE) if each in versions]
        ordered += [each for each in versions if each not in ordered]
        if ordered == [""]:
            parts.append(kind)
        elif len(ordered) > 2:
            parts.append(f"{kind} of {ordered[0]} to {ordered[-1]}")
        else:
            parts.append(f"{kind} of {' and '.join(ordered)}")
    return ", ".join(parts)


def _measured(stage: str, names: Sequence[str]) -> float:
    """Return the measured seconds of a stage: its share of those of its kind."""
    kind = stage.partition("@")[0]
    return _MEASURED.get(kind, 0.0) / sum(name.partition("@")[0] == kind for name in names)


def _seconds_between(names: Sequence[str]) -> float:
    """Return what a stage took beside its kind's measured seconds: the other stages, and DVC, shared among all."""
    return (ALL_SECONDS - sum(_MEASURED.values())) / len(names)


def _about(seconds: float) -> str:
    if seconds < 45:
        return "Less than a minute"
    minutes = round(seconds / 60)
    return f"About {minutes} minutes" if minutes > 1 else "About a minute"


if __name__ == "__main__":
    try:
        main()
    except VqatuneError as error:
        sys.exit(f"error: {error}")
