"""All stages up to the scores of v1, one after the other in one process: `python every_stage.py` in a checkout.

Not the report: its charts are compiled by V8, which does not run under qemu-user.
"""

import os
import runpy
import sys
from pathlib import Path

STAGES = (
    *("raw", "extract", "filter", "sample", "generate", "split", "tasks", "batch", "base"),
    *("train v1 base 01", "predict base", "predict v1", "eval base", "eval v1"),
)

if __name__ == "__main__":
    sys.path.insert(0, os.path.abspath("stages"))
    for stage in STAGES:
        name, *arguments = stage.split()
        sys.argv = [f"stages/{name}.py", *arguments]
        for folder in ("data/raw", "data/extracted", "data/predictions", "metrics/intervals", "metrics/by"):
            Path(folder).mkdir(parents=True, exist_ok=True)
        runpy.run_path(sys.argv[0], run_name="__main__")
