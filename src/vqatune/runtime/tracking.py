"""Experiment tracking during training: DVCLive's files, and TensorBoard or Weights & Biases on request.

Trackers write under `.work/`, outside of git and DVC's outputs; the version's log.csv, with the same rows, is the
permanent record.
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
"""The project on Weights & Biases."""
SYNC_SECONDS = 1.0
"""The shortest time between two syncs of DVCLive, which read all of its files,"""
SYNC_SHARE = 0.02
"""and the largest share of the time that they may take."""

INSTALLED = {
    "tensorboard": (is_tensorboard_available, "tensorboardX"),
    "wandb": (is_wandb_available, "wandb"),
}
"""The trackers of train.report_to: whether each is installed, and its package."""


def check_trackers(names: list[str]) -> None:
    """Raise ParameterError where a tracker is not installed."""
    for name in names:
        available, package = INSTALLED[name]
        if not available():
            raise ParameterError(
                f"train.report_to asks for {name}, which is not installed: "
                f"`pip install {package}`, or take it out of params.yaml"
            )


class Reports:
    """Passes new rows of a version's log to trackers."""

    def __init__(self, trackers: list[GeneralTracker]) -> None:
        self._trackers = trackers
        self._passed = 0

    def follow(self, log: list[dict]) -> None:
        """Pass on the rows that are new since the last call.

        Args:
            log: of the version from its first step on, a row per step: step, and values by name (None: unknown).
        """
        for row in log[self._passed :]:
            values = {name: value for name, value in row.items() if name != "step" and value is not None}
            for tracker in self._trackers:
                tracker.log(values, step=row["step"])
        self._passed = len(log)


@contextmanager
def reporting(version: str, params: Params, work: Path | None) -> Iterator[Reports]:
    """Start the trackers of a version's training, without earlier rows, and finish them after the block.

    Args:
        version: its name.
        params: uses train.report_to; seed, lora, train and compute are recorded.
        work: `live/<version>` in it is DVCLive's, `tensorboard/<version>` TensorBoard's, `wandb` that of Weights &
            Biases; None for no trackers.

    Yields:
        The reports to pass the log to; they have no trackers in processes other than the first.

    Raises:
        ParameterError: Weights & Biases cannot start a run.
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
    # Its warnings concern DVC experiments, which are not used here.
    if "DVCLIVE_LOGLEVEL" not in os.environ:
        logging.getLogger("dvclive").setLevel(logging.ERROR)
    tracker = DVCLiveTracker(live=_Live(_emptied(work / "live" / version)))
    tracker.store_init_configuration(_recorded(params))
    return tracker


def _start_tensorboard(version: str, params: Params, work: Path) -> GeneralTracker:
    _emptied(work / "tensorboard" / version)
    tracker = TensorBoardTracker(version, work / "tensorboard")
    tracker.start()
    # As text, because TensorBoard shows hyperparameters as a separate run.
    text = yaml.safe_dump(_recorded(params), sort_keys=False)
    tracker.log({"parameters": "".join(f"    {line}\n" for line in text.splitlines())}, step=0)
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
    tracker.store_init_configuration(_recorded(params))
    return tracker


STARTS: dict[str, Callable[[str, Params, Path], GeneralTracker]] = {
    "tensorboard": _start_tensorboard,
    "wandb": _start_wandb,
}


class _Live(Live):
    """DVCLive writing files only: no experiment, no dvc.yaml, no report.

    In every step Live reads all of its files again, for DVC Studio; here it does so at intervals.
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


def _recorded(params: Params) -> dict:
    """Return the parameters to record."""
    return {"seed": params.seed} | {
        "lora": params.lora.model_dump(),
        "train": params.train.model_dump(exclude={"checkpoint_every", "launcher", "report_to"}),
        "compute": params.compute.model_dump(),
    }


def _emptied(folder: Path) -> Path:
    """Delete a folder and return it: rows from before a stop are passed on again."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _without_dvc() -> bool:
    """Whether this is a git repository without DVC, in which DVCLive would initialise DVC."""
    above = [Path.cwd(), *Path.cwd().parents]
    return not any((folder / ".dvc").is_dir() for folder in above) and any(
        (folder / ".git").exists() for folder in above
    )
