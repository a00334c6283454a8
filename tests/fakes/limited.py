"""A script whose files may not grow: `python limited.py BYTES SCRIPT ARGUMENTS…`, or warm by `warm.RUN` before it.

Writing beyond the limit fails as on a full disk, with another number of the system's error.
"""

import resource
import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    # Python before 3.12.8 would leave .pyc files that are cut at the limit.
    sys.dont_write_bytecode = True
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    del sys.argv[:2]
    sys.path[0] = str(Path(sys.argv[0]).absolute().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
