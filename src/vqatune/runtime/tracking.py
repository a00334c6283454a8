"""Where a training is watched while it runs: DVCLive's files, and TensorBoard or Weights & Biases when asked for.

What is written here is for looking at. It lies under `.work/`, so that it is no output of DVC and nothing of git;
what stays of a training is the version's log.csv, which has the same rows.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml
from accelerate import PartialState
from accelerate.tracking import DVCLiveTracker, GeneralTracker, TensorBoardTracker, WandBTracker
from accelerate.utils import is_tensorboard_available, is_wandb_available
from dvclive import Live

from vqatune.errors import ParameterError
from vqatune.params import Params

PROJECT = "vqatune"
"""What the versions are collected under on Weights & Biases."""
SYNC_SECONDS = 1.0
"""DVCLive reads all that it has written at most so often,"""
SYNC_SHARE = 0.02
"""and in at most this share of the time."""

INSTALLED = {
    "tensorboard": (is_tensorboard_available, "tensorboardX"),
    "wandb": (is_wandb_available, "wandb"),
}
"""What train.report_to may name: whether it can be used, and what to install where it cannot."""


def check_trackers(names: list[str]) -> None:
    """Raise ParameterError where a tracker that is asked for is not installed."""
    for name in names:
        available, package = INSTALLED[name]
        if not available():
            raise ParameterError(
                f"train.report_to asks for {name}, which is not installed: "
                f"`pip install {package}`, or take it out of params.yaml"
            )


class Reports:
    """The rows of a version's log, handed to trackers as they come."""

    def __init__(self, trackers: list[GeneralTracker]) -> None:
        self._trackers = trackers
        self._given = 0

    def follow(self, log: list[dict]) -> None:
        """Hand on the rows that have come since the last call.

        Args:
            log: of the version from its first step on, a row a step: step, and values by name (None: not known).
        """
        for row in log[self._given :]:
            values = {name: value for name, value in row.items() if name != "step" and value is not None}
            for tracker in self._trackers:
                tracker.log(values, step=row["step"])
        self._given = len(log)


@contextmanager
def reporting(version: str, params: Params, work: Path | None) -> Iterator[Reports]:
    """Start the trackers of a version's training, each from nothing, and end them with the block.

    Args:
        version: its name.
        params: uses train.report_to; the trackers are told seed, lora, train, compute.
        work: `live/<version>` in it is DVCLive's, `tensorboard/<version>` TensorBoard's, `wandb` that of Weights &
            Biases; None for no trackers.

    Yields:
        What to give the log to; in processes other than the first it goes nowhere.

    Raises:
        ParameterError: Weights & Biases does not let a run begin.
    """
    with ExitStack() as stack:
        trackers: list[GeneralTracker] = []
        if work is not None and PartialState().is_main_process:
            starts = [_start_dvclive] * (not _without_dvc())
            starts += [STARTS[name] for name in dict.fromkeys(params.train.report_to)]
            for start in starts:
                trackers.append(start(version, params, work))
                stack.callback(trackers[-1].finish)
        yield Reports(trackers)


def _start_dvclive(version: str, params: Params, work: Path) -> GeneralTracker:
    # Its warnings are about experiments, of which a version is none by itself.
    if "DVCLIVE_LOGLEVEL" not in os.environ:
        logging.getLogger("dvclive").setLevel(logging.ERROR)
    tracker = DVCLiveTracker(live=_Live(_emptied(work / "live" / version)))
    tracker.store_init_configuration(_told(params))
    return tracker


def _start_tensorboard(version: str, params: Params, work: Path) -> GeneralTracker:
    _emptied(work / "tensorboard" / version)
    tracker = TensorBoardTracker(version, work / "tensorboard")
    tracker.start()
    # As text, because TensorBoard makes a run of its own of what it calls hyperparameters.
    told = yaml.safe_dump(_told(params), sort_keys=False)
    tracker.log({"parameters": "".join(f"    {line}\n" for line in told.splitlines())}, step=0)
    return tracker


def _start_wandb(version: str, params: Params, work: Path) -> GeneralTracker:
    from wandb.errors import Error

    work.mkdir(parents=True, exist_ok=True)
    tracker = WandBTracker(PROJECT, name=version, dir=str(work))
    try:
        tracker.start()
    except Error as error:
        reason = " ".join(str(error).split())
        raise ParameterError(
            f"Weights & Biases lets no run of {version} begin ({reason}): `wandb login`, or set WANDB_MODE=offline, "
            "or take wandb out of train.report_to in params.yaml"
        ) from error
    tracker.store_init_configuration(_told(params))
    return tracker


STARTS: dict[str, Callable[[str, Params, Path], GeneralTracker]] = {
    "tensorboard": _start_tensorboard,
    "wandb": _start_wandb,
}


class _Live(Live):
    """DVCLive's log, in files alone: no experiment, no dvc.yaml, no report.

    In each step Live reads again all that it has written before, for DVC Studio, whether anyone has that or not;
    here it does so now and then.
    """

    def __init__(self, folder: Path) -> None:
        self._next_sync = 0.0
        super().__init__(str(folder), save_dvc_exp=False, dvcyaml=None)

    def next_step(self) -> None:
        began = time.monotonic()
        if began < self._next_sync:
            self.make_summary()
            self.step += 1
            return
        super().next_step()
        ended = time.monotonic()
        self._next_sync = ended + max(SYNC_SECONDS, (ended - began) / SYNC_SHARE)


def _told(params: Params) -> dict:
    """Return the parameters that make a version what it is."""
    return {"seed": params.seed} | {
        "lora": params.lora.model_dump(),
        "train": params.train.model_dump(exclude={"checkpoint_every", "launcher", "report_to"}),
        "compute": params.compute.model_dump(),
    }


def _emptied(folder: Path) -> Path:
    """Return a folder that does not exist: rows of an earlier training, or from before a stop, are given again."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _without_dvc() -> bool:
    """Whether this is a git repository without DVC: DVCLive would set DVC up there."""
    above = [Path.cwd(), *Path.cwd().parents]
    return not any((folder / ".dvc").is_dir() for folder in above) and any(
        (folder / ".git").exists() for folder in above
    )
