"""Portable arithmetic: the same bytes on every x86-64 processor with AVX2.

torch, oneDNN, MKL, numpy and OpenBLAS choose their kernels by the processor, and kernels differ in the last digits, from which a
training grows other scores. The variables below make them choose the same kernels everywhere; the libraries read them
when they are imported or first used. On GPUs and on ARM they change nothing.
"""

import os
import platform
import sys
from pathlib import Path

import yaml

IN_USE = "VQATUNE_ARITHMETIC"
"""The environment variable that names the arithmetic that was chosen, for the processes that are started, too."""
NATIVE = "native"
PORTABLE = "portable"
VARIABLES = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
}
"""What torch, oneDNN, MKL, numpy and its OpenBLAS are told for portable arithmetic."""


def choose_arithmetic(params: Path = Path("params.yaml")) -> None:
    """Set the environment variables of `compute.arithmetic`; call it before numpy or torch is imported.

    Without a readable `params` it is portable. Where numpy has been imported, on another architecture, and on a
    processor without AVX2, nothing is changed.
    """
    if "numpy" in sys.modules or not _has_avx2():
        return
    if _wanted(params) == PORTABLE:
        os.environ.update(VARIABLES)
        os.environ[IN_USE] = PORTABLE
    elif os.environ.get(IN_USE) == PORTABLE:
        # Inherited from a process that had chosen for itself.
        for name in (*VARIABLES, IN_USE):
            os.environ.pop(name, None)


def arithmetic_in_use() -> str:
    """Return portable or native: what this process computes by."""
    return os.environ.get(IN_USE, NATIVE)


def _wanted(params: Path) -> str:
    try:
        compute = yaml.load(params.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return str(compute["compute"]["arithmetic"])
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError, RecursionError):
        # What is wrong with the file is said by what reads all of it.
        return PORTABLE


def _has_avx2() -> bool:
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        # Not Linux; a processor of the last ten years has it.
        return True
    return " avx2 " in flags or " avx2\n" in flags
