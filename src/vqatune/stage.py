"""What surrounds a stage's one call: parameters read and checked, errors as one line, seconds and memory kept."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from vqatune.errors import VqatuneError
from vqatune.params import load_params
from vqatune.tables import write_json

TIMINGS = Path(".work/timings")


def run(main: Callable[..., None], for_each: bool = False) -> None:
    """Call `main(params, *arguments of the command line)` as the stage named after its script.

    With `for_each` the stage is one of several, named after the first argument, too: train@v7.

    An error of ours is printed as one line and exits with 1; `.work/timings/<stage>.json` gets the seconds and
    the peak memory (MB; the largest of this process and its workers).
    """
    arguments = sys.argv[1:]
    name = "@".join([Path(sys.argv[0]).stem, *arguments[: 1 if for_each else 0]])
    start = time.perf_counter()
    try:
        main(load_params(), *arguments)
    except VqatuneError as error:
        print(f"error in {name}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{name}: stopped; `dvc repro` goes on from here", file=sys.stderr)
        sys.exit(130)
    record = {"stage": name, "seconds": round(time.perf_counter() - start, 2), "peak_mb": round(_peak_mb())}
    write_json(record, TIMINGS / f"{name}.json")


def _peak_mb() -> float:
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def timings() -> list[dict]:
    """Return what the stages last took: a list of {stage, seconds, peak_mb}, longest first."""
    records = [json.loads(path.read_text()) for path in TIMINGS.glob("*.json")]
    return sorted(records, key=lambda record: (-record["seconds"], record["stage"]))
