"""What surrounds a stage's one call: parameters read and checked, errors as one line, seconds and memory kept."""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from vqatune.errors import DataError, MissingExtraError, Stopped, VqatuneError
from vqatune.params import Params, load_params
from vqatune.runtime.extras import naming_extras
from vqatune.runtime.launch import launched, relaunch
from vqatune.tables import write_json

TIMINGS = Path(".work/timings")
LOCKS = Path(".work/locks")


def run(
    main: Callable[..., None],
    for_each: bool = False,
    launcher: Callable[[Params], str | None] = lambda params: None,
) -> None:
    """Call `main(params, *arguments of the command line)` as the stage named after its script.

    With `for_each` the stage is one of several, named after the first argument, too: train@v7. Where `launcher`
    finds a command in the parameters, that starts this script again in several processes.

    An error of ours is printed as one line and exits with 1; `.work/timings/<stage>.json` gets the seconds and
    the peak memory (MB; the largest of this process and its workers).
    """
    arguments = sys.argv[1:]
    name = "@".join([Path(sys.argv[0]).stem, *arguments[: 1 if for_each else 0]])
    start = time.perf_counter()
    try:
        params = load_params()
        command = launcher(params)
        with _alone(name):
            if command and not launched():
                relaunch(command)
            else:
                with naming_extras():
                    main(params, *arguments)
    except Stopped as stopped:
        print(f"{name}: {stopped}", file=sys.stderr)
        sys.exit(stopped.status)
    except VqatuneError as error:
        print(f"error in {name}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{name}: stopped; `dvc repro` goes on from here", file=sys.stderr)
        sys.exit(130)
    if launched():
        return
    record = {"stage": name, "seconds": round(time.perf_counter() - start, 2), "peak_mb": round(_peak_mb())}
    write_json(record, TIMINGS / f"{name}.json")


def show_failed_import(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print one line for a stage whose imports need an extra that is not installed; a hook for sys.excepthook."""
    if not isinstance(error, ModuleNotFoundError):
        sys.__excepthook__(kind, error, traceback)
        return
    try:
        with naming_extras():
            raise error
    except MissingExtraError as missing:
        print(f"error in {Path(sys.argv[0]).stem}: {missing}", file=sys.stderr)
    except ModuleNotFoundError:
        sys.__excepthook__(kind, error, traceback)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Hold a lock on the stage, which a killed `dvc repro` may have left running."""
    if launched():
        yield
        return
    LOCKS.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(LOCKS / f"{name}.lock", timeout=0):
            yield
    except Timeout as error:
        raise DataError("it is already running in this folder: wait for it, or stop that process") from error


def _peak_mb() -> float:
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def timings() -> list[dict]:
    """Return what the stages last took: a list of {stage, seconds, peak_mb}, longest first."""
    records = [json.loads(path.read_text()) for path in TIMINGS.glob("*.json")]
    return sorted(records, key=lambda record: (-record["seconds"], record["stage"]))
