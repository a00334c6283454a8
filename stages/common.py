"""Imported first by every stage: makes this checkout's src/ the one in use, wherever DVC runs the stage."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from vqatune.runtime.warm_start import hand_over

# A warm process may run the script instead.
hand_over()

from vqatune.runtime.stage import run

__all__ = ["run"]
