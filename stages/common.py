"""Imported first by every stage: makes this checkout's src/ the one in use, wherever DVC runs the stage."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from vqatune.runtime.interrupt import exit_at_once, handle_signals

# Importing takes seconds, in which nothing is lost.
handle_signals(exit_at_once(f"{Path(sys.argv[0]).stem}: stopped; `dvc repro` goes on from here"))

from vqatune.runtime.arithmetic import choose_arithmetic
from vqatune.runtime.warm_start import hand_over

# Before anything imports numpy or torch.
choose_arithmetic()

# A warm process may run the script instead.
hand_over()

from vqatune.runtime.stage import run, show_failed_import

__all__ = ["run"]

# The stage's own imports come next, before there is anything that could catch their errors.
sys.excepthook = show_failed_import
