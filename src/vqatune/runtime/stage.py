"""Running a stage: read the parameters, lock, print errors as one line, record time and memory."""

import logging
import resource
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType

from vqatune.errors import MissingExtraError, ParameterError, Stopped, VqatuneError
from vqatune.params import Params, load_params
from vqatune.runtime.extras import naming_extras
from vqatune.runtime.interrupt import Signalled, handling_signals, unwind
from vqatune.runtime.launch import launched, relaunch
from vqatune.runtime.locks import LOCKS, only_one
from vqatune.runtime.logs import configure
from vqatune.runtime.machine_failures import describe_failure
from vqatune.runtime.output import say
from vqatune.runtime.parts import parse_share, set_share
from vqatune.tables import read_json, write_json

TIMINGS = Path(".work/timings")
_logger = logging.getLogger(__name__)


def run(
    main: Callable[..., None],
    for_each: bool = False,
    launcher: Callable[[Params], str | None] = lambda params: None,
    parts: bool = False,
) -> None:
    """Call `main(params, *command-line arguments)` as the stage named after its script.

    With `for_each` the name includes the first argument: train@v7. Where `launcher` returns a command, that command
    starts this script again in several processes. With `parts`, whose work all goes through `map_parts`, the script
    may be one job of an array: `--part 7/64` does the seventh of 64 shares and writes no outputs.

    A VqatuneError and a failure of the machine are printed as one line and exit with 1. `.work/timings/<stage>.json` gets the seconds and the
    peak memory (MB; the maximum over this process and its workers).
    """
    part, arguments = _take_part(sys.argv[1:])
    name = "@".join([Path(sys.argv[0]).stem, *arguments[: 1 if for_each else 0]])
    start = time.perf_counter()
    configure()
    try:
        with handling_signals(unwind):
            params = load_params()
            command = launcher(params)
            if part is not None and not parts:
                raise ParameterError("this stage has no parts that jobs could share: leave --part out")
            share = None if part is None else parse_share(name, part)
            set_share(share)
            # A killed `dvc repro` may have left the stage running.
            running = "it is already running in this folder: wait for it, or stop that process"
            # Jobs of an array run beside each other.
            lock = f"{name}.lock" if share is None else f"{name}.part-{share.job}-of-{share.jobs}.lock"
            with nullcontext() if launched() else only_one(LOCKS / lock, running):
                if command and not launched():
                    relaunch(command)
                else:
                    with naming_extras():
                        main(params, *arguments)
    except Stopped as stopped:
        say(f"{name}: {stopped}", error=stopped.status != 0)
        sys.exit(stopped.status)
    except VqatuneError as error:
        say(f"error in {name}: {error}", error=True)
        sys.exit(1)
    except KeyboardInterrupt as interrupt:
        say(f"{name}: stopped; `dvc repro` goes on from here", error=True)
        sys.exit(interrupt.status if isinstance(interrupt, Signalled) else 130)
    except Exception as error:
        failure = describe_failure(error, name)
        if failure is None:
            raise
        say(f"error in {name}: {failure}", error=True)
        sys.exit(1)
    if not launched():
        _record(name, time.perf_counter() - start)


def _take_part(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Return the value of `--part`, None without one, and the other arguments."""
    if "--part" not in arguments:
        return None, arguments
    place = arguments.index("--part")
    return " ".join(arguments[place + 1 : place + 2]), arguments[:place] + arguments[place + 2 :]


def _record(name: str, seconds: float) -> None:
    record = {"stage": name, "seconds": round(seconds, 2), "peak_mb": round(_peak_mb())}
    try:
        write_json(record, TIMINGS / f"{name}.json")
    except OSError as error:
        _logger.warning(
            "%s: its time and memory are not kept: %s", name, describe_failure(error, name) or error
        )


def show_failed_import(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print one line where imports need an extra that is not installed, or the machine fails; a hook for sys.excepthook."""
    if failure := describe_failure(error, Path(sys.argv[0]).stem):
        say(f"error in {Path(sys.argv[0]).stem}: {failure}", error=True)
        return
    if not isinstance(error, ModuleNotFoundError):
        sys.__excepthook__(kind, error, traceback)
        return
    try:
        with naming_extras():
            raise error
    except MissingExtraError as missing:
        say(f"error in {Path(sys.argv[0]).stem}: {missing}", error=True)
    except ModuleNotFoundError:
        sys.__excepthook__(kind, error, traceback)


def _peak_mb() -> float:
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def timings() -> list[dict]:
    """Return time and memory of each stage's last run: {stage, seconds, peak_mb}, the longest first.

    Raises DataError where a record is damaged.
    """
    keys = ("stage", "seconds", "peak_mb")
    records = [read_json(path, *keys, remedy="delete it") for path in TIMINGS.glob("*.json")]
    return sorted(records, key=lambda record: (-record["seconds"], record["stage"]))
