"""The process of a WarmServer: `python warm_server.py COMMAND…` forks itself for scripts until the command has ended.

It imports the libraries first, or has them from another such process, whose socket the environment names.
"""

import sys

from vqatune.runtime import warm_start
from vqatune.runtime.arithmetic import choose_arithmetic

LIBRARIES = ("nltk", "sentence_transformers", "matplotlib.pyplot", "altair", "dvc.repo", "kept")
"""What stages import later than the libraries of warm_start, and would here import again in every test."""

if __name__ == "__main__":
    choose_arithmetic()
    warm_start.hand_over()
    warm_start.LIBRARIES += LIBRARIES
    sys.exit(warm_start.run_command(sys.argv[1:]))
